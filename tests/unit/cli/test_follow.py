"""How following ends."""

from __future__ import annotations

import asyncio

from e2i.cli.plugin.follow import _end


async def test_a_watch_that_loses_the_first_cancel_is_cancelled_again() -> None:
    begun = asyncio.Event()

    async def loses_one() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    task = asyncio.create_task(loses_one())
    await begun.wait()
    async with asyncio.timeout(60):
        await _end([task])
    assert task.cancelled()
