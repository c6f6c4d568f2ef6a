"""Whose turn it is: once each, never twice at the same time, namespaces in turn, backed off."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from e2i.controller.edge import work_queue
from e2i.controller.edge.work_queue import Queue, backoff

A, B, OTHER = ("models", "a"), ("models", "b"), ("other", "a")
SOON = timedelta(milliseconds=20)


async def take(queue: Queue) -> tuple[str, str]:
    return await asyncio.wait_for(queue.get(), 60)


async def nothing(queue: Queue) -> bool:
    """Whether nobody's turn it is in this moment."""
    await asyncio.sleep(0)
    return len(queue) == 0


async def test_a_key_is_handed_out_once_however_often_it_comes_in() -> None:
    queue = Queue()
    for _ in range(3):
        queue.add(A)
    assert await take(queue) == A
    assert await nothing(queue)


async def test_a_key_that_comes_in_while_it_is_worked_on_comes_again_afterwards() -> None:
    queue = Queue()
    queue.add(A)
    await take(queue)
    queue.add(A)
    assert await nothing(queue)
    queue.done(A)
    assert await take(queue) == A
    queue.done(A)
    assert await nothing(queue)


async def test_namespaces_take_turns() -> None:
    queue = Queue()
    for key in (A, B, ("models", "c"), OTHER):
        queue.add(key)
    assert [await take(queue) for _ in range(4)] == [A, OTHER, B, ("models", "c")]


async def test_a_worker_waits_for_a_key() -> None:
    queue = Queue()
    waiting = asyncio.create_task(take(queue))
    await asyncio.sleep(0)
    queue.add(A)
    assert await waiting == A


async def test_several_workers_get_several_keys() -> None:
    queue = Queue()
    waiting = [asyncio.create_task(take(queue)) for _ in range(3)]
    await asyncio.sleep(0)
    for key in (A, B, OTHER):
        queue.add(key)
    assert set(await asyncio.gather(*waiting)) == {A, B, OTHER}


async def test_an_appointment_is_kept() -> None:
    queue = Queue()
    queue.add_after(A, SOON)
    assert await nothing(queue)
    assert await take(queue) == A


async def test_the_earlier_of_two_appointments_stands() -> None:
    queue = Queue()
    queue.add_after(A, timedelta(hours=1))
    queue.add_after(A, SOON)
    queue.add_after(A, timedelta(hours=2))
    assert await take(queue) == A


async def test_a_pass_makes_older_appointments_void() -> None:
    queue = Queue()
    queue.add_after(A, SOON)
    queue.add(A)
    await take(queue)
    queue.done(A)
    queue.add_after(B, 2 * SOON)
    assert await take(queue) == B


async def test_a_model_that_is_gone_has_no_appointments() -> None:
    queue = Queue()
    queue.add_after(A, SOON)
    queue.forget(A)
    queue.add_after(B, 2 * SOON)
    assert await take(queue) == B


async def test_a_pass_that_changed_something_is_followed_by_another_at_once_but_not_for_ever() -> None:
    queue = Queue()
    for _ in range(work_queue.FREE_RETURNS):
        queue.changed(A)
        assert await take(queue) == A
        queue.done(A)
    queue.changed(A)
    assert await nothing(queue)
    assert await take(queue) == A


async def test_a_key_that_is_changed_without_an_end_is_slowed_down_and_another_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Events make it due at once, however many passes have changed something."""
    monkeypatch.setattr(work_queue, "BURST", 3)
    queue = Queue()
    for _ in range(3):
        queue.add(A)
        assert await take(queue) == A
        queue.changed(A)
        queue.settled(A)
        queue.done(A)
        while len(queue):
            queue.done(await take(queue))
    queue.add(A)
    assert await take(queue) == A
    queue.changed(A)
    queue.add(A)
    queue.done(A)
    assert await nothing(queue)
    queue.add(B)
    assert await take(queue) == B
    assert await take(queue) == A, "a second later"


async def test_success_shortens_the_next_delay_again(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(work_queue, "backoff", lambda count: counts.append(count) or timedelta(0))
    queue = Queue()
    for _ in range(3):
        queue.failed(A)
    queue.settled(A)
    queue.failed(A)
    queue.failed(B)
    assert counts == [1, 2, 3, 1, 1]


@pytest.mark.parametrize(
    ("count", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (10**6, 60.0)]
)
def test_the_delay_doubles_up_to_a_minute(count: int, longest: float) -> None:
    for _ in range(20):
        assert 0.75 * longest <= backoff(count).total_seconds() <= longest
