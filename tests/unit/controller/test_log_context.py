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


async def test_the_lines_of_a_pass_have_its_fields_and_the_next_ones_have_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_context.install("INFO")
    with log_context.of_pass(("models", "churn")):
        log_context.add(generation=3, release=None)
        LOGGER.info("inside")
        later = asyncio.create_task(an_export())
    LOGGER.info("outside")
    with log_context.of_pass(("models", "churn")):
        LOGGER.info("again", extra={"reason": "Exported"})
    await later
    inside, outside, again, background = caplog.records
    assert (inside.__dict__["model"], inside.__dict__["generation"]) == ("models/churn", 3)
    assert not hasattr(inside, "release")
    assert not hasattr(outside, "reconcile")
    assert again.__dict__["reason"] == "Exported"
    assert background.__dict__["reconcile"] == inside.__dict__["reconcile"] != again.__dict__["reconcile"]


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
