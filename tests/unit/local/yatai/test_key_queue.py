"""The queue holds a key once, keeps the order, and gives a failed key more and more time."""

from __future__ import annotations

import asyncio

from e2i.local.yatai.key_queue import LONGEST_DELAY, Workqueue

A, B = ("n", "a"), ("n", "b")


async def test_a_key_waits_once_and_in_order() -> None:
    queue = Workqueue()
    for key in (A, B, A):
        queue.add(key)
    assert [await queue.take(), await queue.take()] == [A, B]
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.add(B)
    assert await waiting == B


async def test_a_failed_key_comes_back_by_itself() -> None:
    queue = Workqueue()
    queue.add_failed(A)
    assert await asyncio.wait_for(queue.take(), timeout=30) == A


async def test_delays_double_up_to_a_bound_and_start_again_after_success() -> None:
    queue = Workqueue()
    delays = [queue.add_failed(A) for _ in range(40)]
    assert delays[:3] == [0.005, 0.01, 0.02]
    assert delays[-1] == LONGEST_DELAY
    queue.forget(A)
    assert queue.add_failed(A) == 0.005
