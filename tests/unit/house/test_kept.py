"""What is costly to start is started once, and ended as soon as no test needs it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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


def test_within_a_file_it_stays_also_for_tests_that_do_not_ask_for_it(log: Log) -> None:
    asks, does_not, another = an_item("a", "plane"), an_item("a"), an_item("b", "tmp_path")
    kept = in_session(asks, does_not, another)
    kept.enter("plane", functools.partial(starting, log, "plane"))
    kept.end_unneeded(asks, does_not)
    assert log == ["start plane"]
    kept.end_unneeded(does_not, another)
    assert log == ["start plane", "end plane"]


def test_it_stays_for_the_next_file_whose_first_test_does_not_ask_for_it(log: Log) -> None:
    asks, first, second = an_item("a", "plane"), an_item("b"), an_item("b", "plane")
    kept = in_session(asks, first, second)
    kept.enter("plane", functools.partial(starting, log, "plane"))
    kept.end_unneeded(asks, first)
    assert log == ["start plane"]


def an_item(file: str, *fixtures: str) -> Any:
    return SimpleNamespace(path=Path(file), fixturenames=fixtures)


def in_session(*items: Any) -> Kept:
    for item in items:
        item.session = SimpleNamespace(items=items)
    return Kept()
