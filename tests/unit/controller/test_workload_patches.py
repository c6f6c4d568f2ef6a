"""How long the operator waits before it patches a Deployment again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from e2i.controller.edge.workload_patches import WorkloadPatches

FREELY = timedelta()


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])
    return now


async def test_the_first_patches_come_at_once_and_the_next_ones_later_and_later(clock: list[float]) -> None:
    patches, waits = WorkloadPatches(), []
    for _ in range(12):
        waits.append(patches.wait("one").total_seconds())
        patches.note("one")
    assert waits == [0, 0, 0, 10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert patches.wait("two") == FREELY
    clock[0] += 700
    assert patches.wait("one") == FREELY


async def test_a_calm_hour_is_forgotten(clock: list[float]) -> None:
    patches = WorkloadPatches()
    for _ in range(4):
        patches.note("one")
    clock[0] += 4000
    patches.note("two")
    patches.note("one")
    assert patches.wait("one") == FREELY
