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


def test_a_restart_is_asked_for_by_the_time() -> None:
    change = rollout_annotations.restart(churn(), NOON)
    assert change.annotations == {"serving.e2i.dev/restart-at": "2026-11-21T12:00:00.000Z"}
    assert "kubectl e2i status churn -n models -w" in change.sentence


def test_a_restart_of_a_suspended_model_says_when_it_begins() -> None:
    assert (
        "once spec.suspend is false"
        in rollout_annotations.restart(churn(spec={"suspend": True}), NOON).sentence
    )


@pytest.mark.parametrize(
    ("manager", "tool", "refused"),
    [
        pytest.param("argocd-controller", True, True, id="of a manifest that Argo CD applies"),
        pytest.param("e2i-cli", True, False, id="of an earlier restart, beside Argo CD"),
        pytest.param("kubectl", False, False, id="of a manifest that a person applies"),
    ],
)
def test_an_annotation_that_a_tool_would_put_back_is_left_alone(
    manager: str, tool: bool, refused: bool
) -> None:
    tracking = {"argocd.argoproj.io/tracking-id": "shop:serving.e2i.dev/E2IModel:models/churn"}
    owned = {"f:metadata": {"f:annotations": {"f:serving.e2i.dev/restart-at": {}}}}
    annotations = {"serving.e2i.dev/restart-at": "1", **(tracking if tool else {})}
    managed = [{"manager": "other"}, {"manager": manager, "fieldsV1": owned}]
    model = churn(metadata={"annotations": annotations, "managedFields": managed})
    if refused:
        with pytest.raises(CommandError, match=r"Argo CD application shop.*Give it another value there"):
            rollout_annotations.restart(model, NOON)
    else:
        assert rollout_annotations.restart(model, NOON).annotations


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
