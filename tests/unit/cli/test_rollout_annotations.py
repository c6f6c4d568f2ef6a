"""The annotations that steer a rollout, and when a command is refused."""

from __future__ import annotations

import pytest
from support.builders import NOON
from support.model_bodies import NEW, NEW_DIGEST, NEW_TAG, OLD, OLD_DIGEST, OLD_TAG, churn, failure

from e2i.cli.plugin import rollout_annotations
from e2i.cli.plugin.errors import CommandError

CANARY = {"strategy": "Canary", "steps": [{"setWeight": 10}, {"pause": {}}, {"pause": {"duration": "60s"}}]}


def test_the_desired_release_in_quarantine_is_tried_again() -> None:
    change = rollout_annotations.retry(churn(failedReleases=[failure(NEW, NEW_TAG, NEW_DIGEST)]), NOON)
    assert change.annotations == {"serving.e2i.dev/retry-at": "2026-11-21T12:00:00.000Z"}
    assert NEW in change.sentence
    assert "VerificationFailed" in change.sentence


def test_nothing_in_quarantine_is_nothing_to_retry() -> None:
    with pytest.raises(CommandError, match="no release of churn is in quarantine"):
        rollout_annotations.retry(churn(), NOON)


def test_a_release_in_quarantine_that_nobody_asks_for_is_not_retried() -> None:
    with pytest.raises(CommandError, match=rf"{NEW}\) is not in quarantine; {OLD} \({OLD_TAG}\) is"):
        rollout_annotations.retry(churn(failedReleases=[failure(OLD, OLD_TAG, OLD_DIGEST)]), NOON)


@pytest.mark.parametrize("step", [1, 2], ids=["a pause without end", "a pause with a duration"])
def test_a_canary_in_a_pause_is_promoted(step: int) -> None:
    model = churn(spec={"rollout": CANARY}, rollout={"release": NEW, "step": step})
    assert rollout_annotations.promote(model, NOON).annotations == {
        "serving.e2i.dev/promote-at": "2026-11-21T12:00:00.000Z"
    }


@pytest.mark.parametrize("step", [0, 3], ids=["while it takes its share", "after the last step"])
def test_a_canary_that_does_not_wait_is_not_promoted(step: int) -> None:
    model = churn(spec={"rollout": CANARY}, rollout={"release": NEW, "step": step})
    with pytest.raises(CommandError, match="is not in a pause"):
        rollout_annotations.promote(model, NOON)


def test_without_a_canary_nothing_is_promoted() -> None:
    with pytest.raises(CommandError, match="no canary of churn is in progress"):
        rollout_annotations.promote(churn(), NOON)


def test_pausing_and_resuming_write_once() -> None:
    running, held = churn(), churn(metadata={"annotations": {"serving.e2i.dev/paused": "true"}})
    assert rollout_annotations.pause(running).annotations == {"serving.e2i.dev/paused": "true"}
    assert not rollout_annotations.pause(held).annotations
    assert rollout_annotations.resume(held).annotations == {"serving.e2i.dev/paused": None}
    assert not rollout_annotations.resume(running).annotations
