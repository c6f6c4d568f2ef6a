"""What the status remembers: read back as it was written, and whatever people made of it, never an exception."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import DIGEST, NOON, TAG, a_line, a_model, at_step, failed, failed_status, seconds

from e2i.api.conditions import Reason
from e2i.controller.core import persisted_status
from e2i.controller.core.persisted_status import Canary, Entry, Failure

FAILURE = Failure(
    release="0b1d77e2",
    tag=TAG,
    digest=DIGEST,
    trial="77aa01ff",
    reason=Reason.CrashLoop,
    message="container main ended 3 times",
    failed_at=NOON,
    evidence={"exitCode": 0, "log": "the last words"},
)
ENTRY = Entry(
    release="0b1d77e2",
    tag=TAG,
    digest=DIGEST,
    result=persisted_status.ROLLED_BACK,
    image="registry.example/bentos:1",
    started_at=NOON,
    served_at=NOON + seconds(1),
    ended_at=NOON + seconds(2),
    reason="CrashLoop",
    message="it broke",
)


def test_a_failure_is_read_back_as_it_was_written() -> None:
    model = a_model(status={"failedReleases": [persisted_status.failure_status(FAILURE)]})
    assert persisted_status.failures(model) == (FAILURE,)


def test_a_line_of_the_history_is_read_back_as_it_was_written() -> None:
    bare = Entry(release="0b1d77e2", tag="", digest="", result=persisted_status.SERVING)
    model = a_model(
        status={"history": [persisted_status.entry_status(ENTRY), persisted_status.entry_status(bare)]}
    )
    assert persisted_status.history(model) == (ENTRY, bare)
    assert persisted_status.entry_status(bare) == {"release": "0b1d77e2", "result": "Serving"}


@pytest.mark.parametrize("promotion", ["", "first"])
def test_a_canary_is_read_back_as_it_was_written(promotion: str) -> None:
    canary = Canary(release="0b1d77e2", step=0, started_at=NOON, promotion=promotion)
    canary = replace(canary, asked_at=NOON - seconds(60), restart=promotion)
    written = persisted_status.canary_status(canary, 10, 9)
    assert (written["weight"], written["actualWeight"]) == (10, 9)
    assert persisted_status.canary(a_model(status={"rollout": written})) == canary


def test_a_step_begins_with_the_promotion_of_its_time() -> None:
    canary = Canary(release="0b1d77e2", step=1, started_at=NOON, promotion="first")
    after = canary.next(NOON + seconds(60), "second")
    assert after == replace(canary, step=2, started_at=NOON + seconds(60), promotion="second")


def test_a_new_model_remembers_nothing() -> None:
    assert (
        persisted_status.failures(a_model()),
        persisted_status.history(a_model()),
        persisted_status.canary(a_model()),
    ) == ((), (), None)


# Statuses that somebody wrote by hand, or an operator of another age.


@pytest.mark.parametrize("word", ["Whatever", "", "mro", "name"])
def test_a_reason_that_nobody_knows_is_a_refusal(word: str) -> None:
    model = a_model(status=failed_status(a_model(), reason=word))
    assert persisted_status.failures(model)[0].reason is Reason.Refused


@pytest.mark.parametrize(
    ("written", "step"),
    [
        pytest.param({"stepStartedAt": "yesterday"}, None, id="a time that is none: it begins anew"),
        pytest.param({"step": -3}, 0, id="a step before the first is the first"),
        pytest.param({"step": 99}, 99, id="a step after the last is the end"),
    ],
)
def test_a_canary_that_somebody_wrote(written: dict[str, Any], step: int | None) -> None:
    canary = persisted_status.canary(
        a_model(status={"rollout": at_step(a_model(), 1).status["rollout"] | written})
    )
    assert (canary.step if canary else None) == step


@pytest.mark.parametrize("status", [{"rollout": None}, {"rollout": {}}, {"rollout": {"step": 1}}])
def test_half_a_canary_is_none(status: dict[str, Any]) -> None:
    assert persisted_status.canary(a_model(status=status)) is None


def test_a_failure_without_a_time_that_can_be_read_is_an_old_one() -> None:
    model = failed(a_model(), failedAt="yesterday")
    assert persisted_status.failures(model)[0].failed_at == persisted_status.LONG_AGO


def test_a_line_that_says_the_least_is_read() -> None:
    (entry,) = persisted_status.history(
        a_model(status={"history": [{"release": "1", "result": "Failed", "endedAt": "x"}]})
    )
    assert entry == Entry(release="1", tag="", digest="", result=persisted_status.FAILED)
    assert a_line("1")["result"] == persisted_status.SUPERSEDED
