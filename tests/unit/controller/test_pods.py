"""How long pods may take, which refusals are final, and when a refused deployment is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_model,
    a_record,
    a_request,
    a_service,
    a_workload,
    at_step,
    beside,
    failed,
    seconds,
    seen_ready,
    seen_serving,
    seen_starting,
)

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model, Pause, Rollback, SetWeight, Strategy
from e2i.api.problem import Problem
from e2i.controller.core.actions import ApplyService
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules import table
from e2i.controller.core.stretch import Stretch

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
    chosen = table.plan(
        Situation(
            MODEL, seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(parked,))
        ),
        NOON,
    )
    assert (bool(chosen.actions), chosen.reason) == (woken, Reason.DeploymentRefused)


@pytest.mark.parametrize(
    ("begun", "after", "reason"),
    [
        pytest.param(0, 599, Reason.Deploying, id="pods may take all the time"),
        pytest.param(0, 600, Reason.ProgressDeadlineExceeded, id="not a second more"),
        pytest.param(100, 699, Reason.Deploying, id="the time before all have a node is not counted"),
        pytest.param(100, 700, Reason.ProgressDeadlineExceeded, id="their time begins when all have a node"),
        pytest.param(None, 9999, Reason.Deploying, id="while they have none there is no deadline"),
    ],
)
def test_the_deadline_of_the_pods(begun: int | None, after: int, reason: Reason) -> None:
    since = NOON + seconds(begun or 0)
    state = seen_starting(MODEL, stretch=Stretch(at_work=begun is not None, since=since))
    assert table.plan(Situation(MODEL, state), NOON + seconds(after)).reason is reason


UNPLACED = Problem(reason=Reason.PodUnschedulable, message="no node has room", blameless=True)
QUOTA = replace(
    a_workload(THIS_DEPLOYMENT, ready=0, replica_failure="exceeded quota: small"), failing_since=NOON
)
REFUSED_BY_QUOTA = replace(a_deployment(MODEL, refusal="exceeded quota: small"), refused_at=NOON)
AWAY = Problem(reason=Reason.ImagePullFailed, message="connection refused", blameless=True)
HELD = Stretch(at_work=False, since=NOON)


@pytest.mark.parametrize(
    "held",
    [
        pytest.param({"pod_problem": UNPLACED}, id="no node has room"),
        pytest.param({"pod_problem": AWAY, "problem_since": NOON}, id="the registry is away"),
        pytest.param({"workloads": (QUOTA,)}, id="a quota for pods"),
        pytest.param({"workloads": (), "deployments": (replace(REFUSED_BY_QUOTA, attempted_at=NOON + seconds(1900)),),
                      "requests": (BUILT_LONG_AGO,)}, id="a quota for Deployments"),
        pytest.param({"workloads": (), "deployments": (replace(THIS_DEPLOYMENT, answered=False),)},
                     id="yatai-deployment is down"),
    ],
)  # fmt: skip
def test_what_others_hold_up_is_named_and_never_given_up(held: dict[str, Any]) -> None:
    state = seen_starting(MODEL, stretch=HELD, **held)
    early = table.plan(Situation(MODEL, state), NOON + seconds(599))
    late = table.plan(Situation(MODEL, state), NOON + seconds(1910))
    assert (early.failed, early.stalled) == (False, False)
    assert (late.failed, late.stalled) == (False, True), "who waits for it learns of it"
    assert late.reason is early.reason
    assert late.message == early.message, "a message that changes is written again and again"


@pytest.mark.parametrize(
    ("model", "says"),
    [
        pytest.param(MODEL, True, id="the spec gives no amount"),
        pytest.param(a_model(requests=(("cpu", "2"),)), False, id="the spec gives it"),
    ],
)
def test_a_full_quota_names_the_amount_that_nobody_wrote(model: Model, says: bool) -> None:
    sentence = (
        "exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=1, limited: requests.cpu=1"
    )
    full = replace(a_workload(a_deployment(model), ready=0, replica_failure=sentence), failing_since=NOON)
    state = seen_starting(model, stretch=HELD, workloads=(full,))
    message = table.plan(Situation(model, state), NOON + seconds(60)).message
    assert "or request less in spec.resources" in message
    assert ("requests.cpu" in message.partition("spec.resources")[2]) is says


@pytest.mark.parametrize(
    ("told", "after", "reason", "look_again"),
    [
        pytest.param("Deploying", 0, Reason.Deploying, 5, id="a scheduler needs a moment"),
        pytest.param("Deploying", 4, Reason.Deploying, 1, id="the next look is when it has lasted"),
        pytest.param("Deploying", 5, Reason.PodUnschedulable, 5, id="it has lasted"),
        pytest.param("PodUnschedulable", 0, Reason.PodUnschedulable, 5, id="an operator that starts says it still"),
    ],
)  # fmt: skip
def test_a_pod_without_a_node_is_named_when_it_has_lasted(
    told: str, after: int, reason: Reason, look_again: int
) -> None:
    ready = {"type": "Ready", "status": "False", "reason": told, "observedGeneration": MODEL.generation}
    model = replace(MODEL, status={"conditions": [ready]})
    state = seen_starting(MODEL, pod_problem=UNPLACED, problem_since=NOON, stretch=HELD)
    chosen = table.plan(Situation(model, state), NOON + seconds(after))
    assert (chosen.reason, chosen.look_again) == (reason, seconds(look_again))


@pytest.mark.parametrize(
    ("words", "final"),
    [
        ("admission webhook denied the request: no", True),
        ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: sign it", True),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', True),
        ('Deployment.apps "x" is invalid: spec.replicas', True),
        ("exceeded quota: small-team, requested: pods=1, used: pods=1, limited: pods=1", False),
        ("failed calling webhook: connect: connection refused", False),
        ('secrets "yatai-common-env" not found', False),
        ('deployments.apps is forbidden: User "system:serviceaccount:y:y" cannot create resource', False),
    ],
)
def test_a_refusal_is_final_only_if_it_is_about_the_release(words: str, final: bool) -> None:
    parked = replace(a_deployment(MODEL, refusal=words), refused_at=NOON - seconds(60), attempted_at=NOON)
    state = seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(parked,))
    chosen = table.plan(Situation(MODEL, state), NOON)
    assert (chosen.reason, chosen.failed) == (Reason.DeploymentRefused, final)


def test_past_the_deadline_the_cause_is_told_with_its_word() -> None:
    late = table.plan(Situation(MODEL, seen_starting(MODEL, pod_problem=CRASH)), NOON + seconds(600))
    assert late.message == (
        "not ready after 600 s (spec.rollout.progressDeadlineSeconds): CrashLoop: container main ended 3 times. "
        "There is no earlier release to go back to; correct the cause, or kubectl e2i retry churn -n models tries "
        "it again"
    )
    silent = table.plan(Situation(MODEL, seen_starting(MODEL)), NOON + seconds(600))
    assert f"0 of 1 pods of release {RELEASE} (churn_model:1.4.2) are ready" in silent.message


@pytest.mark.parametrize(
    ("model", "state", "proposes"),
    [
        pytest.param(MODEL, seen_starting(MODEL), True, id="no other release has been there"),
        pytest.param(MODEL, beside(seen_starting(MODEL), a_deployment(OLD), service=OLD_SERVES), False,
                     id="another one serves"),
        pytest.param(MODEL, seen_starting(MODEL, records=(a_record(OLD),)), False,
                     id="the bucket has another one to go back to"),
        pytest.param(failed(MODEL), seen_serving(MODEL, workloads=()), False, id="it serves itself, and has failed"),
    ],
)  # fmt: skip
def test_a_late_release_says_how_to_try_again_if(model: Model, state: Observed, proposes: bool) -> None:
    late = table.plan(Situation(model, state), NOON + seconds(600))
    assert late.failure or model.status
    assert ("correct the cause, or kubectl e2i retry" in late.message) is proposes


def test_pods_that_come_up_after_the_deadline_are_taken_all_the_same() -> None:
    late = table.plan(Situation(MODEL, seen_ready(MODEL)), NOON + seconds(9999))
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
    parked = replace(a_deployment(MODEL, refusal="denied the request"), refused_at=since, attempted_at=NOON)
    refused = replace(
        a_workload(THIS_DEPLOYMENT, ready=0, replica_failure="denied the request"), failing_since=since
    )
    state = (
        seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(parked,))
        if by == "Yatai"
        else seen_starting(MODEL, requests=(BUILT_LONG_AGO,), workloads=(refused,))
    )
    chosen = table.plan(Situation(MODEL, state), NOON)
    assert (chosen.failed, chosen.stalled, bool(chosen.failure)) == (final, final, final)


@pytest.mark.parametrize("since_built", [20, 200, 9000])
def test_that_yatai_has_no_bento_yet_is_a_queue_and_no_refusal(since_built: int) -> None:
    waiting = replace(
        a_deployment(MODEL, refusal="Bento not found", created=NOON - seconds(9999)), refused_at=NOON
    )
    built = a_request(built_at=NOON - seconds(since_built))
    state = seen_starting(MODEL, stretch=HELD, deployments=(waiting,), workloads=(), requests=(built,))
    heard = table.plan(Situation(MODEL, replace(state, deployer_heard=NOON - seconds(59))), NOON)
    assert (heard.reason, heard.stalled, heard.failed) == (Reason.Deploying, False, False)
    assert "yatai-deployment has still to make the pods" in heard.message
    silent = table.plan(Situation(MODEL, replace(state, deployer_heard=NOON - seconds(60))), NOON)
    assert silent.reason is (Reason.YataiNotResponding if since_built >= 60 else Reason.Deploying)


def test_that_the_deployment_is_missing_is_said_when_it_has_lasted() -> None:
    built = a_request(built_at=NOON - seconds(4))
    made = a_deployment(MODEL, created=NOON - seconds(9))
    state = seen_starting(MODEL, stretch=HELD, deployments=(made,), workloads=(), requests=(built,))
    at_once = table.plan(Situation(MODEL, state), NOON)
    assert at_once.message.startswith("0 of 1 pods of release")
    assert at_once.look_again == seconds(1)
    later = table.plan(Situation(MODEL, state), NOON + seconds(1))
    assert "yatai-deployment has still to make the pods" in later.message


def test_a_retry_of_the_deadline_is_no_verdict_of_the_last_status() -> None:
    """A fallback that was late stays late after a restart; a release that may still be given up has its time again."""
    told = {
        "type": "Stalled",
        "status": "True",
        "reason": "ProgressDeadlineExceeded",
        "observedGeneration": 1,
    }
    model = replace(MODEL, status={"conditions": [told]})
    assert table.plan(Situation(model, seen_starting(MODEL)), NOON + seconds(5)).reason is Reason.Deploying
    disabled = replace(model, rollout=replace(MODEL.rollout, rollback=Rollback.DISABLED))
    late = table.plan(Situation(disabled, seen_starting(MODEL)), NOON + seconds(5))
    assert late.reason is Reason.ProgressDeadlineExceeded


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
    chosen = table.plan(Situation(at_step(CANARY, step), lost_a_pod(CANARY)), NOON + seconds(after))
    assert bool(chosen.failure) is given_up


@pytest.mark.parametrize(("after", "given_up"), [(659, False), (660, True)])
def test_a_rest_of_known_length_comes_on_top_of_the_deadline(after: int, given_up: bool) -> None:
    model = at_step(replace(CANARY, rollout=replace(CANARY.rollout, steps=(SetWeight(50), Pause(60)))), 1)
    chosen = table.plan(Situation(model, lost_a_pod(model)), NOON + seconds(after))
    assert bool(chosen.failure) is given_up


def test_a_rollout_that_is_held_for_hours_does_not_fail_by_a_pod_that_is_replaced() -> None:
    state = beside(seen_starting(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES)
    assert table.plan(Situation(MODEL, state), NOON + seconds(7200)).failure
    held = table.plan(Situation(replace(MODEL, paused=True), state), NOON + seconds(7200))
    assert (held.reason, held.failure, held.look_again) == (Reason.Deploying, None, seconds(30))


def test_a_container_beside_the_model_s_holds_a_release_up_and_is_never_its_failure() -> None:
    sidecar = Problem(
        reason=Reason.SidecarFailed, message="proxy ended 9 times", blameless=True, log="kubectl logs x"
    )
    late = NOON + seconds(MODEL.rollout.progress_deadline + 60)
    chosen = table.plan(Situation(MODEL, seen_starting(MODEL, pod_problem=sidecar)), late)
    assert (chosen.reason, chosen.failed, chosen.failure) == (Reason.SidecarFailed, False, None)
    assert chosen.told == "proxy ended 9 times. Its log: kubectl logs x"
    assert chosen.look_again is not None
    assert chosen.look_again > timedelta(0)
