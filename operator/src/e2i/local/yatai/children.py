"""Make the Deployment, the autoscaler and the Service of one part of a BentoDeployment. Pure."""

from __future__ import annotations

from typing import Any

from e2i.api import quantities
from e2i.kube import Object
from e2i.local.yatai.parts import TARGET_TYPE, Part
from e2i.local.yatai.pod_template import pod_spec
from e2i.local.yatai.yatai_kinds import (
    AUTOSCALER,
    BENTO_DEPLOYMENT,
    DEPLOYMENT,
    SERVICE,
    controller_reference,
)

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


def deployment(part: Part) -> Object:
    """Return the Deployment without `replicas`: its autoscaler owns the field, and each update resets it to 1.

    ReconcileError if a value of the BentoDeployment cannot be used.
    """
    selector = {"yatai.ai/selector": part.name}
    extra = part.settings.get("extraPodMetadata", {})
    spec = {
        "selector": {"matchLabels": selector},
        "strategy": strategy(part.settings.get("annotations", {})),
        "template": {
            "metadata": {
                "labels": part.labels | selector | extra.get("labels", {}),
                "annotations": part.annotations,
            },
            "spec": pod_spec(part),
        },
    }
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": child_metadata(part, part.name),
        "spec": spec,
    }


def autoscaler(part: Part) -> Object:
    """Return the autoscaler, which every part has; `behavior` is dropped."""
    wanted = part.settings.get("autoscaling", {"minReplicas": 1, "maxReplicas": 1})
    return {
        "apiVersion": AUTOSCALER.api_version,
        "kind": AUTOSCALER.kind,
        "metadata": child_metadata(part, part.name),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": DEPLOYMENT.api_version,
                "kind": DEPLOYMENT.kind,
                "name": part.name,
            },
            "minReplicas": wanted["minReplicas"],
            "maxReplicas": wanted["maxReplicas"],
            "metrics": [stored_metric(metric) for metric in wanted.get("metrics") or [CPU_80_PERCENT]],
        },
    }


def service(part: Part) -> Object:
    # A runner's selector keeps the label, by which yatai-deployment marks the objects that it makes for debugging.
    left_out = {TARGET_TYPE} if part.runner is None else set()
    selector = {name: value for name, value in part.labels.items() if name not in left_out}
    ports = [("http", 3000), ("http-non-proxy", 3001)]
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": child_metadata(part, part.service_name),
        "spec": {
            "selector": selector,
            "ports": [
                {"name": name, "port": port, "targetPort": "http", "protocol": "TCP"} for name, port in ports
            ],
        },
    }


def child_metadata(part: Part, name: str) -> Object:
    return {
        "name": name,
        "namespace": part.owner["metadata"]["namespace"],
        "labels": part.labels,
        "annotations": part.annotations,
        "ownerReferences": [controller_reference(part.owner, BENTO_DEPLOYMENT)],
    }


def strategy(annotations: dict[str, str]) -> Object:
    """Return the strategy that `yatai.ai/deployment-strategy` names; an unknown name is a rolling update."""
    return STRATEGIES.get(annotations.get("yatai.ai/deployment-strategy", ""), ROLLING_UPDATE)


def stored_metric(metric: Object) -> Object:
    """Return the metric with its quantities as the API server stores them; invalid ones stay as they are."""
    kind = str(metric.get("type", "")).lower()
    source = metric.get(kind, {})
    target = dict(source.get("target", {}))
    for field in ("value", "averageValue"):
        if field in target:
            try:
                target[field] = quantities.stored(str(target[field]))
            except ValueError:
                continue
    return metric if not source else {**metric, kind: {**source, "target": target}}
