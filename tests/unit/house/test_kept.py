"""What is costly to start is started once, and ended as soon as no test needs it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import pytest
from support.cluster import Kept

Log = list[str]


@pytest.fixture
def log() -> Log:
    return []


def starting(log: Log, name: str) -> contextlib.AbstractContextManager[str]:
    @contextlib.contextmanager
    def start() -> Iterator[str]:
        log.append(f"start {name}")
        yield name
        log.append(f"end {name}")

    return start()


def test_it_is_started_once(log: Log) -> None:
    kept = Kept()
    assert [kept.enter("plane", functools.partial(starting, log, "plane")) for _ in range(2)] == [
        "plane",
        "plane",
    ]
    assert log == ["start plane"]


def test_what_the_next_test_needs_stays_and_the_rest_ends(log: Log) -> None:
    kept = Kept()
    for name in ("plane", "whole"):
        kept.enter(name, functools.partial(starting, log, name))
    kept.end_all_but(["whole", "tmp_path"])
    assert log == ["start plane", "start whole", "end plane"]


def test_what_ended_is_started_again_when_it_is_asked_for(log: Log) -> None:
    kept = Kept()
    kept.enter("plane", functools.partial(starting, log, "plane"))
    kept.end_all_but([])
    kept.enter("plane", functools.partial(starting, log, "plane"))
    assert log == ["start plane", "end plane", "start plane"]
