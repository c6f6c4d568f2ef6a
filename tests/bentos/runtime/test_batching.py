"""Rows of several requests, predicted together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from e2i_bento import batching
from e2i_bento.batching import Answers, CallerGone, Overloaded, RequestBatcher
from e2i_bento.card import Row


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


class Model:
    """Doubles n; refuses negative ones; the first batch takes until `go` is set."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.go = threading.Event()

    def answers(self, rows: Sequence[Row]) -> Answers:
        self.batches.append(len(rows))
        self.go.wait(10)
        if any(row["n"] < 0 for row in rows):  # type: ignore[operator]
            raise ValueError("negative")
        return [{"value": row["n"] * 2} for row in rows]  # type: ignore[operator]


async def asked(batcher: RequestBatcher, model: Model, *requests: list[int]) -> list[object]:
    """All requests at once; the first one has the model to itself while the others come in."""
    tasks = [asyncio.create_task(batcher.predict([{"n": n} for n in request])) for request in requests]
    while not model.batches:  # noqa: ASYNC110 - the model runs in a thread
        await asyncio.sleep(0)
    model.go.set()
    return await asyncio.gather(*tasks, return_exceptions=True)  # type: ignore[return-value]


def values(outcome: object) -> list[int]:
    assert isinstance(outcome, list), outcome
    return [answer["value"] for answer in outcome]


async def test_requests_that_come_while_the_model_is_busy_are_predicted_together(
    thread: ThreadPoolExecutor,
) -> None:
    model = Model()
    found = await asked(RequestBatcher(model.answers, thread), model, [1], [2, 3], [4])
    assert [values(outcome) for outcome in found] == [[2], [4, 6], [8]]
    assert len(model.batches) <= 2


async def test_one_request_alone_does_not_wait(thread: ThreadPoolExecutor) -> None:
    model = Model()
    model.go.set()
    assert values(await RequestBatcher(model.answers, thread).predict([{"n": 1}])) == [2]
    assert model.batches == [1]


async def test_a_request_that_fails_does_not_fail_those_it_was_gathered_with(
    thread: ThreadPoolExecutor,
) -> None:
    model = Model()
    first, bad, good = await asked(RequestBatcher(model.answers, thread), model, [1], [-1], [5])
    assert (values(first), values(good)) == ([2], [10])
    assert isinstance(bad, ValueError)


async def test_a_batch_keeps_to_its_size(thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MAX_BATCH_ROWS", 3)
    model = Model()
    await asked(RequestBatcher(model.answers, thread), model, [1], [2, 2], [3, 3], [4])
    assert max(model.batches) <= 3


async def test_a_caller_that_went_away_does_not_stop_the_others(thread: ThreadPoolExecutor) -> None:
    model = Model()
    batcher = RequestBatcher(model.answers, thread)
    gone = asyncio.create_task(batcher.predict([{"n": 1}]))
    while not model.batches:  # noqa: ASYNC110 - the model runs in a thread
        await asyncio.sleep(0)
    gone.cancel()
    model.go.set()
    assert values(await batcher.predict([{"n": 2}])) == [4]


class SlowModel:
    """Takes `seconds` for each row; remembers which rows it was asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.rows = seconds, list[Any]()

    def answers(self, rows: Sequence[Row]) -> Answers:
        self.rows += [row["n"] for row in rows]
        time.sleep(self.seconds * len(rows))
        return [{"value": row["n"]} for row in rows]


async def outcome_of(batcher: RequestBatcher, n: int, seconds: float) -> str:
    """What a caller gets from a service with this timeout, in seconds."""
    try:
        await asyncio.wait_for(batcher.predict([{"n": n}]), seconds)
    except TimeoutError:
        return "timed out"
    except Overloaded:
        return "refused"
    return "answered"


async def test_under_overload_as_many_are_answered_as_the_model_can_and_the_next_does_not_wait(
    thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "BATCH_SECONDS", 0.1)
    model, timeout = SlowModel(0.02), 1.0
    batcher = RequestBatcher(model.answers, thread, timeout)
    outcomes = await asyncio.gather(*(outcome_of(batcher, n, timeout) for n in range(200)))
    assert 20 <= outcomes.count("answered") <= 50
    assert outcomes.count("timed out") <= 5
    started = time.monotonic()
    await batcher.predict([{"n": -1}])
    assert time.monotonic() - started < 0.5
    assert len(model.rows) <= outcomes.count("answered") + 15


async def test_a_refused_request_says_when_to_come_again(thread: ThreadPoolExecutor) -> None:
    model = SlowModel(0.6)
    batcher = RequestBatcher(model.answers, thread, timeout=1.0)
    await batcher.predict([{"n": 0}])
    requests = [asyncio.create_task(batcher.predict([{"n": n}])) for n in range(4)]
    found = await asyncio.gather(*requests, return_exceptions=True)
    refused = [each for each in found if isinstance(each, Overloaded)]
    assert refused
    assert all(1 <= each.retry_after <= 10 for each in refused)
    assert "ask again in" in str(refused[0])


async def test_rows_whose_caller_is_gone_are_not_predicted(thread: ThreadPoolExecutor) -> None:
    model = Model()
    batcher = RequestBatcher(model.answers, thread)
    first = asyncio.create_task(batcher.predict([{"n": 1}]))
    while not model.batches:  # noqa: ASYNC110 - the model runs in a thread
        await asyncio.sleep(0)

    async def disconnected() -> bool:
        return True

    gone = asyncio.create_task(batcher.predict([{"n": 2}] * 5, disconnected))
    given_up = asyncio.create_task(batcher.predict([{"n": 3}] * 5))
    await asyncio.sleep(0)
    given_up.cancel()
    model.go.set()
    await asyncio.wait([first, gone, given_up])
    assert isinstance(gone.exception(), CallerGone)
    assert values(await batcher.predict([{"n": 4}])) == [8]
    assert model.batches == [1, 1]


async def test_a_model_that_is_slow_for_one_row_but_not_for_many_refuses_nobody(
    thread: ThreadPoolExecutor,
) -> None:
    def answers(rows: Sequence[Row]) -> Answers:
        time.sleep(0.05)
        return [{"value": row["n"]} for row in rows]

    batcher = RequestBatcher(answers, thread, timeout=5.0)
    await batcher.predict([{"n": 0}])
    outcomes = await asyncio.gather(*(outcome_of(batcher, n, 5.0) for n in range(500)))
    assert set(outcomes) == {"answered"}


async def test_the_queue_is_bounded(thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MAX_WAITING", 3)
    model = Model()
    found = await asked(RequestBatcher(model.answers, thread), model, *([n] for n in range(10)))
    assert sum(isinstance(each, Overloaded) for each in found) >= 5
    assert found[0] == [{"value": 0}]
