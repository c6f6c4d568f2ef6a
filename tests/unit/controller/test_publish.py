"""Writing a report: once, only if it changed, and announced only after it was written."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from support.builders import NOON
from support.world import World

from e2i.api import naming
from e2i.api.model import Model
from e2i.controller.core.status.report import Report
from e2i.controller.core.status.transitions import Transition
from e2i.controller.edge.publish import publish
from e2i.kube import ApiError

READY = Transition(type="Ready", status="True", reason="Ready", message="release 1 serves", warning=False)
FAILED = Transition(type="Ready", status="False", reason="BuildFailed", message="it broke", warning=True)


def a_report(*transitions: Transition, changed: bool = True) -> Report:
    status: dict[str, Any] = {"observedGeneration": 1, "conditions": []}
    return Report(status=status, changed=changed, transitions=transitions)


@pytest.fixture
async def world() -> World:
    made = World()
    made.apply()
    return made


def model_of(world: World) -> Model:
    model = world.cache.model(("models", "churn"))
    assert model
    return model


async def told(world: World, report: Report) -> None:
    await publish(model_of(world), report, world.clients, NOON)
    await world.clients.events.close()


async def test_an_unchanged_status_is_not_written(world: World) -> None:
    await told(world, a_report(READY, changed=False))
    assert not world.kube.writes


async def test_a_changed_status_is_written_and_known_at_once(world: World) -> None:
    with world.unwatched():
        await told(world, a_report(READY))
    assert model_of(world).status["observedGeneration"] == 1
    assert world.kube.events == [("churn", "Normal", "Ready")]


async def test_trouble_is_a_warning_in_the_event_and_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "e2i"):
        await told(world, a_report(FAILED))
    assert world.kube.events == [("churn", "Warning", "BuildFailed")]
    (line,) = caplog.records
    assert (line.levelname, vars(line)["reason"]) == ("WARNING", "BuildFailed")
    assert line.getMessage() == "models/churn Ready=False BuildFailed: it broke"


async def test_nothing_is_announced_of_a_status_that_was_not_written(world: World) -> None:
    world.kube.fail.append(ApiError(500, "InternalError", "etcd is away"))
    with pytest.raises(ApiError):
        await told(world, a_report(READY))
    assert world.kube.events == []


async def test_a_model_that_is_gone_is_told_nothing(world: World) -> None:
    model = model_of(world)
    world.delete()
    await publish(model, a_report(READY), world.clients, NOON)
    assert world.kube.events == []


async def test_a_namesake_is_not_told_what_concerns_the_model_before_it(world: World) -> None:
    model = model_of(world)
    world.delete()
    world.apply()
    with pytest.raises(ApiError, match="UID"):
        await publish(model, a_report(READY), world.clients, NOON)
    assert world.status() == {}


async def test_an_event_that_is_not_taken_does_no_harm(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    refused = ApiError(403, "Forbidden", "no events here")

    async def create(*_: Any, **__: Any) -> Any:
        raise refused

    world.kube.create = create  # type: ignore[method-assign]
    await told(world, a_report(READY))
    assert world.kube.objects[naming.KIND, "models", "churn"]["status"]
    assert "was not posted" in caplog.text
