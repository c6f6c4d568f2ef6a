"""Whatever happens in whatever order: in the end every model is served or says why not, and it is quiet.

The world asserts on its own what must hold at every moment (`support.laws`): no write of the operator takes the
last ready pod out of an address, no release with requests is deleted or edited, none takes requests that was not
verified where that is asked for, and none that the ledger does not know.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.deep import examples
from support.story import Step, Story
from support.world import World

from e2i import clock

SPEC = (
    "tag",
    "env",
    "replicas",
    "park",
    "suspend",
    "strategy",
    "rollback",
    "verify",
    "watch",
    "history",
    "keep",
)
ANNOTATIONS = ("retry", "promote", "pause")
TROUBLES = ("bad build", "slow build", "bad pods", "crashing", "unpullable", "refused", "parked", "sick")
JUDGEMENTS = ("bad answers", "slow answers", "bad metrics")
DISASTERS = ("fault", "bucket", "edit", "restart", "rebuild", "again", "gone")
NAMES = SPEC + ANNOTATIONS + TROUBLES + JUDGEMENTS + DISASTERS
OFTEN = ("tag", "env", "time", "time", "time", "strategy", "verify", "rollback")
MOST_STATUSES = 30
"""That one way to rest may take: a build, pods one by one, a canary's steps, a failure, and the way back."""
steps: Any = st.lists(st.tuples(st.sampled_from(NAMES + OFTEN), st.integers(0, 3)), max_size=18)


async def live(story: list[Step]) -> None:
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: world.clock.now())
        await world.start()
        told = Story(world)
        for step in story:
            await told.take(step)
        world.release_store.failure = None
        world.statuses.clear()
        await world.run(passes=300)
        assert len(world.statuses) <= MOST_STATUSES, "a status that never comes to rest"
        told.check_told()
        told.check_consistent()
        await told.check_quiet()
        await world.close()


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(steps)
# What was found this way, and is fixed.
@example([("time", 2), ("strategy", 1), ("env", 0)])
@example([("time", 2), ("env", 2), ("time", 1), ("replicas", 1), ("refused", 2)])
@example([("env", 0), ("time", 2), ("gone", 0), ("unpullable", 0), ("tag", 1)])
@example([("env", 0), ("time", 1), ("unpullable", 0)])
@example([("env", 0), ("parked", 0), ("rollback", 2)])
@example([("time", 2), ("sick", 1), ("env", 2), ("unpullable", 2), ("rebuild", 3)])
@example([("rollback", 2), ("bad build", 0), ("time", 1), ("bad build", 0)])
@example([("env", 0), ("replicas", 1), ("watch", 1), ("bad metrics", 0)])
def test_every_story_ends_and_is_quiet_afterwards(story: list[Step]) -> None:
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(live(story))
    finally:
        logging.disable(logging.NOTSET)
