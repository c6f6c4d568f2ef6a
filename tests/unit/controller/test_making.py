"""How long an image and pods may take, what is tried again, and what a retry begins with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_model,
    a_recipe,
    a_request,
    a_service,
    a_workload,
    an_artifact,
    at_step,
    beside,
    failed,
    seconds,
    seen,
    seen_building,
    seen_ready,
    seen_serving,
    seen_starting,
)

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model, Pause, Rollback, SetWeight, Strategy
from e2i.api.problem import Problem
from e2i.controller.core import plan
from e2i.controller.core.actions import ApplyDeployment, ApplyService, DeleteDeployment, DeleteRequest
from e2i.controller.core.observed import Build, Observed
from e2i.controller.core.rules import making

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
OTHER_DIGEST = "sha256:" + "77aa5500" * 8
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
        MODEL, seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(parked,)), NOON
    )
    assert (bool(chosen.actions), chosen.reason) == (woken, Reason.DeploymentRefused)


@pytest.mark.parametrize(
    ("after", "reason", "look_again"),
    [
        pytest.param(
            594, Reason.Building, 5, id="six seconds before the deadline pods are looked at in five"
        ),
        pytest.param(598, Reason.Building, 2, id="close to the deadline the next look is exactly then"),
        pytest.param(600, Reason.BuildDeadlineExceeded, 0, id="the build's deadline counts from the request"),
    ],
)
def test_the_deadline_of_a_build(after: int, reason: Reason, look_again: int) -> None:
    chosen = plan.plan(MODEL, seen_building(MODEL), NOON + seconds(after))
    assert (chosen.reason, chosen.look_again) == (reason, seconds(look_again))
    assert chosen.stalled == (after >= 600)


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
    chosen = plan.plan(MODEL, seen_starting(MODEL, requests=(request,)), NOON + seconds(after))
    assert chosen.reason is reason


def test_past_the_deadline_the_cause_is_told_with_its_word() -> None:
    late = plan.plan(MODEL, seen_starting(MODEL, pod_trouble=CRASH), NOON + seconds(600))
    assert late.message == (
        "not ready after 600 s (spec.rollout.progressDeadlineSeconds). CrashLoop: container main ended 3 times. "
        "There is no earlier release to go back to; correct the cause, or kubectl e2i retry churn -n models tries "
        "it anew"
    )
    silent = plan.plan(MODEL, seen_starting(MODEL), NOON + seconds(600))
    assert f"0 of 1 pods of release {RELEASE} (churn_model:1.4.2) are ready" in silent.message


def test_a_build_past_its_deadline_tells_what_held_it_up() -> None:
    blocked = Problem(reason=Reason.BuildBlocked, message="no room for the builder")
    late = plan.plan(MODEL, seen_building(MODEL, pod_trouble=blocked), NOON + seconds(600))
    assert "(spec.rollout.progressDeadlineSeconds): no room for the builder" in late.message


def test_pods_that_come_up_after_the_deadline_are_taken_all_the_same() -> None:
    late = plan.plan(MODEL, seen_ready(MODEL), NOON + seconds(9999))
    assert late.actions[-1] == ApplyService(RELEASE, naming.pod_labels("churn", RELEASE))


def test_a_tag_means_what_it_meant_when_it_was_first_released() -> None:
    state = seen_serving(MODEL, export=an_artifact(digest=OTHER_DIGEST))
    assert plan.plan(MODEL, state, NOON).reason is Reason.Ready


def test_of_two_requests_of_one_tag_the_younger_counts() -> None:
    requests = (
        a_request(),
        a_request(digest=OTHER_DIGEST, created=NOON + seconds(1)),
    )
    chosen = plan.plan(MODEL, seen(requests=requests), NOON + seconds(1))
    release = naming.release_of(MODEL, OTHER_DIGEST)
    assert chosen.actions == (ApplyDeployment(a_recipe(MODEL, release, digest=OTHER_DIGEST)),)


def test_an_older_form_is_kept_by_the_release_that_was_made_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "CURRENT_FORM", "v2")
    assert plan.plan(MODEL, seen_serving(MODEL), NOON).actions == ()


@pytest.mark.parametrize("stalled", [True, False])
def test_an_export_that_needs_a_person_makes_the_model_stalled(stalled: bool) -> None:
    trouble = Problem(reason=Reason.BentoNotFound, message="no such bento", stalled=stalled)
    chosen = plan.plan(MODEL, seen(export=trouble, ledger=()), NOON)
    assert (chosen.stalled, chosen.message, chosen.look_again) == (stalled, "no such bento", seconds(15))


# What is refused for good.


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
    chosen = plan.plan(MODEL, state, NOON)
    assert (chosen.failed, chosen.stalled, bool(chosen.failure)) == (final, final, final)


@pytest.mark.parametrize(("since_built", "reason"), [(20, Reason.Deploying), (200, Reason.DeploymentRefused)])
def test_what_yatai_said_before_the_build_is_never_final(since_built: int, reason: Reason) -> None:
    stale = replace(
        a_deployment(MODEL, refusal="Failed to reconcile BentoDeployment: Bento not found"),
        refused_at=NOON - seconds(500), attempted_at=NOON,
    )  # fmt: skip
    built = a_request(built_at=NOON - seconds(since_built))
    chosen = plan.plan(
        MODEL, seen_starting(MODEL, deployments=(stale,), workloads=(), requests=(built,)), NOON
    )
    assert (chosen.reason, chosen.failed) == (reason, False)


def test_the_time_before_the_image_was_there_does_not_count_as_refusal() -> None:
    parked = replace(
        a_deployment(MODEL, refusal="no image"), refused_at=NOON - seconds(500), attempted_at=NOON
    )
    request = a_request(built_at=NOON - seconds(30))
    state = seen_starting(MODEL, workloads=(), requests=(request,), deployments=(parked,))
    assert not plan.plan(MODEL, state, NOON).failed


def test_a_failed_build_says_how_to_try_again_where_nothing_is_given_up() -> None:
    state = seen_building(MODEL, requests=(a_request(build=Build.FAILED, message="It broke."),))
    disabled = a_model(rollout={"rollback": Rollback.DISABLED})
    assert "delete BentoRequest churn-9f3c21aa" in plan.plan(disabled, state, NOON).message
    # Where the release is given up, deleting the request alone would not try it again.
    assert "delete BentoRequest" not in plan.plan(MODEL, state, NOON).message


# Deadlines of a release that had its pods already.

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
    chosen = plan.plan(at_step(CANARY, step), lost_a_pod(CANARY), NOON + seconds(after))
    assert bool(chosen.failure) is given_up


@pytest.mark.parametrize(("after", "given_up"), [(659, False), (660, True)])
def test_a_rest_of_known_length_comes_on_top_of_the_deadline(after: int, given_up: bool) -> None:
    model = at_step(replace(CANARY, rollout=replace(CANARY.rollout, steps=(SetWeight(50), Pause(60)))), 1)
    chosen = plan.plan(model, lost_a_pod(model), NOON + seconds(after))
    assert bool(chosen.failure) is given_up


def test_a_rollout_that_is_held_for_hours_does_not_fail_by_a_pod_that_is_replaced() -> None:
    state = beside(seen_starting(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES)
    assert plan.plan(MODEL, state, NOON + seconds(7200)).failure
    held = plan.plan(replace(MODEL, paused=True), state, NOON + seconds(7200))
    assert (held.reason, held.failure, held.look_again) == (Reason.Deploying, None, seconds(5))


# A retry.

LATER = NOON + seconds(3600)
REMOVE_PODS = DeleteDeployment(THIS_DEPLOYMENT.name, THIS_DEPLOYMENT.uid, RELEASE)
REMOVE_REQUEST = DeleteRequest(a_request().name, a_request().uid)


def retried(reason: str = "CrashLoop", **changes: object) -> Model:
    """Its release failed in an earlier trial, ten minutes after it was asked for."""
    return failed(MODEL, trial="00000001", reason=reason, failed_at=NOON + seconds(600), **changes)  # type: ignore[arg-type]


NOT_READY = beside(seen_starting(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES)
NOT_BUILT = beside(
    seen_building(MODEL, requests=(a_request(build=Build.FAILED),)), OLD_DEPLOYMENT, service=OLD_SERVES
)
STILL_BUILDING = beside(seen_building(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES)


@pytest.mark.parametrize(
    ("model", "state", "actions"),
    [
        pytest.param(retried(), NOT_READY, (REMOVE_PODS,), id="pods that crashed would be found crashing"),
        pytest.param(retried("ProgressDeadlineExceeded"), NOT_READY, (REMOVE_PODS,), id="pods that are late stay late"),
        pytest.param(retried("BuildFailed"), NOT_BUILT, (REMOVE_PODS, REMOVE_REQUEST),
                     id="Yatai never builds again what it failed to build"),
        pytest.param(retried("BuildDeadlineExceeded"), STILL_BUILDING, (REMOVE_PODS, REMOVE_REQUEST),
                     id="a build that is late stays late"),
        pytest.param(retried("VerificationFailed"), beside(seen_ready(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES), (),
                     id="pods that gave a wrong answer are there to be asked again"),
    ],
)  # fmt: skip
def test_a_retry_begins_with_nothing_that_would_fail_at_once(
    model: Model, state: Observed, actions: tuple[object, ...]
) -> None:
    chosen = making.reset_retried_release(model, state, LATER)
    assert (chosen.actions if chosen else ()) == actions


@pytest.mark.parametrize(
    ("model", "state", "now"),
    [
        pytest.param(MODEL, NOT_READY, LATER, id="it is the first trial"),
        pytest.param(failed(MODEL), NOT_READY, LATER, id="it is the trial that failed"),
        pytest.param(retried(release="0000aaaa"), NOT_READY, LATER, id="another release failed"),
        pytest.param(retried(), seen_serving(MODEL), LATER, id="it serves"),
        pytest.param(retried(), beside(seen_ready(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES), LATER,
                     id="its pods came up meanwhile"),
        pytest.param(retried(), beside(seen_starting(MODEL, deployments=(replace(
            THIS_DEPLOYMENT, created=LATER),)), OLD_DEPLOYMENT, service=OLD_SERVES), LATER,
                     id="its pods were made for this trial"),
        pytest.param(retried(), beside(seen_starting(MODEL, deployments=(replace(
            THIS_DEPLOYMENT, name="churn-inplace"),)), OLD_DEPLOYMENT, service=OLD_SERVES), LATER,
                     id="there is only the one that is edited in place"),
        pytest.param(retried("ProgressDeadlineExceeded"), NOT_READY, NOON + seconds(599),
                     id="its pods have time again, since the deadline was raised"),
        pytest.param(retried("BuildDeadlineExceeded"), STILL_BUILDING, NOON + seconds(599),
                     id="its build has time again"),
        pytest.param(retried(), seen(requests=(a_request(),), service=OLD_SERVES), LATER,
                     id="its pods are gone already"),
        pytest.param(retried("BuildFailed"), seen(requests=(a_request(build=Build.FAILED, created=LATER),)), LATER,
                     id="its build was begun for this trial"),
    ],
)  # fmt: skip
def test_nothing_is_begun_anew_if(model: Model, state: Observed, now: object) -> None:
    assert making.reset_retried_release(model, state, now) is None  # type: ignore[arg-type]


def test_a_serving_release_that_somebody_took_the_labels_off_is_labelled_again() -> None:
    bare = replace(THIS_DEPLOYMENT, release=None)
    chosen = plan.plan(MODEL, seen_serving(MODEL, deployments=(bare,)), NOON)
    assert chosen.actions == (ApplyDeployment(a_recipe(MODEL, RELEASE)),)
