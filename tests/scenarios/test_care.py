"""What serves is looked after, whatever stands in the way of the next release: every obstacle in every situation."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from support.scenes import hurried, marked, mode, serve, until
from support.world import NAMESPACE, World, digest_of

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.archive.errors import BucketUnreachable
from e2i.controller.core.rules import address, capacity, deploy, table, trial
from e2i.kube import ApiError, Resource

ROLLOUT = hurried(scaleDownDelaySeconds=300)
WATCHED = hurried(scaleDownDelaySeconds=300, watch={"seconds": 300, "maxErrorRatio": "0.1"})
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


async def watched_release(world: World, obstacle: str) -> str:
    """The same, and the metrics of the second release are read; its MODE is B."""
    first = await serve(world, tag="churn:1", env=mode("A"), rollout=WATCHED)
    wanted = {"tag": "churn:2", "env": mode("B"), "rollout": WATCHED}
    world.apply(**wanted)
    await until(world, lambda: world.address() != first and len(world.guard.begun) == 2)
    second = world.address() or ""
    await getattr(Obstacles(), obstacle)(world, wanted)
    await world.run(passes=3)
    return second


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
    second = await watched_release(world, obstacle)
    world.guard.spoil("B")
    await world.run(passes=4)
    assert (world.address() == second) == (obstacle == HOLDING)
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


UNKNOWN_BENTO = [each for each in OBSTACLES if each not in (HOLDING, "yatai_missing", "next_one_failed")]
"""The last one has a release to go back to, which is made again as that."""


def lose_release(world: World, release: str) -> None:
    world.kube.remove(("BentoDeployment", NAMESPACE, naming.release_name("churn", release)))


@pytest.mark.parametrize("obstacle", UNKNOWN_BENTO)
async def test_a_serving_release_whose_deployment_was_deleted_is_made_again(
    world: World, obstacle: str
) -> None:
    only = await serve(world, tag="churn:2", replicas=3, rollout=ROLLOUT)
    await getattr(Obstacles(), obstacle)(world, {"tag": "churn:2", "replicas": 3, "rollout": ROLLOUT})
    await world.run(passes=3)
    told = world.condition()
    lose_release(world, only)
    await world.run(passes=10)
    assert (world.address(), world.shares()) == (only, {only: 3})
    assert told == "False/Building" or world.condition() == told


@pytest.mark.parametrize("obstacle", UNKNOWN_BENTO)
async def test_a_serving_release_whose_request_was_deleted_gets_it_again(world: World, obstacle: str) -> None:
    """Without its Bento, yatai-deployment could neither scale nor mend it."""
    only = await serve(world, tag="churn:2", replicas=3, rollout=ROLLOUT)
    pods = {pod["metadata"]["name"] for pod in world.all("Pod")}
    await getattr(Obstacles(), obstacle)(world, {"tag": "churn:2", "replicas": 3, "rollout": ROLLOUT})
    await world.run(passes=3)
    place = ("BentoRequest", NAMESPACE, naming.artifact_name("churn", digest_of("churn:2")))
    world.kube.remove(place)
    await world.run(passes=10)
    assert place in world.kube.objects
    assert (world.address(), world.shares()) == (only, {only: 3})
    assert {pod["metadata"]["name"] for pod in world.all("Pod")} >= pods


@pytest.mark.parametrize("obstacle", ["missing_bento", "bad_tag", "unreadable_check"])
@pytest.mark.parametrize("gone", ["BentoRequest", "Service", "both"])
async def test_it_is_made_again_from_its_record_if_nothing_else_knows_it(
    world: World, obstacle: str, gone: str
) -> None:
    """The spec has other resources by now; the record has those that the release served with."""
    before = marked("A")
    only = await serve(world, tag="churn:2", resources=before, rollout=ROLLOUT)
    spec = {"tag": "churn:2", "rollout": ROLLOUT, "resources": marked("bad")}
    await getattr(Obstacles(), obstacle)(world, spec)
    world.yatai.bad_pods.add("bad")
    await world.run(passes=3)
    (request,) = [item["metadata"]["name"] for item in world.all("BentoRequest")][:1]
    lose_release(world, only)
    if gone in ("BentoRequest", "both"):
        world.kube.remove(("BentoRequest", NAMESPACE, request))
    if gone in ("Service", "both") and obstacle == "missing_bento":
        world.kube.remove(("Service", NAMESPACE, "churn"))
    await world.run(passes=20)
    assert (world.address(), world.takes_in()) == (only, [only])


async def test_a_release_of_which_nobody_knows_the_environment_is_not_guessed(world: World) -> None:
    only = await serve(world, tag="churn:1", env=mode("A"), rollout=ROLLOUT)
    world.apply(tag="missing:1", env=mode("C"), rollout=ROLLOUT)
    await world.run(passes=3)
    await world.restart()
    lose_release(world, only)
    await world.run(passes=10)
    assert (world.address(), world.releases(), world.condition()) == (only, [], "False/BentoNotFound")
    world.apply(tag="missing:1", env=mode("A"), rollout=ROLLOUT)
    await world.run(passes=10)
    assert world.takes_in() == [only]


def end_address(world: World, release: str) -> None:
    world.kube.remove(("Service", NAMESPACE, "churn"))


def retarget(world: World, release: str) -> None:
    world.edit("Service", "churn", **FORMS["target"])


def lose_pods(world: World, release: str) -> None:
    world.yatai.sick[release] = 10
    world.yatai.step(world.now)


def spoil_metrics(world: World, release: str) -> None:
    world.guard.spoil("B")


def lose_all_releases(world: World, release: str) -> None:
    for each in world.releases():
        lose_release(world, each)


def put_to_sleep(world: World, release: str) -> None:
    scale(world, release, 0)


def enlarge(world: World, release: str) -> None:
    world.apply(tag="missing:1", replicas=5, env=mode("B"), rollout=WATCHED)


@pytest.mark.parametrize(
    ("rule", "damage", "words"),
    [
        (address.restore_deleted_service, end_address, "the address of release .* is gone"),
        (address.restore_address, retarget, "the Service is not as rendered"),
        (address.restore_address, lose_pods, "no pod at the address"),
        (trial.judge_serving_release, spoil_metrics, "exceeds its limits"),
        (address.roll_back_failed_release, spoil_metrics, "exceeds its limits"),
        (capacity.wake_idle_releases, put_to_sleep, "scaled to zero"),
        (capacity.resize_serving_release, enlarge, "serves with .* pods"),
        (deploy.restore_serving_release, lose_all_releases, "has no BentoDeployment"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_the_laws_see_when_a_rule_of_care_is_missing(
    world: World, monkeypatch: pytest.MonkeyPatch, rule: Any, damage: Any, words: str
) -> None:
    """`support.care_laws` judges every scenario; here it has something to say."""
    second = await watched_release(world, "missing_bento")
    damaging = {address.restore_address: (rule, address.roll_back_failed_release)}.get(rule, (rule,))
    monkeypatch.setattr(table, "RULES", tuple(each for each in table.RULES if each not in damaging))
    damage(world, second)
    with pytest.raises(AssertionError, match=words):
        await world.run(passes=10)
    world.operator.bugs.clear()
