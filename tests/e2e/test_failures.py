"""Every cause for which a release is not to be had: each has its word, and the release before it goes on serving.

All causes are brought about side by side, each on a model of its own. With E2I_RECORD_REASONS set, what was told of
them is written down for docs/reference/reasons.md.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support import reasons
from support.causes import BARE, CAUSES, LATE, LOST, MAIN, NOT_TAKEN_BACK, TIGHT, Cause
from support.cluster import TestCluster
from support.e2e import FIRST, bento_folder, copy_bento, create, place, ready
from support.failing import Outcome, made, play
from support.stage import Stage, condition

from e2i.api import naming
from e2i.api.conditions import Reason

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

AT_A_TIME = 12
"""Models whose pods start at once."""
EVERY = (*CAUSES, *NOT_TAKEN_BACK)
Outcomes = dict[str, "asyncio.Task[Outcome]"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stages(local_cluster: TestCluster, store: Path) -> AsyncIterator[dict[str, Stage]]:
    for tag in (LATE, LOST):
        if not bento_folder(store, tag).exists():
            copy_bento(store, FIRST, tag)
    async with place(local_cluster) as main, place(local_cluster) as bare, place(local_cluster) as tight:
        # Its image is there for all others, who then need no build.
        await create(main, "pioneer")
        await ready(main, "pioneer")
        yield {MAIN: main, BARE: bare, TIGHT: tight}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(stages: dict[str, Stage]) -> AsyncIterator[Outcomes]:
    """What came of each cause, by its model; to be waited for."""
    turns = asyncio.Semaphore(AT_A_TIME)

    async def in_turn(cause: Cause) -> Outcome:
        async with turns:
            return await play(stages[cause.namespace], cause)

    tasks = {cause.model: asyncio.create_task(in_turn(cause)) for cause in EVERY}
    yield tasks
    for task in tasks.values():
        task.cancel()
    ended = await asyncio.gather(*tasks.values(), return_exceptions=True)
    complete = [each for each in ended if isinstance(each, Outcome)]
    if os.environ.get(reasons.RECORD_VARIABLE) and len(complete) == len(EVERY):
        reasons.record(complete)


each_cause = pytest.mark.parametrize("cause", EVERY, ids=lambda cause: f"{cause.reason.name}-{cause.model}")


@each_cause
async def test_condition_event_and_log_line_give_the_same_reason(outcomes: Outcomes, cause: Cause) -> None:
    outcome = await outcomes[cause.model]
    ready_, stalled = (condition(outcome.model, kind) for kind in ("Ready", "Stalled"))
    assert ready_
    assert stalled
    assert (ready_["status"], ready_["reason"]) == ("False", cause.reason.name)
    assert (stalled["status"], stalled["reason"]) == ("True", cause.reason.name)
    assert cause.words in ready_["message"]
    event, line = outcome.events[-1], outcome.log[-1]
    assert (event["type"], event["reason"]) == ("Warning", cause.reason.name)
    assert (line["severity"], line["reason"]) == ("warn", cause.reason.name)
    assert event["message"] in line["message"]


@each_cause
async def test_the_release_before_goes_on_answering(outcomes: Outcomes, cause: Cause) -> None:
    outcome = await outcomes[cause.model]
    rolled_back = condition(outcome.model, "RolledBack")
    assert (rolled_back["reason"] if rolled_back else None) == (
        cause.reason.name if cause.goes_back else None
    )
    if cause.alone:
        assert "servingRelease" not in outcome.status
    elif cause.after_switch and not cause.goes_back:
        assert outcome.status["servingRelease"] == outcome.failed
    else:
        assert outcome.status["servingRelease"] == outcome.before
        assert outcome.answerer == naming.release_name(cause.model, outcome.before)


@each_cause
async def test_the_failed_release_is_remembered_with_its_evidence(outcomes: Outcomes, cause: Cause) -> None:
    outcome = await outcomes[cause.model]
    failures = outcome.status.get("failedReleases", [])
    assert [(each["release"], each["reason"]) for each in failures] == (
        [(outcome.failed, cause.reason.name)] if cause.is_quarantined else []
    )
    for failure in failures:
        told = failure.get("evidence", {})
        for name, wanted in cause.evidence.items():
            found = told.get(name)
            assert wanted in found if isinstance(wanted, str) and found else wanted == found, (name, told)


@each_cause
async def test_it_is_not_tried_again_and_the_spec_is_left_alone(outcomes: Outcomes, cause: Cause) -> None:
    outcome = await outcomes[cause.model]
    # Until all others are done, which is as long as this module can wait for something not to happen.
    await asyncio.wait(outcomes.values())
    if cause.reason is Reason.PodsLost:
        pytest.skip("what lost its pods without a crash of its own is tried again two minutes later")
    model = await outcome.stage.model(cause.model)
    assert model["spec"] == outcome.asked
    assert model["status"].get("failedReleases") == outcome.status.get("failedReleases")
    assert await made(outcome.stage, cause.model) <= outcome.made
