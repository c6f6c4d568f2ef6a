"""The Deployment, the autoscaler and the Service that one BentoDeployment gets: values in, objects out."""

from __future__ import annotations

from typing import Any

from e2i.kube import Object
from e2i.local.yatai.kinds import (
    AUTOSCALER,
    BENTO_DEPLOYMENT,
    DEPLOYMENT,
    SERVICE,
    controller_reference,
    name_and_version,
)
from e2i.local.yatai.pod_template import pod_spec
from e2i.local.yatai.quantities import canonical

TARGET_TYPE = "yatai.ai/bento-deployment-target-type"
STRATEGIES: dict[str, dict[str, Any]] = {
    "Recreate": {"type": "Recreate"},
    "RampedSlowRollout": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
    "BestEffortControlledRollout": {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "20%"},
    },
}
ROLLING_UPDATE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
CPU_80_PERCENT = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


def deployment(owner: Object, bento: Object) -> Object:
    """The Deployment, without `replicas`: its autoscaler owns them, and each update sets them to 1.

    Unreconcilable when a value of the BentoDeployment cannot be used.
    """
    name = owner["metadata"]["name"]
    extra = owner["spec"].get("extraPodMetadata", {})
    labels = child_labels(owner, bento)
    pod_labels = labels | {"yatai.ai/selector": name} | extra.get("labels", {})
    spec = {
        "selector": {"matchLabels": {"yatai.ai/selector": name}},
        "strategy": strategy(owner["spec"].get("annotations", {})),
        "template": {
            "metadata": {"labels": pod_labels, "annotations": child_annotations(owner, bento)},
            "spec": pod_spec(owner, bento),
        },
    }
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": child_metadata(owner, bento),
        "spec": spec,
    }


def autoscaler(owner: Object, bento: Object) -> Object:
    """The autoscaler, which there always is; `behavior` is dropped."""
    wanted = owner["spec"].get("autoscaling", {"minReplicas": 1, "maxReplicas": 1})
    return {
        "apiVersion": AUTOSCALER.api_version,
        "kind": AUTOSCALER.kind,
        "metadata": child_metadata(owner, bento),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": DEPLOYMENT.api_version,
                "kind": DEPLOYMENT.kind,
                "name": owner["metadata"]["name"],
            },
            "minReplicas": wanted["minReplicas"],
            "maxReplicas": wanted["maxReplicas"],
            "metrics": [stored_metric(metric) for metric in wanted.get("metrics") or [CPU_80_PERCENT]],
        },
    }


def service(owner: Object, bento: Object) -> Object:
    selector = child_labels(owner, bento)
    del selector[TARGET_TYPE]
    ports = [("http", 3000), ("http-non-proxy", 3001)]
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": child_metadata(owner, bento),
        "spec": {
            "selector": selector,
            "ports": [
                {"name": name, "port": port, "targetPort": "http", "protocol": "TCP"} for name, port in ports
            ],
        },
    }


def child_metadata(owner: Object, bento: Object) -> Object:
    return {
        "name": owner["metadata"]["name"],
        "namespace": owner["metadata"]["namespace"],
        "labels": child_labels(owner, bento),
        "annotations": child_annotations(owner, bento),
        "ownerReferences": [controller_reference(owner, BENTO_DEPLOYMENT)],
    }


def child_labels(owner: Object, bento: Object) -> dict[str, str]:
    """`spec.labels` go over Yatai's own; `metadata.labels` reach no child."""
    repository, version = name_and_version(bento["spec"]["tag"])
    own = {
        "yatai.ai/bento-deployment": owner["metadata"]["name"],
        "yatai.ai/bento-deployment-component-type": "api-server",
        TARGET_TYPE: "production",
        "yatai.ai/bento-repository": repository,
        "yatai.ai/bento-version": version,
        "yatai.ai/creator": "yatai-deployment",
    }
    return {**own, **owner["spec"].get("labels", {})}


def child_annotations(owner: Object, bento: Object) -> dict[str, str]:
    """`extraPodMetadata.annotations` reach every child; `spec.annotations` reach none."""
    repository, version = name_and_version(bento["spec"]["tag"])
    own = {"yatai.ai/bento-repository": repository, "yatai.ai/bento-version": version}
    return {**own, **owner["spec"].get("extraPodMetadata", {}).get("annotations", {})}


def strategy(annotations: dict[str, str]) -> Object:
    """The rollout that `yatai.ai/deployment-strategy` names; an unknown name is a rolling update."""
    return STRATEGIES.get(annotations.get("yatai.ai/deployment-strategy", ""), ROLLING_UPDATE)


def stored_metric(metric: Object) -> Object:
    """The metric with its quantities as the API server stores them; ones it will refuse stay as they are."""
    source = metric.get("resource", {})
    target = dict(source.get("target", {}))
    for field in ("value", "averageValue"):
        if field in target:
            try:
                target[field] = canonical(str(target[field]))
            except ValueError:
                continue
    return metric if not source else {**metric, "resource": {**source, "target": target}}
