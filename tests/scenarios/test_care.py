"""What serves is looked after, whatever stands in the way of the next release: every obstacle in every situation."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from support.scenes import hurried, mode, serve, until
from support.world import NAMESPACE, World, digest_of

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.archive.errors import BucketUnreachable
from e2i.kube import ApiError, Resource

ROLLOUT = hurried(scaleDownDelaySeconds=300)
CANARY = hurried(strategy="Canary", steps=[{"setWeight": 50}, {"pause": {}}])
YATAI = {"BentoRequest", "BentoDeployment"}
NEXT = "churn:3"


def refuse_status(world: World) -> None:
    """Let no status be written any more."""
    original = world.kube._write

    def write(verb: str, resource: Resource) -> None:
        if verb == "status":
            raise ApiError(422, "Invalid", "status.conditions[0].message: Invalid value")
        original(verb, resource)

    world.kube._write = write  # type: ignore[method-assign]


class Obstacles:
    """Each stands in the way of a next release, and comes with a change of the spec."""

    async def missing_bento(self, world: World, spec: dict[str, Any]) -> None:
        world.apply(**spec | {"tag": "missing:1"})

    async def bucket_away(self, world: World, spec: dict[str, Any]) -> None:
        world.problems[NEXT] = Problem(reason=Reason.BucketUnreachable, message="no answer")
        world.release_store.failure = BucketUnreachable("no answer")
        world.apply(**spec | {"tag": NEXT})

    async def ledger_unreadable(self, world: World, spec: dict[str, Any]) -> None:
        world.release_store.failure = BucketUnreachable("no answer")
        world.apply(**spec | {"tag": NEXT})

    async def bad_tag(self, world: World, spec: dict[str, Any]) -> None:
        world.apply(**spec | {"tag": "churn:latest"})

    async def unreadable_check(self, world: World, spec: dict[str, Any]) -> None:
        world.apply(**spec | {"rollout": spec["rollout"] | {"verify": [{"path": "predict"}]}})

    async def yatai_missing(self, world: World, spec: dict[str, Any]) -> None:
        world.kube.missing = set(YATAI)
        await world.operator.resync()
        world.apply(**spec | {"tag": NEXT})

    async def name_taken(self, world: World, spec: dict[str, Any]) -> None:
        world.stranger("BentoRequest", naming.artifact_name("churn", digest_of(NEXT)))
        world.apply(**spec | {"tag": NEXT})

    async def status_refused(self, world: World, spec: dict[str, Any]) -> None:
        refuse_status(world)
        world.apply(**spec | {"tag": NEXT, "env": mode("slow")})
        world.yatai.bad_pods.add("slow")

    async def next_one_failed(self, world: World, spec: dict[str, Any]) -> None:
        world.yatai.crashing.add("bad")
        world.apply(**spec | {"tag": NEXT, "env": mode("bad")})
        await until(world, lambda: world.condition() == "False/CrashLoop")

    async def suspended(self, world: World, spec: dict[str, Any]) -> None:
        world.apply(**spec | {"tag": NEXT, "suspend": True})


OBSTACLES = [name for name in vars(Obstacles) if not name.startswith("_")]
HOLDING = "suspended"
"""The only one that is meant to hold the operator: what serves is left as it is, and its address comes back."""


async def two_releases(world: World, obstacle: str, **spec: Any) -> tuple[str, str]:
    """The second release serves and is judged, the first one has its pods; the next one cannot come."""
    first = await serve(world, tag="churn:1", replicas=3, rollout=ROLLOUT)
    wanted = {"tag": "churn:2", "replicas": 3, "rollout": ROLLOUT}
    world.apply(**wanted)
    await until(world, lambda: world.address() != first and world.condition() == "True/Ready")
    second = world.address() or ""
    await getattr(Obstacles(), obstacle)(world, wanted | spec)
    await world.run(passes=3)
    return first, second


def scale(world: World, release: str, pods: int) -> None:
    place = ("Deployment", NAMESPACE, naming.release_name("churn", release))
    old = world.kube.objects[place]
    world.kube.put(place, {**old, "spec": {**old["spec"], "replicas": pods}})


@pytest.mark.parametrize("obstacle", OBSTACLES)
async def test_a_deleted_service_comes_back(world: World, obstacle: str) -> None:
    _, second = await two_releases(world, obstacle)
    world.kube.remove(("Service", NAMESPACE, "churn"))
    await world.run(passes=3)
    assert world.shares() == {second: 3}


FORMS: dict[str, dict[str, Any]] = {
    "selector": {"selector": {"app": "debug"}},
    "target": {"ports": [{"name": "http", "port": 3000, "targetPort": 9999, "protocol": "TCP"}]},
    "port": {"ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]},
    "type": {"type": "NodePort"},
}


@pytest.mark.parametrize(
    ("obstacle", "form"),
    [*((each, "selector") for each in OBSTACLES), *itertools.product(["missing_bento"], FORMS)],
)
async def test_an_edited_service_is_as_rendered_again(world: World, obstacle: str, form: str) -> None:
    await two_releases(world, obstacle)
    before = world.kube.objects["Service", NAMESPACE, "churn"]["spec"]
    world.edit("Service", "churn", **FORMS[form])
    edited = world.kube.objects["Service", NAMESPACE, "churn"]["spec"]
    await world.run(passes=3)
    expected = edited if obstacle == HOLDING else before
    assert world.kube.objects["Service", NAMESPACE, "churn"]["spec"] == expected


@pytest.mark.parametrize("obstacle", OBSTACLES)
async def test_a_sick_release_gives_way_to_the_one_before(world: World, obstacle: str) -> None:
    first, second = await two_releases(world, obstacle)
    world.yatai.sick[second] = 10
    await world.run(passes=4)
    assert world.address() == (second if obstacle == HOLDING else first)


@pytest.mark.parametrize("obstacle", [each for each in OBSTACLES if each != "next_one_failed"])
async def test_bad_metrics_give_way_to_the_one_before(world: World, obstacle: str) -> None:
    """With a release that failed already, the one that stands in for it is kept."""
    watched = hurried(scaleDownDelaySeconds=300, watch={"seconds": 300, "maxErrorRatio": "0.1"})
    first = await serve(world, tag="churn:1", env=mode("A"), rollout=watched)
    wanted = {"tag": "churn:2", "env": mode("B"), "rollout": watched}
    world.apply(**wanted)
    await until(world, lambda: world.address() != first and len(world.guard.begun) == 2)
    second = world.address()
    await getattr(Obstacles(), obstacle)(world, wanted)
    await world.run(passes=3)
    world.guard.spoil("B")
    await world.run(passes=4)
    assert world.address() == (second if obstacle == HOLDING else first)
    if obstacle == HOLDING:
        return
    if obstacle != "status_refused":
        assert (second, "RolledBack") in world.history()
    if obstacle not in ("bucket_away", "ledger_unreadable"):
        assert (second, "Failed") in [(each.release, each.result) for each in world.release_store.records()]


@pytest.mark.parametrize("obstacle", [each for each in OBSTACLES if each != "yatai_missing"])
async def test_the_number_of_pods_follows_the_spec(world: World, obstacle: str) -> None:
    _, second = await two_releases(world, obstacle, replicas=5)
    await world.run(passes=6)
    assert world.shares() == {second: 3 if obstacle == HOLDING else 5}


@pytest.mark.parametrize("obstacle", OBSTACLES)
async def test_a_deployment_at_zero_gets_its_pods_back(world: World, obstacle: str) -> None:
    first, second = await two_releases(world, obstacle)
    scale(world, second, 0)
    scale(world, first, 0)
    await world.run(passes=6)
    left = 0 if obstacle == HOLDING else 3
    assert world.pods_of(second) == left
    # The one before goes when the next one is complete, which the ledger alone holds up.
    assert world.pods_of(first) == left or first not in world.releases()


@pytest.mark.parametrize(
    "obstacle", [each for each in OBSTACLES if each not in (HOLDING, "unreadable_check")]
)
async def test_an_overtaken_canary_gives_its_share_back(world: World, obstacle: str) -> None:
    stable = await serve(world, tag="churn:1", replicas=4, rollout=CANARY)
    wanted = {"tag": "churn:2", "replicas": 4, "rollout": CANARY}
    world.apply(**wanted)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    assert len(world.takes_in()) == 2
    await getattr(Obstacles(), obstacle)(world, wanted)
    await world.run(passes=6)
    assert world.shares() == {stable: 4}


async def test_a_canary_keeps_its_share_while_its_bento_has_to_be_found_again(world: World) -> None:
    """Somebody deleted its BentoRequest, and the store is empty."""
    await serve(world, tag="churn:1", replicas=4, rollout=CANARY)
    world.apply(tag="churn:2", replicas=4, rollout=CANARY)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    shares = world.shares()
    world.problems["churn:2"] = Problem(reason=Reason.BucketUnreachable, message="no answer")
    await world.later()
    world.kube.remove(("BentoRequest", NAMESPACE, naming.artifact_name("churn", digest_of("churn:2"))))
    await world.run(passes=10)
    assert world.condition() == "False/BucketUnreachable"
    assert world.shares() == shares
    world.problems.clear()
    await world.later()
    await world.run(passes=10)
    assert world.condition() == "False/CanaryPaused"
