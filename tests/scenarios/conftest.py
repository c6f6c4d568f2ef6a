"""A new world for each scenario."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from support.world import World

from e2i import clock


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = World()
    made.play_time()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    yield made
    await made.close()
