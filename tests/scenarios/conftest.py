"""A new world for each scenario."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
from support.world import World

from e2i import clock


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    random.seed(0)  # The queue spreads its delays.
    made = World()
    monkeypatch.setattr(clock, "now", lambda: made.clock.now())
    await made.start()
    yield made
    await made.close()
