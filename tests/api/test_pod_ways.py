"""One description, two ways: the policy e2i-pods and a patched Deployment give a pod the same, alone and together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.cluster import TestCluster
from support.operating import apply_policies

from e2i.api import naming, pod_annotations, pod_fields
from e2i.api.fields import Fields
from e2i.api.model import Rollout, Shape
from e2i.controller.core.render.pod_template import lacks_fields, patched_deployment, unheld
from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import DEPLOYMENTS, PODS

pytestmark = pytest.mark.api

RUNTIME_CLASSES = Resource("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", namespaced=False)
PRIORITY_CLASSES = Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False)
POLICY = Path(__file__).resolve().parents[2] / "manifests" / "policies" / "pods.yaml"
MANAGER = "e2i-operator-pods"
PATIENCE = 90.0
FIELDS: dict[str, dict[str, Any]] = {
    "startup": {"probes": {"startup": {"httpGet": {"path": "/started", "port": 3001}, "periodSeconds": 1}}},
    "readiness": {"probes": {"readiness": {"periodSeconds": 3, "successThreshold": 2}}},
    "liveness": {"probes": {"liveness": {"periodSeconds": 7}}},
    "env": {
        "env": [
            {"name": "FIRST", "valueFrom": {"secretKeyRef": {"name": "db", "key": "user"}}},
            {"name": "SECOND", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}},
        ]
    },
    "envFrom": {
        "envFrom": [{"secretRef": {"name": "all"}}, {"prefix": "P_", "configMapRef": {"name": "all"}}]
    },
    "volumes": {
        "volumes": [
            {"name": "s", "secret": {"secretName": "x"}},
            {"name": "c", "configMap": {"name": "y"}},
            {"name": "d", "persistentVolumeClaim": {"claimName": "z"}},
            {"name": "w", "persistentVolumeClaim": {"claimName": "w", "readOnly": False}},
            {"name": "e", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            {"name": "f", "emptyDir": {}},
        ],
        "volumeMounts": [
            {"name": "s", "mountPath": "/s"},
            {"name": "d", "mountPath": "/d"},
            {"name": "e", "mountPath": "/e", "readOnly": True, "subPath": "a"},
            {"name": "f", "mountPath": "/f"},
        ],
    },
    "imagePullSecrets": {"imagePullSecrets": [{"name": "registry"}]},
    "priorityClassName": {"priorityClassName": "e2i-test-high"},
    "runtimeClassName": {"runtimeClassName": "e2i-test-runtime"},
    "terminationGracePeriodSeconds": {"terminationGracePeriodSeconds": 90},
    "no grace": {"terminationGracePeriodSeconds": 0},
    "enableServiceLinks": {"enableServiceLinks": False},
}
"""Each field that holds in both ways."""
EVERYTHING: dict[str, Any] = {
    **{name: value for given in FIELDS.values() for name, value in given.items()},
    "probes": {name: FIELDS[name]["probes"][name] for name in ("startup", "readiness", "liveness")},
}


def template(annotations: dict[str, str]) -> Object:
    """The pods of a Deployment as yatai-deployment 1.1.21 writes it, reduced to what others may touch."""
    probe: dict[str, Any] = {"initialDelaySeconds": 5, "timeoutSeconds": 5, "failureThreshold": 12}
    alive: dict[str, Any] = {"initialDelaySeconds": 10, "timeoutSeconds": 20, "failureThreshold": 6}
    main = {
        "name": "main",
        "image": "model",
        "ports": [{"name": "http", "containerPort": 3000}],
        "env": [{"name": "PORT", "value": "3000"}],
        "resources": {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, **probe},
        "livenessProbe": {"httpGet": {"path": "/livez", "port": "http"}, **alive},
        "volumeMounts": [{"name": "shared-memory", "mountPath": "/dev/shm"}],
    }
    return {
        "metadata": {"labels": {"yatai.ai/selector": "churn"}, "annotations": annotations},
        "spec": {
            "containers": [main, {"name": "proxy", "image": "proxy"}],
            "volumes": [{"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}],
        },
    }


@pytest.fixture
async def kube(control_plane: TestCluster) -> AsyncIterator[Kube]:
    home = control_plane.own_home("the policies of a cluster of somebody's own are not changed")
    apply_policies(home, POLICY)
    async with await Kube.from_kubeconfig(control_plane.kubeconfig) as connected:
        for resource, name, more in (
            (PRIORITY_CLASSES, "e2i-test-high", {"value": 1000}),
            (RUNTIME_CLASSES, "e2i-test-runtime", {"handler": "runc"}),
        ):
            if not await connected.get(resource, None, name):
                await connected.create(resource, None, {"metadata": {"name": name}, **more})
        await until_in_force(connected)
        yield connected


async def pod(kube: Kube, made: Object, *, policy: bool) -> Object:
    """The pod of a template as the API server would store it. Only with the release's label the policy looks at it."""
    labels = {**made["metadata"]["labels"], **({naming.RELEASE_LABEL: "0b1d77e2"} if policy else {})}
    metadata = {"name": "churn", "labels": labels, "annotations": made["metadata"]["annotations"]}
    body = {"metadata": metadata, "spec": made["spec"]}
    return await kube.request("POST", PODS.path("default"), body=body, query={"dryRun": "All"})


async def patched(kube: Kube, asked: dict[str, str]) -> Object:
    """The template of a Deployment after the operator's apply."""
    body: Object = {
        "metadata": {"name": "churn"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"yatai.ai/selector": "churn"}},
                 "template": template(asked)},
    }  # fmt: skip
    made = await kube.create(DEPLOYMENTS, "default", body, manager="yatai-deployment")
    try:
        patch = patched_deployment("default", "churn", asked, is_runner=False)
        patch["metadata"]["uid"] = made["metadata"]["uid"]
        once = await kube.apply(DEPLOYMENTS, patch, manager=MANAGER, force=True)
        again = await kube.apply(DEPLOYMENTS, patch, manager=MANAGER, force=True)
        assert again["metadata"]["generation"] == once["metadata"]["generation"], (
            "the same again changes nothing"
        )
        found: Object = again["spec"]["template"]
        assert not lacks_fields(found, is_runner=False), (
            "it is seen that all is there, as the server stores it"
        )
        return found
    finally:
        await kube.delete(DEPLOYMENTS, "default", "churn")


def compared(made: Object) -> Object:
    """Its spec without what depends on the way: the order of variables and of volumes, which means nothing, and the
    pause before its end, which only the policy e2i-pre-stop gives (docs/decisions/0059-pods-pause-before-they-end.md).
    """
    spec = {**made["spec"]}
    spec["volumes"] = sorted(
        (each for each in spec["volumes"] if "api-access" not in each["name"]), key=by_name
    )
    containers = []
    for each in spec["containers"]:
        mounts = [one for one in each.get("volumeMounts", ()) if "serviceaccount" not in one["mountPath"]]
        paths = sorted(mounts, key=lambda mount: str(mount["mountPath"]))
        told = {name: value for name, value in each.items() if name != "lifecycle"}
        containers.append({**told, "env": sorted(each.get("env", ()), key=by_name), "volumeMounts": paths})
    return {**spec, "containers": containers}


def by_name(item: Object) -> str:
    return str(item["name"])


async def until_in_force(kube: Kube) -> None:
    """An API server needs a moment to take a policy up."""
    asked = asked_by({"terminationGracePeriodSeconds": 7})
    deadline = time.monotonic() + PATIENCE
    while not await is_in_force(kube, template(asked)):
        assert time.monotonic() < deadline, "the policy did not come into force"
        await asyncio.sleep(0.2)


async def is_in_force(kube: Kube, made: Object) -> bool:
    try:
        found = await pod(kube, made, policy=True)
    except ApiError as error:
        if "error looking up service account" not in error.message:
            raise
        return False
    return bool(found["spec"]["terminationGracePeriodSeconds"] == 7)


def asked_by(spec: dict[str, Any]) -> dict[str, str]:
    return pod_annotations.policy_annotations(pod_fields.encode(Fields(spec)))


@pytest.mark.parametrize("spec", [*FIELDS.values(), EVERYTHING], ids=[*FIELDS, "everything"])
async def test_both_ways_give_a_pod_the_same_and_so_do_both_together(
    kube: Kube, spec: dict[str, Any]
) -> None:
    asked = asked_by(spec)
    bare = await pod(kube, template(asked), policy=False)
    by_policy = await pod(kube, template(asked), policy=True)
    made = await patched(kube, asked)
    by_patch, by_both = await pod(kube, made, policy=False), await pod(kube, made, policy=True)
    assert compared(bare) != compared(by_policy), "it has an effect"
    assert compared(by_patch) == compared(by_policy)
    assert compared(by_both) == compared(by_policy)
    assert [
        each["metadata"]["annotations"].get(pod_annotations.GIVEN) for each in (bare, by_policy, by_patch)
    ] == [
        None,
        "v1",
        "Deployment",
    ]
    assert unheld(Shape(type="Classification", pod=pod_fields.encode(Fields(spec))), "", Rollout()) == ()
    for each in (by_policy, by_patch):
        assert each["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}


async def test_a_deployment_that_is_gone_or_has_another_uid_is_never_made(kube: Kube) -> None:
    patch = patched_deployment("default", "nobody", asked_by(EVERYTHING), is_runner=False)
    patch["metadata"]["uid"] = "0b1d77e2-0000-0000-0000-000000000000"
    with pytest.raises(ApiError) as refused:
        await kube.apply(DEPLOYMENTS, patch, manager=MANAGER, force=True)
    assert refused.value.status == 409
    assert await kube.get(DEPLOYMENTS, "default", "nobody") is None
