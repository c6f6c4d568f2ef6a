"""Slots that calls keep which never return: the next ones are served, until nobody can be served any more."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import pytest

from e2i.controller.edge.jobs import turns as module
from e2i.controller.edge.jobs.turns import Hung, Turns


@pytest.fixture(autouse=True)
def one_substitute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HUNG", 1)


async def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def hang(turns: Turns, back: threading.Event, times: int) -> None:
    """Let so many calls hang, one after the other."""
    for _ in range(times):
        with pytest.raises(Hung):
            await turns.run(turns.queue("models"), lambda beat: back.wait(30), 0.05)


async def test_hung_calls_that_keep_all_slots_are_said_and_counted_until_one_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns, back = Turns("export", 2), threading.Event()
    await hang(turns, back, 2)
    assert list(turns.signs()) == [], "one slot is left"
    await hang(turns, back, 1)
    (sign,) = turns.signs()
    assert (sign.task, sign.limit, sign.age < 30) == ("the queue 'export'", module.LONGEST_BLOCK, True)
    told = [each for each in caplog.records if each.levelno == logging.CRITICAL]
    assert [each.getMessage() for each in told] == [
        "export: calls that do not return keep all 2 slots, and nobody is served; if that lasts for 600 s, the "
        "liveness probe fails, because only a restart frees them"
    ]
    next_one = asyncio.create_task(turns.run(turns.queue("models"), lambda beat: "served", 30))
    await asyncio.sleep(0)
    assert not next_one.done()
    back.set()
    assert await next_one == "served"
    await until(lambda: turns.hung == 0)
    assert list(turns.signs()) == []
