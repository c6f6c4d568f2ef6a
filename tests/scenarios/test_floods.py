"""A hundred failing models do not flood the log: what is new is a line, what goes on is a line now and then."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.scenes import mode
from support.world import World

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.edge import log_context
from e2i.kube import ApiError, Resource

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "read-the-logs.md"
LOGGER = logging.getLogger(log_context.LOGGER)
HOUR, STEP = 3600, 60.0


@pytest.fixture
async def logged(world: World, caplog: pytest.LogCaptureFixture) -> AsyncIterator[pytest.LogCaptureFixture]:
    """The lines that the operator writes, filtered as in its process."""
    filters, level = list(LOGGER.filters), LOGGER.level
    log_context.install("INFO", asyncio.get_running_loop().time)
    yield caplog
    LOGGER.filters[:] = filters
    LOGGER.setLevel(level)


@pytest.fixture
async def failing(world: World) -> None:
    """A hundred models that fail in four ways, for as long as nobody corrects them."""
    write = world.kube._write

    def refusing(verb: str, resource: Resource) -> None:
        write(verb, resource)
        if resource.kind == "BentoDeployment":
            raise ApiError(403, "Forbidden", f"denied the request {world.now.timestamp():.0f}")

    world.kube._write = refusing  # type: ignore[method-assign]
    for number in range(25):
        world.apply(f"missing-{number}", tag=f"missing:{number}")
        world.problems[f"failing:{number}"] = Problem(
            reason=Reason.ExportFailed, message="the bucket is away"
        )
        world.apply(f"failing-{number}", tag=f"failing:{number}")
        world.apply(f"refused-{number}", tag=f"churn:{number}")
        world.apply(f"refused-too-{number}", tag=f"churn:{number}", env=mode("crash"))


async def test_a_hundred_failing_models_stay_below_the_documented_number_of_lines_in_an_hour(
    world: World, failing: None, logged: pytest.LogCaptureFixture
) -> None:
    for _ in range(int(HOUR / STEP)):
        # What a pass found out is forgotten by the next step of the clock.
        while await world.run_due():
            pass
        world.yatai.step(world.now)
        await world.pass_time(STEP)
    found = re.search(r"at most ([0-9,]+) lines in an hour", PAGE.read_text())
    assert found
    warned = [record.getMessage() for record in logged.records]
    assert 100 <= len(warned) <= int(found[1].replace(",", ""))
    assert all(any(f"/{name}" in line for line in warned) for name in ("missing-7", "failing-7", "refused-7"))
    assert any("times more since the last such line" in line for line in warned)
