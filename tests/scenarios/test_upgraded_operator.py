"""An operator of another version, whose Services and budgets look otherwise: old ones get what new ones have."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from support.scenes import hurried, mode, quiet, serve, until
from support.world import NAMESPACE, World

from e2i.api import naming
from e2i.archive.errors import BucketUnreachable
from e2i.controller.core.render import disruption_budget, manifests
from e2i.controller.core.render.templates import fill
from e2i.controller.edge.jobs import model_jobs

KINDS = ("Service", "PodDisruptionBudget")
CANARY = hurried(strategy="Canary", steps=[{"setWeight": 50}, {"pause": {}}])
Change = Callable[[dict[str, Any]], None]


def label(manifest: dict[str, Any]) -> None:
    manifest["metadata"]["labels"]["team"] = "models"


def field(manifest: dict[str, Any]) -> None:
    added = {"sessionAffinity": "None"} if manifest["kind"] == "Service" else {"maxUnavailable": 2}
    manifest["spec"] |= added


def port(manifest: dict[str, Any]) -> None:
    if manifest["kind"] == "Service":
        manifest["spec"]["ports"][0]["appProtocol"] = "http"
    else:
        manifest["spec"]["maxUnavailable"] = 2


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change | None], None]:
    """Makes the operator one of another version: it renders its Services and budgets with this change."""

    def render(change: Change | None) -> None:
        def changed(version: str, template: str, values: Mapping[str, Any]) -> dict[str, Any]:
            made = fill(version, template, values)
            if change and made["kind"] in KINDS:
                change(made)
            return made

        monkeypatch.setattr(manifests, "fill", changed)
        monkeypatch.setattr(disruption_budget, "fill", changed)

    return render


def found(world: World) -> dict[str, dict[str, Any]]:
    return {kind: world.kube.objects[kind, NAMESPACE, "churn"] for kind in KINDS}


def essence(world: World) -> dict[str, Any]:
    """What people see of the two objects."""
    return {kind: essence_of(each) for kind, each in found(world).items()}


def essence_of(manifest: dict[str, Any]) -> dict[str, Any]:
    metadata = manifest["metadata"]
    return {
        "labels": metadata["labels"],
        "annotations": metadata.get("annotations"),
        "spec": manifest["spec"],
    }


def pods(world: World) -> set[str]:
    return {pod["metadata"]["uid"] for pod in world.all("Pod")}


@pytest.mark.parametrize("change", [label, field, port])
async def test_a_changed_template_reaches_old_objects_by_one_write_each_and_no_pod_ends(
    world: World, version: Callable[[Change | None], None], change: Change
) -> None:
    await serve(world, replicas=2)
    before, running, status = essence(world), pods(world), world.status()
    changed = copy.deepcopy(found(world))
    for manifest in changed.values():
        change(manifest)
    version(change)
    world.kube.writes.clear()
    await world.restart()
    await world.run(passes=5)
    assert world.kube.writes == {("apply", kind): 1 for kind in KINDS}
    assert essence(world) == {kind: essence_of(manifest) for kind, manifest in changed.items()} != before
    assert (pods(world), world.status()) == (running, status)
    await quiet(world)

    version(None)
    world.kube.writes.clear()
    await world.restart()
    await world.run(passes=5)
    assert world.kube.writes == {("apply", kind): 1 for kind in KINDS}
    assert essence(world) == before, "what an older version does not know goes when it is back"
    assert (pods(world), world.status()) == (running, status)
    await quiet(world)


@pytest.mark.parametrize("bucket", ["slow", "refusing"])
async def test_the_address_stays_shared_while_a_canary_waits_and_its_status_says_nothing_else_meanwhile(
    world: World, version: Callable[[Change | None], None], monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    """Also while the bucket is slow or refuses: an operator that starts writes the record of a canary again."""
    await serve(world, replicas=2, env=mode("A"), rollout=CANARY)
    world.apply(replicas=2, env=mode("B"), rollout=CANARY)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    await world.run(passes=3)
    service = found(world)["Service"]
    version(label)
    world.kube.writes.clear()
    answered = threading.Event()

    def meanwhile(deed: str) -> None:
        if deed != "write" or answered.is_set():
            return
        if bucket == "refusing":
            raise BucketUnreachable("no answer")
        answered.wait(60)

    world.release_store.before = meanwhile
    monkeypatch.setattr(model_jobs, "PATIENCE", 0.0 if bucket == "slow" else 60.0)
    await world.restart()
    await world.run(passes=5)
    answered.set()
    await world.run(passes=5)
    assert world.kube.writes == {("apply", kind): 1 for kind in KINDS}
    after = found(world)["Service"]
    assert after["metadata"]["labels"]["team"] == "models"
    assert after["metadata"]["annotations"] == service["metadata"]["annotations"]
    assert after["spec"]["selector"] == service["spec"]["selector"] == {naming.MODEL_LABEL: "churn"}
    assert world.condition() == "False/CanaryPaused"


async def test_a_suspended_model_gets_it_when_it_goes_on(
    world: World, version: Callable[[Change | None], None]
) -> None:
    await serve(world, replicas=2)
    world.apply(replicas=2, suspend=True)
    await world.run(passes=3)
    version(label)
    await world.restart()
    await world.run(passes=5)
    assert [each["metadata"]["labels"].get("team") for each in found(world).values()] == [None, None]
    world.apply(replicas=2)
    await world.run(passes=5)
    assert [each["metadata"]["labels"].get("team") for each in found(world).values()] == ["models"] * 2


async def test_what_others_add_stays_and_costs_no_write(world: World) -> None:
    await serve(world, replicas=2)
    service = found(world)["Service"]
    other = {
        "manager": "mesh",
        "operation": "Apply",
        "fieldsV1": {"f:metadata": {"f:labels": {"f:mesh": {}}}},
    }
    metadata = {
        **service["metadata"],
        "labels": {**service["metadata"]["labels"], "mesh": "on"},
        "managedFields": [other, *service["metadata"]["managedFields"]],
    }
    world.kube.put(
        ("Service", NAMESPACE, "churn"),
        {**service, "metadata": metadata, "spec": {**service["spec"], "clusterIP": "10.0.0.1"}},
    )
    await quiet(world)
    assert found(world)["Service"]["metadata"]["labels"]["mesh"] == "on"
