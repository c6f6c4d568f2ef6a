"""Goes round all models, a few at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from e2i.controller.edge.work_queue import Key


async def go_round(keys: Iterable[Key], at_once: int, visit: Callable[[Key], Awaitable[None]]) -> None:
    """Call `visit` once for each key, for at most `at_once` of them at the same time. `visit` must not raise."""
    waiting = list(keys)

    async def visit_next() -> None:
        while waiting:
            await visit(waiting.pop())

    await asyncio.gather(*(visit_next() for _ in range(at_once)))
