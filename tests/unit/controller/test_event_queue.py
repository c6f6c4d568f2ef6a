"""Events in the background: in order for each model, in turn among models, few at a time, and bounded."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from support.builders import NOON, a_model

from e2i.api.model import Model
from e2i.controller.core.status.transitions import Transition
from e2i.controller.edge import event_queue as module
from e2i.controller.edge.event_queue import EventQueue
from e2i.controller.edge.work_queue import Queue

A, B = a_model(name="a"), a_model(name="b")


def said(message: str) -> Transition:
    return Transition(type="Ready", status="True", reason="Ready", message=message, warning=False)


class Recorder:
    """Records events, each when `may_go` is set."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.end: asyncio.Queue[str] = asyncio.Queue()
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.broken: set[str] = set()

    async def record(self, model: Model, transition: Transition, _: datetime) -> None:
        text = f"{model.name}{transition.message}"
        self.begun.append(text)
        await self.may_go.wait()
        if text in self.broken:
            raise ValueError("a bug")
        self.ended.append(text)
        self.end.put_nowait(text)


@pytest.fixture
async def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def events(recorder: Recorder) -> EventQueue:
    return EventQueue(recorder.record)


async def test_the_events_of_a_model_stay_in_order_and_models_take_turns(
    events: EventQueue, recorder: Recorder
) -> None:
    for number in "123":
        events.add(A, said(number), NOON)
    events.add(B, said("1"), NOON)
    await events.close()
    assert recorder.ended == ["a1", "b1", "a2", "a3"]


async def test_passes_that_wait_for_a_worker_go_first(recorder: Recorder) -> None:
    passes = Queue()
    events = EventQueue(recorder.record, passes.calm)
    poster = asyncio.create_task(events.run())
    passes.add(("models", "c"))
    events.add(A, said("1"), NOON)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not recorder.begun
    key = await passes.get()
    async with asyncio.timeout(60):
        await passes.calm()
        assert await recorder.end.get() == "a1"
    passes.done(key)
    poster.cancel()
    await asyncio.gather(poster, return_exceptions=True)


async def test_a_burst_without_an_end_holds_up_no_event_for_ever(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_YIELD", 0.01)
    passes = Queue()
    passes.add(("models", "c"))
    events = EventQueue(recorder.record, passes.calm)
    poster = asyncio.create_task(events.run())
    for number in "12":
        events.add(A, said(number), NOON)
    async with asyncio.timeout(60):
        assert [await recorder.end.get() for _ in "12"] == ["a1", "a2"]
    poster.cancel()
    await asyncio.gather(poster, return_exceptions=True)


async def test_the_end_of_the_operator_waits_for_no_pass(recorder: Recorder) -> None:
    passes = Queue()
    passes.add(("models", "c"))
    events = EventQueue(recorder.record, passes.calm)
    poster = asyncio.create_task(events.run())
    events.add(A, said("1"), NOON)
    await asyncio.sleep(0)
    poster.cancel()
    await asyncio.gather(poster, return_exceptions=True)
    await events.close()
    assert recorder.ended == ["a1"]


async def test_two_events_of_one_model_are_never_posted_at_the_same_time(
    events: EventQueue, recorder: Recorder
) -> None:
    recorder.may_go.clear()
    posters = [asyncio.create_task(events.run()) for _ in range(3)]
    for number in "12":
        events.add(A, said(number), NOON)
        events.add(B, said(number), NOON)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert recorder.begun == ["a1", "b1"]
    recorder.may_go.set()
    for poster in posters:
        poster.cancel()
    await asyncio.gather(*posters, return_exceptions=True)
    await events.close()
    assert sorted(recorder.ended) == ["a1", "a2", "b1", "b2"]


async def test_one_that_was_interrupted_is_posted_at_the_end(events: EventQueue, recorder: Recorder) -> None:
    recorder.may_go.clear()
    poster = asyncio.create_task(events.run())
    events.add(A, said("1"), NOON)
    events.add(A, said("2"), NOON)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    poster.cancel()
    await asyncio.gather(poster, return_exceptions=True)
    recorder.may_go.set()
    await events.close()
    assert recorder.ended == ["a1", "a2"]


async def test_a_bug_and_a_hung_server_cost_their_own_event_only(
    events: EventQueue, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.02)
    recorder.broken.add("a1")
    for number in "12":
        events.add(A, said(number), NOON)
    await events.close()
    recorder.may_go.clear()
    events.add(B, said("1"), NOON)
    await events.close()
    assert recorder.ended == ["a2"]
    assert caplog.text.count("was not posted") == 2


async def test_the_end_does_not_wait_for_a_hung_server(
    events: EventQueue, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST_PATIENCE", 0.02)
    recorder.may_go.clear()
    events.add(A, said("1"), NOON)
    await asyncio.wait_for(events.close(), 60)
    assert recorder.ended == []


async def test_what_is_too_much_is_dropped_and_counted_in_one_line(
    events: EventQueue, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 4)
    for number in range(10):
        events.add(A, said(str(number)), NOON)
    await events.close()
    assert recorder.ended == ["a0", "a1", "a2", "a3"]
    assert [each.getMessage() for each in caplog.records] == ["6 events were dropped: more than 4 waited"]
    events.add(A, said("later"), NOON)
    await events.close()
    assert recorder.ended[-1] == "alater"
