from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[float]]:
    """The pauses that were made, none of which takes time."""
    made: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        made.append(seconds)
        await sleep(0)

    monkeypatch.setattr("e2i.gateway.directory.asyncio.sleep", pause)
    return lambda: [seconds for seconds in made if seconds]
