"""The policy e2i-pre-stop on a real API server: pods of a model pause before they end, whatever shape they have."""

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
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import PODS

pytestmark = pytest.mark.api

POLICIES = Path(__file__).resolve().parents[2] / "manifests" / "policies"
PATIENCE = 60.0
USUAL = {"preStop": {"sleep": {"seconds": 5}}}
BEFORE = {"preStop": {"exec": {"command": ["true"]}}}
AFTER_START = {"postStart": {"exec": {"command": ["true"]}}}
HELPER = {"name": "proxy", "image": "proxy"}


@pytest.fixture
async def kube(control_plane: TestCluster) -> AsyncIterator[Kube]:
    home = control_plane.own_home("the policies of a cluster of somebody's own are not changed")
    apply_policies(home, POLICIES / "pods.yaml", POLICIES / "pre-stop.yaml")
    async with await Kube.from_kubeconfig(control_plane.kubeconfig) as connected:
        deadline = time.monotonic() + PATIENCE
        while not await are_in_force(connected):
            assert time.monotonic() < deadline, "the policies did not come into force"
            await asyncio.sleep(0.2)
        yield connected


async def are_in_force(kube: Kube) -> bool:
    """An API server needs a moment to take policies up."""
    try:
        pod = await create(kube, asked={"terminationGracePeriodSeconds": 7})
    except ApiError as error:
        if "error looking up service account" not in error.message:
            raise
        return False
    return pod["spec"]["terminationGracePeriodSeconds"] == 7 and bool(lifecycle_of(pod))


async def create(
    kube: Kube,
    *containers: Object,
    asked: Object | None = None,
    labels: dict[str, str] | None = None,
    main: Object | None = None,
    **spec: Any,
) -> Object:
    """The pod as the API server would store it; it is not stored."""
    metadata: Object = {"name": "churn"}
    metadata["labels"] = {naming.RELEASE_LABEL: "0b1d77e2"} if labels is None else labels
    if asked is not None:
        metadata["annotations"] = pod_annotations.policy_annotations(pod_fields.encode(Fields(asked)))
    body = {
        "metadata": metadata,
        "spec": {"containers": [*containers, {"name": "main", "image": "model", **(main or {})}], **spec},
    }
    return await kube.request("POST", PODS.path("default"), body=body, query={"dryRun": "All"})


def lifecycle_of(pod: Object, name: str = "main") -> Object | None:
    (found,) = [each for each in pod["spec"]["containers"] if each["name"] == name]
    lifecycle: Object | None = found.get("lifecycle")
    return lifecycle


SIDECAR = {"name": "log", "image": "log", "restartPolicy": "Always"}
SHAPES = [
    pytest.param({}, 5, id="without annotations and grace period"),
    pytest.param({"asked": {}}, 5, id="with no annotation"),
    pytest.param({"terminationGracePeriodSeconds": 10}, 5, id="the pause is half of the grace period"),
    pytest.param({"terminationGracePeriodSeconds": 9}, 4, id="a shorter grace period"),
    pytest.param({"terminationGracePeriodSeconds": 2}, 1, id="the shortest grace period with a pause"),
    pytest.param({"terminationGracePeriodSeconds": 1}, 0, id="no time for a pause"),
    pytest.param({"terminationGracePeriodSeconds": 0}, 0, id="ended at once"),
    pytest.param({"asked": {"terminationGracePeriodSeconds": 90}}, 5, id="the model asks for a long one"),
    pytest.param({"asked": {"terminationGracePeriodSeconds": 6}}, 3, id="the model asks for a short one"),
    pytest.param({"asked": {"terminationGracePeriodSeconds": 0}}, 0, id="the model asks for none"),
    pytest.param({"asked": {"enableServiceLinks": False}}, 5, id="the model asks for something else"),
    pytest.param(
        {
            "labels": {
                naming.RELEASE_LABEL: "0b1d77e2",
                "yatai.ai/bento-deployment-component-type": "runner",
            }
        },
        5,
        id="the runner of an old-style bento",
    ),
    pytest.param(
        {"initContainers": [{"name": "main-init", "image": "init"}, SIDECAR]},
        5,
        id="init containers and a sidecar",
    ),
    pytest.param(
        {"restartPolicy": "Never", "hostNetwork": True}, 5, id="never restarted, on the host's network"
    ),
]


@pytest.mark.parametrize(("shape", "seconds"), SHAPES)
async def test_a_pod_of_a_model_pauses_for_at_most_half_of_its_grace_period(
    kube: Kube, shape: dict[str, Any], seconds: int
) -> None:
    pod = await create(kube, HELPER, **shape)
    assert lifecycle_of(pod) == ({"preStop": {"sleep": {"seconds": seconds}}} if seconds else None)
    assert lifecycle_of(pod, "proxy") is None
    if seconds:
        assert pod["spec"]["terminationGracePeriodSeconds"] >= 2 * seconds


async def test_what_a_container_has_already_is_kept(kube: Kube) -> None:
    assert lifecycle_of(await create(kube, main={"lifecycle": BEFORE})) == BEFORE
    assert lifecycle_of(await create(kube, main={"lifecycle": AFTER_START})) == AFTER_START | USUAL
    assert lifecycle_of(await create(kube, main={"lifecycle": {}})) == USUAL
    other = await create(kube, {**HELPER, "lifecycle": BEFORE})
    assert (lifecycle_of(other, "proxy"), lifecycle_of(other)) == (BEFORE, USUAL)


async def test_a_pod_of_somebody_else_is_as_it_was(kube: Kube) -> None:
    for labels in ({}, {naming.MODEL_LABEL: "churn"}):
        assert lifecycle_of(await create(kube, labels=labels)) is None
    assert lifecycle_of(await create(kube, main={"name": "other"}), "other") is None
