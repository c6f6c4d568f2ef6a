"""Rows of several requests, predicted together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2i_bento import batching
from e2i_bento.batching import Answers, RequestBatcher
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


async def asked(gathering: RequestBatcher, model: Model, *requests: list[int]) -> list[object]:
    """All requests at once; the first one has the model to itself while the others come in."""
    tasks = [asyncio.create_task(gathering.predict([{"n": n} for n in request])) for request in requests]
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
    gathering = RequestBatcher(model.answers, thread)
    gone = asyncio.create_task(gathering.predict([{"n": 1}]))
    while not model.batches:  # noqa: ASYNC110 - the model runs in a thread
        await asyncio.sleep(0)
    gone.cancel()
    model.go.set()
    assert values(await gathering.predict([{"n": 2}])) == [4]
