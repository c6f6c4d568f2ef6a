"""Two installations of the operator that are set to have the same namespace: one operates, the other says so."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from support.fake_kube import FakeKube
from support.world import NAMESPACE, World

from e2i.api import naming
from e2i.controller.core.plan import CLUSTER_POLL
from e2i.controller.edge import claims
from e2i.controller.edge.claims import LOOK_EVERY, RELEASED_FOR
from e2i.kube import ApiError, Resource
from e2i.kube.e2i_kinds import LEASES

FIRST, SECOND = "e2i-system/e2i-operator", "ml/e2i-operator"
PLACE = (LEASES.kind, "e2i-system", "e2i-operator")
KEY = (NAMESPACE, "churn")
MODEL = (naming.KIND, *KEY)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock by which Leases are watched."""
    now = [1000.0]
    monkeypatch.setattr(claims, "seconds", lambda: now[0])
    return now


@pytest.fixture
async def contested(world: World, seconds: list[float]) -> World:
    """The first operator serves a model; then the second one is started, and the spec changes."""
    world.apply()
    await world.run()
    lease(world, "pod_1")
    await start(world, SECOND)
    world.apply(replicas=3)
    return world


def lease(world: World, holder: str, place: tuple[str, str, str] = PLACE) -> None:
    world.kube.put(
        place,
        {
            "kind": LEASES.kind,
            "metadata": {"namespace": place[1], "name": place[2]},
            "spec": {"holderIdentity": holder, "renewTime": "t", "leaseDurationSeconds": 15},
        },
    )


async def start(world: World, installation: str) -> None:
    world.lease = installation
    await world.restart()


def told(world: World) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = world.status().get("conditions", [])
    return next((each for each in found if each["type"] == "Contested"), None)


def say_again(world: World, condition: dict[str, Any] | None) -> None:
    """The second operator, which runs beside the first one, says it again."""
    body = world.kube.objects[MODEL]
    assert condition is not None
    status = body["status"]
    said = {**condition, "observedGeneration": body["metadata"]["generation"]}
    world.kube.put(MODEL, {**body, "status": {**status, "conditions": [*status["conditions"], said]}})


def pods(world: World) -> int:
    (child,) = world.all("BentoDeployment")
    wanted: int = child["spec"]["autoscaling"]["minReplicas"]
    return wanted


async def test_the_status_names_the_operator(world: World) -> None:
    world.apply()
    await world.run()
    assert world.status()["operator"] == FIRST


async def test_the_second_one_changes_nothing_and_says_why_in_the_same_words(
    contested: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    before = dict(contested.kube.writes)
    await contested.run()
    changed = {
        key: n - before.get(key, 0) for key, n in contested.kube.writes.items() if n != before.get(key, 0)
    }
    assert {verb for verb, kind in changed if kind != "Event"} == {"status"}
    assert pods(contested) == 1
    condition = told(contested)
    assert condition is not None
    assert (condition["status"], condition["reason"]) == ("True", "SeveralOperators")
    message = condition["message"]
    assert message.startswith(
        f"the operator with the Lease {FIRST} operates the models of this namespace. The one with the Lease {SECOND}"
    )
    assert "kubectl delete lease e2i-operator -n e2i-system" in message
    assert ("churn", "Warning", "SeveralOperators") in contested.kube.events
    assert any(message in event["message"] for event in contested.kube.posted.values())
    assert any(message in record.getMessage() for record in caplog.records)
    assert contested.operator.problems() == [message]
    assert contested.status()["operator"] == FIRST


async def test_it_says_it_once_for_each_spec(contested: World) -> None:
    await contested.run()
    written = contested.kube.version
    for _ in range(3):
        contested._wake(KEY)
        await contested.run()
    assert contested.kube.version == written
    contested.apply(replicas=4)
    await contested.run()
    condition = told(contested)
    assert condition is not None
    assert condition["observedGeneration"] == contested.kube.objects[MODEL]["metadata"]["generation"]


async def test_a_new_model_belongs_to_the_operator_of_its_neighbours(contested: World) -> None:
    contested.apply("later")
    await contested.run()
    assert "operator" not in contested.status("later")
    assert len(contested.all("BentoDeployment")) == 1
    await start(contested, FIRST)
    await contested.run()
    assert contested.status("later")["operator"] == FIRST
    assert contested.condition(name="later") == "True/Ready"


async def test_the_first_one_operates_on_and_does_not_fight_about_the_condition(contested: World) -> None:
    await contested.run()
    await start(contested, FIRST)
    await contested.run()
    assert pods(contested) == 3
    assert told(contested) is None, "an operator that was removed says nothing any more"
    await start(contested, SECOND)
    await contested.run()
    assert told(contested) is not None
    await start(contested, SECOND)
    written = contested.kube.version
    await contested.run()
    assert contested.kube.version == written


@pytest.mark.parametrize("holder", [None, ""], ids=["its Lease was deleted", "it was stopped in order"])
async def test_when_the_second_one_is_removed_nothing_is_contested_any_more(
    contested: World, seconds: list[float], holder: str | None
) -> None:
    """Nobody changes a spec, and the first one runs on."""
    await contested.run()
    condition = told(contested)
    await start(contested, FIRST)
    await contested.run()
    place = (LEASES.kind, *SECOND.split("/"))
    lease(contested, "second-pod_1", place)
    say_again(contested, condition)
    await contested.run()
    assert told(contested) is not None, "the second one is there"
    if holder is None:
        contested.kube.remove(place)
    else:
        lease(contested, holder, place)
    for _ in range(4):
        seconds[0] += CLUSTER_POLL.total_seconds()
        await contested.pass_time(CLUSTER_POLL.total_seconds())
        await contested.run()
    assert (told(contested), contested.condition()) == (None, "True/Ready")


async def test_a_standby_of_the_same_lease_is_no_second_operator(world: World, seconds: list[float]) -> None:
    world.apply()
    await world.run()
    lease(world, "another-pod_1")
    await start(world, FIRST)
    world.apply(replicas=3)
    await world.run()
    assert (pods(world), told(world)) == (3, None)


async def test_the_second_one_takes_over_when_the_lease_of_the_first_was_deleted(
    contested: World, seconds: list[float]
) -> None:
    await contested.run()
    contested.kube.remove(PLACE)
    seconds[0] += LOOK_EVERY
    # Nothing changes on the model: it is looked at again by itself.
    await contested.pass_time(CLUSTER_POLL.total_seconds())
    await contested.run()
    assert (pods(contested), told(contested)) == (3, None)
    assert contested.status()["operator"] == SECOND
    assert contested.operator.problems() == []


async def test_a_lease_that_was_given_away_counts_for_the_time_of_a_rollout(
    contested: World, seconds: list[float]
) -> None:
    lease(contested, "")
    await contested.run()
    seconds[0] += RELEASED_FOR - 1
    contested._wake(KEY)
    await contested.run()
    assert pods(contested) == 1
    seconds[0] += LOOK_EVERY
    contested._wake(KEY)
    await contested.run()
    assert (pods(contested), told(contested)) == (3, None)


async def test_an_operator_that_was_killed_keeps_its_models(contested: World, seconds: list[float]) -> None:
    await contested.run()
    seconds[0] += 3600
    contested._wake(KEY)
    await contested.run()
    assert pods(contested) == 1


async def test_a_lease_that_cannot_be_read_counts(contested: World, monkeypatch: pytest.MonkeyPatch) -> None:
    get = FakeKube.get

    async def refuse(self: FakeKube, resource: Resource, namespace: str | None, name: str) -> Any:
        if resource is LEASES:
            raise ApiError(403, "Forbidden", "leases is forbidden")
        return await get(self, resource, namespace, name)

    monkeypatch.setattr(FakeKube, "get", refuse)
    await contested.run()
    assert pods(contested) == 1


async def test_of_two_that_begin_at_the_same_moment_the_one_that_writes_first_operates(
    world: World, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    lease(world, "pod_1")
    apply, first = FakeKube.apply, []

    async def overtaken(self: FakeKube, resource: Resource, body: Any, **options: Any) -> Any:
        if options.get("subresource") == "status" and not first:
            # The other one was faster by a moment.
            first.append(body)
            self.put(MODEL, {**self.objects[MODEL], "status": {**body["status"], "operator": FIRST}})
        return await apply(self, resource, body, **options)

    await start(world, SECOND)
    monkeypatch.setattr(FakeKube, "apply", overtaken)
    world.apply()
    await world.run()
    assert world.status()["operator"] == FIRST
    assert world.all("BentoRequest") == []
    assert told(world) is not None


@pytest.mark.parametrize("odd", ["", "nowhere", "a/b/c", "../x", "A/B", "x" * 300])
async def test_a_status_that_names_no_operator_claims_nothing(
    world: World, seconds: list[float], odd: str
) -> None:
    world.apply()
    world.kube.put(MODEL, {**world.kube.objects[MODEL], "status": {"operator": odd}})
    await world.run()
    assert (world.condition(), world.status()["operator"]) == ("True/Ready", FIRST)


async def test_only_the_first_model_of_a_namespace_is_claimed_before_anything_else_is_written(
    world: World,
) -> None:
    """Whoever sees the second one has seen whose the first one is: a write that every model would cost is saved."""
    claims_made = []
    for name in ("churn", "later"):
        present, before = len(world.all("BentoRequest")), world.kube.writes["status", naming.KIND]
        world.apply(name)
        while len(world.all("BentoRequest")) == present:
            await world.run_due()
        claims_made.append(world.kube.writes["status", naming.KIND] - before)
        await world.run()
        assert world.status(name)["operator"] == FIRST
    assert claims_made == [1, 0]


async def test_a_model_that_was_there_before_its_neighbour_was_claimed_is_claimed_first_too(
    world: World,
) -> None:
    """Another operator may have seen it while nobody operated the neighbour."""
    for name in ("churn", "later"):
        world.apply(name)
    while len(world.all("BentoRequest")) < 2:
        await world.run_due()
        for request in world.all("BentoRequest"):
            assert world.status(request["metadata"]["labels"][naming.MODEL_LABEL])["operator"] == FIRST
