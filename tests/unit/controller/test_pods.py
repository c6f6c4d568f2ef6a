"""How long pods may take, which refusals are final, and when a refused deployment is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_model,
    a_request,
    a_service,
    a_workload,
    at_step,
    beside,
    seconds,
    seen_ready,
    seen_starting,
)

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model, Pause, SetWeight, Strategy
from e2i.api.problem import Problem
from e2i.controller.core import plan
from e2i.controller.core.actions import ApplyService
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases.situation import Situation

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
OLD = a_model(env=(("VERSION", "old"),))
OLD_DEPLOYMENT = a_deployment(OLD)
OLD_SERVES = a_service(release=naming.release_of(OLD, DIGEST), switched_at=NOON - seconds(3600))
CRASH = Problem(reason=Reason.CrashLoop, message="container main ended 3 times")
THIS_DEPLOYMENT = a_deployment(MODEL)
PARKED = replace(
    a_deployment(MODEL, refusal="exceeded quota: deployments"), refused_at=NOON - timedelta(seconds=30)
)
BUILT_LONG_AGO = a_request(built_at=NOON - timedelta(seconds=200))


@pytest.mark.parametrize(
    ("refused", "attempted", "woken"),
    [
        pytest.param(29, None, False, id="not before half a minute has passed"),
        pytest.param(30, None, True, id="after half a minute"),
        pytest.param(60, 30, True, id="after half a minute more"),
        pytest.param(121, 60, False, id="the third time only after as long as all before it"),
        pytest.param(120, 60, True, id="the third time after as long as all before it"),
    ],
)
def test_a_parked_deployment_is_woken_at_growing_distances(
    refused: int, attempted: int | None, woken: bool
) -> None:
    attempted_at = NOON - seconds(attempted) if attempted else None
    parked = replace(PARKED, refused_at=NOON - seconds(refused), attempted_at=attempted_at)
    chosen = plan.plan(
        Situation(
            MODEL, seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(parked,))
        ),
        NOON,
    )
    assert (bool(chosen.actions), chosen.reason) == (woken, Reason.DeploymentRefused)


@pytest.mark.parametrize(
    ("built_after", "after", "reason"),
    [
        pytest.param(0, 599, Reason.Deploying, id="pods that were asked for last may take all the time"),
        pytest.param(0, 600, Reason.ProgressDeadlineExceeded, id="not a second more"),
        pytest.param(100, 699, Reason.Deploying, id="the time of the build is not counted"),
        pytest.param(100, 700, Reason.ProgressDeadlineExceeded, id="the pods' time begins with the image"),
    ],
)
def test_the_deadline_of_the_pods(built_after: int, after: int, reason: Reason) -> None:
    request = a_request(built_at=NOON + seconds(built_after))
    chosen = plan.plan(Situation(MODEL, seen_starting(MODEL, requests=(request,))), NOON + seconds(after))
    assert chosen.reason is reason


def test_past_the_deadline_the_cause_is_told_with_its_word() -> None:
    late = plan.plan(Situation(MODEL, seen_starting(MODEL, pod_problem=CRASH)), NOON + seconds(600))
    assert late.message == (
        "not ready after 600 s (spec.rollout.progressDeadlineSeconds). CrashLoop: container main ended 3 times. "
        "There is no earlier release to go back to; correct the cause, or kubectl e2i retry churn -n models tries "
        "it again"
    )
    silent = plan.plan(Situation(MODEL, seen_starting(MODEL)), NOON + seconds(600))
    assert f"0 of 1 pods of release {RELEASE} (churn_model:1.4.2) are ready" in silent.message


def test_pods_that_come_up_after_the_deadline_are_taken_all_the_same() -> None:
    late = plan.plan(Situation(MODEL, seen_ready(MODEL)), NOON + seconds(9999))
    assert late.actions[-1] == ApplyService(RELEASE, naming.pod_labels("churn", RELEASE))


@pytest.mark.parametrize(
    ("lasted", "final"),
    [
        pytest.param(None, False, id="nobody knows since when"),
        pytest.param(59, False, id="a quota may be freed within a minute"),
        pytest.param(60, True, id="after a minute it is final"),
    ],
)
@pytest.mark.parametrize("by", ["Yatai", "the cluster"])
def test_a_refusal_that_lasts_is_final(by: str, lasted: int | None, final: bool) -> None:
    since = None if lasted is None else NOON - seconds(lasted)
    parked = replace(a_deployment(MODEL, refusal="exceeded quota"), refused_at=since, attempted_at=NOON)
    refused = replace(a_workload(THIS_DEPLOYMENT, ready=0, failure="exceeded quota"), failing_since=since)
    state = (
        seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(parked,))
        if by == "Yatai"
        else seen_starting(MODEL, requests=(BUILT_LONG_AGO,), workloads=(refused,))
    )
    chosen = plan.plan(Situation(MODEL, state), NOON)
    assert (chosen.failed, chosen.stalled, bool(chosen.failure)) == (final, final, final)


@pytest.mark.parametrize(("since_built", "reason"), [(20, Reason.Deploying), (200, Reason.DeploymentRefused)])
def test_what_yatai_said_before_the_build_is_never_final(since_built: int, reason: Reason) -> None:
    stale = replace(
        a_deployment(MODEL, refusal="Failed to reconcile BentoDeployment: Bento not found"),
        refused_at=NOON - seconds(500), attempted_at=NOON,
    )  # fmt: skip
    built = a_request(built_at=NOON - seconds(since_built))
    chosen = plan.plan(
        Situation(MODEL, seen_starting(MODEL, deployments=(stale,), workloads=(), requests=(built,))), NOON
    )
    assert (chosen.reason, chosen.failed) == (reason, False)


def test_the_time_before_the_image_was_there_does_not_count_as_refusal() -> None:
    parked = replace(
        a_deployment(MODEL, refusal="no image"), refused_at=NOON - seconds(500), attempted_at=NOON
    )
    request = a_request(built_at=NOON - seconds(30))
    state = seen_starting(MODEL, workloads=(), requests=(request,), deployments=(parked,))
    assert not plan.plan(Situation(MODEL, state), NOON).failed


STEPS = (SetWeight(10), Pause(60), SetWeight(50), Pause(None), SetWeight(80))
CANARY = a_model(replicas=2, rollout={"strategy": Strategy.CANARY, "steps": STEPS})
SHARED = replace(OLD_SERVES, selector={naming.MODEL_LABEL: "churn"})


def lost_a_pod(model: Model) -> Observed:
    """Of the two pods beside the serving release one is being replaced."""
    state = seen_starting(model, workloads=(a_workload(a_deployment(model), wanted=2, ready=1),))
    return beside(state, a_deployment(replace(OLD, autoscaling=model.autoscaling)), ready=2, service=SHARED)


@pytest.mark.parametrize(
    ("step", "after", "given_up"),
    [
        pytest.param(2, 599, False, id="a step that grows has the time of the deadline"),
        pytest.param(2, 600, True, id="and not a second more"),
        pytest.param(3, 90000, False, id="a canary that waits for a person was whole when it began to"),
        pytest.param(4, 600, True, id="the last step has a deadline again"),
    ],
)
def test_the_deadline_of_a_canary_is_that_of_its_step(step: int, after: int, given_up: bool) -> None:
    chosen = plan.plan(Situation(at_step(CANARY, step), lost_a_pod(CANARY)), NOON + seconds(after))
    assert bool(chosen.failure) is given_up


@pytest.mark.parametrize(("after", "given_up"), [(659, False), (660, True)])
def test_a_rest_of_known_length_comes_on_top_of_the_deadline(after: int, given_up: bool) -> None:
    model = at_step(replace(CANARY, rollout=replace(CANARY.rollout, steps=(SetWeight(50), Pause(60)))), 1)
    chosen = plan.plan(Situation(model, lost_a_pod(model)), NOON + seconds(after))
    assert bool(chosen.failure) is given_up


def test_a_rollout_that_is_held_for_hours_does_not_fail_by_a_pod_that_is_replaced() -> None:
    state = beside(seen_starting(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES)
    assert plan.plan(Situation(MODEL, state), NOON + seconds(7200)).failure
    held = plan.plan(Situation(replace(MODEL, paused=True), state), NOON + seconds(7200))
    assert (held.reason, held.failure, held.look_again) == (Reason.Deploying, None, seconds(30))


def test_a_container_beside_the_model_s_holds_a_release_up_and_is_never_its_failure() -> None:
    sidecar = Problem(
        reason=Reason.SidecarFailed, message="proxy ended 9 times", blameless=True, log="kubectl logs x"
    )
    late = NOON + seconds(MODEL.rollout.progress_deadline + 60)
    chosen = plan.plan(Situation(MODEL, seen_starting(MODEL, pod_problem=sidecar)), late)
    assert (chosen.reason, chosen.failed, chosen.failure) == (Reason.SidecarFailed, False, None)
    assert chosen.told == "proxy ended 9 times. Its log: kubectl logs x"
    assert chosen.look_again is not None
    assert chosen.look_again > timedelta(0)
