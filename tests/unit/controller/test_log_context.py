"""Each line names its pass and what that is about, also the lines of what a pass started in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from e2i.api import naming
from e2i.controller.edge import log_context

LOGGER = logging.getLogger(log_context.LOGGER)
DEBUG = {naming.LOG_LEVEL_ANNOTATION: "DEBUG"}


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    filters, level = list(LOGGER.filters), LOGGER.level
    yield
    LOGGER.filters[:] = filters
    LOGGER.setLevel(level)


async def test_the_lines_of_a_pass_have_its_fields_and_those_of_its_background_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_context.install("INFO")
    LOGGER.info("before")
    log_context.begin_pass(("models", "churn"))
    log_context.add(generation=3, release=None)
    LOGGER.info("inside")
    background = asyncio.create_task(an_export())
    log_context.begin_pass(("models", "fraud"))
    LOGGER.info("again", extra={"reason": "Exported"})
    await background
    before, inside, again, later = caplog.records
    assert not hasattr(before, "reconcile")
    assert (inside.__dict__["model"], inside.__dict__["generation"]) == ("models/churn", 3)
    assert not hasattr(inside, "release")
    assert (again.__dict__["model"], again.__dict__["reason"]) == ("models/fraud", "Exported")
    assert not hasattr(again, "generation")
    assert later.__dict__["reconcile"] == inside.__dict__["reconcile"] != again.__dict__["reconcile"]


async def an_export() -> None:
    LOGGER.info("an export goes on")


def test_an_annotation_of_the_lease_changes_the_level_and_its_end_changes_it_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_context.install("WARNING")
    level = log_context.LogLevel("WARNING")
    for each in ({}, DEBUG, DEBUG, {"other": "DEBUG"}):
        level.follow(each)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        (name, f"the log has lines of level {name} and above now") for name in ("DEBUG", "WARNING")
    ]
    assert LOGGER.level == logging.WARNING


def test_a_level_that_does_not_exist_is_named_once_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_context.install("INFO")
    level = log_context.LogLevel("INFO")
    for _ in range(2):
        level.follow({naming.LOG_LEVEL_ANNOTATION: "LOUD"})
    (line,) = caplog.records
    assert (
        "serving.e2i.dev/log-level=LOUD of the Lease is no level: give it one of DEBUG" in line.getMessage()
    )
    assert LOGGER.level == logging.INFO
