"""Releases, good and bad, while requests come to the model: no client may notice them.

The scenarios of the first half are played side by side, because most of their time is waiting for pods.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support import perils
from support.cluster import TestCluster
from support.e2e import FIRST, SECOND, place, ready
from support.rollouts import Run, a_serving_model, with_two_pods
from support.stage import Stage

from e2i.api import naming

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

RATE = 20.0
SIDE_BY_SIDE: tuple[Callable[[Stage, str, float], Coroutine[Any, Any, Run]], ...] = (
    perils.good_release,
    perils.answers_nan,
    perils.canary,
    perils.errors_after_switch,
)
Runs = dict[str, "asyncio.Task[Run]"]
ROLLBACK_WITHIN = 1.0
"""Seconds from the decision to the last request that met the failed release on a new connection."""
OUTAGE = 2.0
"""Seconds without a good answer; a plain change in place costs five and more."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    async with place(local_cluster) as stage:
        # Used last; its pods start beside the others.
        await with_two_pods(stage, "killed")
        yield stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runs(stage: Stage) -> AsyncIterator[Runs]:
    """Each scenario's Run, to be waited for."""

    async def play(scenario: Callable[[Stage, str, float], Coroutine[Any, Any, Run]], name: str) -> Run:
        await a_serving_model(stage, name)
        return await scenario(stage, name, RATE)

    tasks = {
        scenario.__name__: asyncio.create_task(play(scenario, scenario.__name__.replace("_", "-")))
        for scenario in SIDE_BY_SIDE
    }
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


def nobody_noticed(run: Run) -> None:
    assert run.tally.failures == {}
    assert run.tally.longest_gap() < OUTAGE
    assert run.tally.longest_gap(fresh=True) < OUTAGE


async def test_a_good_release_of_another_bento_costs_no_request(runs: Runs) -> None:
    run = await runs["good_release"]
    nobody_noticed(run)
    assert run.tally.bentos == [FIRST, SECOND]


async def test_a_release_that_answers_nan_never_gets_a_request(runs: Runs) -> None:
    run = await runs["answers_nan"]
    nobody_noticed(run)
    assert run.tally.releases == [naming.release_name("answers-nan", run.before)]
    assert run.after == run.before


async def test_a_canary_takes_the_share_that_its_status_says(runs: Runs) -> None:
    run = await runs["canary"]
    nobody_noticed(run)
    assert run.tally.bentos == [FIRST, SECOND]
    assert len(run.shares) >= 2
    for share in run.shares:
        assert share.answers == pytest.approx(share.weight, abs=20), share


async def test_a_release_that_fails_after_the_switch_goes_back_within_a_second(runs: Runs) -> None:
    run = await runs["errors_after_switch"]
    assert run.after == run.before
    # Its pods end at once, because clients keep connections to them. Until the proxies follow the Service, which the
    # figure of new connections bounds, a new one may still meet a pod that ends.
    assert {"status 500"} <= set(run.tally.failures) <= {"status 500", "refused"}
    assert run.figures[perils.WRITTEN] < ROLLBACK_WITHIN
    assert run.figures[perils.NEW_CONNECTIONS] < ROLLBACK_WITHIN


async def test_an_operator_killed_twice_in_a_release_costs_no_request(stage: Stage, runs: Runs) -> None:
    # The others need an operator that lives.
    await asyncio.wait(runs.values())
    await ready(stage, "killed")
    run = await perils.operator_killed(stage, "killed", RATE)
    nobody_noticed(run)
    assert run.tally.bentos == [FIRST, SECOND]
