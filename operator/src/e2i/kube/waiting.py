"""Waits for an API server that is away, or that refuses: a process that starts does not end for that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from e2i.kube.errors import ApiError

RETRY = 3.0
"""Seconds between two attempts."""

T = TypeVar("T")


async def when_possible(attempt: Callable[[], Awaitable[T]], tell: Callable[[ApiError], None]) -> T:
    """Try until no ApiError is raised. `tell` gets each error, but not again as long as it repeats."""
    told = ""
    while True:
        try:
            return await attempt()
        except ApiError as error:
            if str(error) != told:
                told = str(error)
                tell(error)
        await asyncio.sleep(RETRY)
