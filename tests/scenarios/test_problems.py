"""What goes wrong around the operator: strangers, refusals, missing kinds, an export that fails."""

from __future__ import annotations

from typing import Any

import pytest
from support.scenes import mode, quiet, serve
from support.world import World, digest_of

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.kube import ApiError, Resource

WRITES = ("Service", "BentoRequest", "BentoDeployment", naming.KIND, "Event")


@pytest.mark.parametrize("kind", ["Service", "BentoRequest", "BentoDeployment"])
async def test_a_stranger_s_object_is_neither_adopted_nor_deleted(world: World, kind: str) -> None:
    world.apply("probe", tag="churn:1")
    await world.run()
    name = {
        "Service": "churn",
        "BentoRequest": world.all("BentoRequest")[0]["metadata"]["name"].replace("probe", "churn"),
        "BentoDeployment": world.all("BentoDeployment")[0]["metadata"]["name"].replace("probe", "churn"),
    }[kind]
    world.stranger(kind, name)
    before = world.kube.objects[kind, "models", name]
    world.apply(tag="churn:1")
    await world.run()
    assert world.condition() == "False/NameTaken"
    assert world.condition("Stalled") == "True/NameTaken"
    assert world.kube.objects[kind, "models", name] == before
    world.delete()
    await world.run()
    assert world.kube.objects[kind, "models", name] == before
    world.apply(tag="churn:1")
    world.kube.remove((kind, "models", name))
    await world.run()
    assert world.condition() == "True/Ready"


async def test_a_stranger_that_the_watch_has_not_told_of_yet_is_not_adopted(world: World) -> None:
    name = naming.artifact_name("churn", digest_of("churn:1"))
    with world.unwatched():
        world.stranger("BentoRequest", name)
    before = world.kube.objects["BentoRequest", "models", name]
    world.apply()
    await world.run(passes=10)
    assert world.condition() == "False/NameTaken"
    assert world.kube.objects["BentoRequest", "models", name] == before


async def test_yatai_is_installed_later(world: World) -> None:
    world.kube.missing = {"BentoRequest", "BentoDeployment"}
    await world.restart()
    world.apply()
    await world.run(passes=5)
    assert world.condition() == "False/YataiNotInstalled"
    assert world.exports_begun == []
    world.kube.missing = set()
    await world.operator.resync()
    await world.run()
    assert world.condition() == "True/Ready"


async def test_yatai_that_goes_away_while_the_operator_runs_is_told(world: World) -> None:
    world.apply()
    await world.run(passes=1, yatai=False)
    world.kube.missing = {"BentoRequest", "BentoDeployment"}
    world.apply("second")
    await world.run(passes=3, yatai=False)
    assert world.condition(name="second") == "False/YataiNotInstalled"


@pytest.mark.parametrize("status", [409, 403, 422, 500, 0])
@pytest.mark.parametrize("number", range(14))
async def test_any_write_may_be_refused_once(world: World, number: int, status: int) -> None:
    """The write is tried again, and the model gets where it should."""
    answers = [ApiError(200, "", "")] * number + [ApiError(status, "Refused", "refused for a test")]
    original = world.kube._write

    def write(verb: str, resource: object) -> None:
        answer = answers.pop(0) if answers else None
        original(verb, resource)  # type: ignore[arg-type]
        if answer and answer.status != 200:
            raise answer

    world.kube._write = write  # type: ignore[method-assign]
    world.apply()
    await world.run(passes=120)
    assert world.condition() == "True/Ready"
    world.kube.writes.clear()
    await world.run_pass()
    assert not world.kube.writes


async def test_a_refusal_is_reported_with_what_was_written_before_it(world: World) -> None:
    """The pass that wrote saw the model as it was before, so the next one reports the refusal."""
    original = world.kube.apply

    async def apply(resource: Resource, *args: Any, **options: Any) -> dict[str, Any]:
        if resource.kind == "BentoDeployment":
            raise ApiError(403, "Forbidden", "quota exceeded")
        return await original(resource, *args, **options)

    world.kube.apply = apply  # type: ignore[method-assign]
    world.apply()
    told = set()
    for _ in range(10):
        await world.run_pass()
        told.add((world.condition(), world.condition("ImageBuilt")))
    assert {built for ready, built in told if ready == "False/Refused"} == {"False/Building"}


@pytest.mark.parametrize(
    ("status", "reason", "stalled"),
    [
        (403, "Refused", True),
        (422, "Refused", True),
        (500, "ApiUnavailable", False),
        (409, "NameTaken", True),
    ],
)
async def test_a_refusal_that_lasts_is_told(world: World, status: int, reason: str, stalled: bool) -> None:
    original = world.kube._write

    def write(verb: str, resource: object) -> None:
        original(verb, resource)  # type: ignore[arg-type]
        if verb == "apply":
            raise ApiError(status, "AlreadyExists" if status == 409 else "Refused", "quota exceeded")

    world.kube._write = write  # type: ignore[method-assign]
    world.apply()
    await world.run(passes=20)
    assert world.condition() == f"False/{reason}"
    assert (world.condition("Stalled") == f"True/{reason}") is stalled
    message = world.status()["conditions"][0]["message"]
    assert "the BentoRequest of churn was not written" in message
    assert "quota exceeded" in message
    world.kube.writes.clear()
    await world.run_pass()
    assert world.kube.writes == {("apply", "BentoRequest"): 1}, "tried again, told once"


async def test_a_service_that_somebody_removed_comes_back_at_once(world: World) -> None:
    """Not only when the next release is ready, and although the present one lacks a pod."""
    first = await serve(world, env=mode("A"), replicas=3)
    world.yatai.sick[first] = 1
    world.yatai.bad_pods.add("B")
    world.apply(env=mode("B"), replicas=3)
    await world.run(passes=2)
    world.kube.remove(("Service", "models", "churn"))
    await world.run(passes=2)
    assert world.shares() == {first: 2}
    world.kube.remove(("Service", "models", "churn"))
    world.apply(env=mode("C"), replicas=3)
    await world.run(passes=60)
    assert world.condition() == "True/Ready"
    assert len(world.history()) == 2
    await quiet(world)


@pytest.mark.parametrize("kind", ["BentoDeployment", "BentoRequest", "Deployment"])
async def test_a_child_that_somebody_removed_is_made_again(world: World, kind: str) -> None:
    release = await serve(world, env=mode("A"), replicas=3)
    world.kube.remove(next(place for place in world.kube.objects if place[0] == kind))
    await world.run(passes=60)
    assert (world.condition(), world.shares()) == ("True/Ready", {release: 3})
    await quiet(world)


async def test_a_bento_that_comes_later_is_found(world: World) -> None:
    world.problems["churn:1"] = Problem(reason=Reason.BentoNotFound, message="none", stalled=True)
    world.apply()
    await world.run(passes=20)
    assert world.condition() == "False/BentoNotFound"
    world.problems.clear()
    await world.later()
    await world.run()
    assert world.condition() == "True/Ready"


async def test_a_bad_model_does_not_hold_up_the_others(world: World) -> None:
    world.apply("bad", tag="missing:1")
    world.apply("worse", tag="churn:latest")
    world.apply("good")
    await world.run()
    found = [world.condition(name=name) for name in ("bad", "worse", "good")]
    assert found == ["False/BentoNotFound", "False/TagRefused", "True/Ready"]


async def test_a_condition_that_flaps_is_counted_in_few_events(world: World) -> None:
    """A release whose only pod stops to be ready ten times."""
    release = await serve(world)
    posted, told = len(world.kube.posted), len(world.kube.events)
    for _ in range(10):
        world.yatai.sick[release] = 1
        await world.run(passes=5)
        world.yatai.sick[release] = 0
        await world.run(passes=5)
    assert len(world.kube.events) - told >= 20
    assert len(world.kube.posted) - posted <= 4
