"""When a release that has requests is given up, and when one that wants them is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
    failed,
    seconds,
    seen_exported,
    seen_ready,
    seen_serving,
)

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model, Pause, Rollback, SetWeight, Strategy
from e2i.api.problem import Problem
from e2i.controller.core.actions import StartGuard
from e2i.controller.core.observed import Observed, VerificationState
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.rules.table import plan
from e2i.controller.core.rules.trial import (
    judge_serving_release,
    leave_failed_release,
    start_guard,
    verify_release,
)

MODEL = a_model(replicas=2)
RELEASE = naming.release_of(MODEL, DIGEST)
OLD = a_model(replicas=2, env=(("VERSION", "old"),))
OLD_SERVES = a_service(release=naming.release_of(OLD, DIGEST), switched_at=NOON - seconds(3600))
SHARED = replace(OLD_SERVES, selector={naming.MODEL_LABEL: "churn"})
WATCH = {"seconds": 120, "maxErrorRatio": "0.05"}
WATCHED = a_model(rollout={"watch": WATCH})
SLOWLY_WATCHED = a_model(delay=300, rollout={"watch": WATCH})
"""The release before it is kept for longer than its metrics are read."""
ERRORS = Problem(reason=Reason.ErrorRatioExceeded, message="9 of 10 requests failed")
CRASH = Problem(reason=Reason.CrashLoop, message="container main ended 3 times")
UNPLACED = Problem(reason=Reason.PodUnschedulable, message="no node has room", blameless=True)
REGISTRY = Problem(reason=Reason.ImagePullFailed, message="the registry is away", blameless=True)
SIDECAR = Problem(reason=Reason.SidecarFailed, message="container proxy ended 9 times", blameless=True)
CHECKED = a_model(rollout={"checks": {"verify": [{"path": "/predict"}, {"path": "/other"}]}})
STEPS = (SetWeight(10), Pause(None))
CANARY = a_model(rollout={"strategy": Strategy.CANARY, "steps": STEPS, "watch": WATCH})


def serving(*, ready: int = 2, **changes: Any) -> Observed:
    workload = a_workload(a_deployment(MODEL), wanted=2, ready=ready)
    state = beside(seen_serving(MODEL, workloads=(workload,)), a_deployment(OLD))
    return replace(state, **changes)


@pytest.mark.parametrize(
    ("state", "after", "reason"),
    [
        pytest.param(serving(), 0, None, id="all is well"),
        pytest.param(serving(ready=1), 0, None, id="one of two pods is not ready: the other answers"),
        pytest.param(serving(ready=0), 0, Reason.PodsLost, id="none is ready"),
        pytest.param(serving(ready=0, pod_problem=CRASH), 0, Reason.CrashLoop, id="none is ready, and why is known"),
        pytest.param(serving(ready=0, pod_problem=UNPLACED), 0, Reason.PodsLost, id="no node takes others"),
        pytest.param(serving(ready=0, pod_problem=REGISTRY), 0, Reason.PodsLost, id="others get no image"),
        pytest.param(serving(ready=1, pod_problem=UNPLACED), 0, None, id="one more has no node: the other answers"),
        pytest.param(serving(ready=0, pod_problem=SIDECAR, crashes=0), 0, None, id="only a container beside its own"),
        pytest.param(serving(ready=0), 29, Reason.PodsLost, id="up to the end of the guard"),
        pytest.param(serving(ready=0), 30, None, id="not after it: it has proved itself"),
        pytest.param(serving(ready=1, pod_problem=CRASH, crashes=1), 0, None, id="one crash may be bad luck"),
        pytest.param(serving(ready=1, pod_problem=CRASH, crashes=2), 0, Reason.CrashLoop, id="two are none"),
        pytest.param(serving(ready=1, pod_problem=replace(CRASH, final=True)), 0, Reason.CrashLoop,
                     id="one pod crashes again and again"),
        pytest.param(serving(ready=1, pod_problem=replace(ERRORS, reason=Reason.ImagePullFailed, final=True)), 0, None,
                     id="a pod that cannot start takes no request"),
        pytest.param(serving(guard_problem=ERRORS), 0, Reason.ErrorRatioExceeded, id="too many errors"),
        pytest.param(serving(workloads=()), 0, None, id="its Deployment is gone: it is made again"),
    ],
)  # fmt: skip
def test_a_release_that_serves_is_judged_for_a_while(
    state: Observed, after: int, reason: Reason | None
) -> None:
    chosen = judge_serving_release(Situation(MODEL, state), NOON + seconds(after))
    assert (chosen.reason if chosen and chosen.failed else None) is reason


@pytest.mark.parametrize(
    ("model", "state"),
    [
        pytest.param(failed(MODEL), serving(ready=0), id="it was given up already"),
        pytest.param(MODEL, beside(seen_ready(MODEL), a_deployment(OLD), service=OLD_SERVES), id="it has no request"),
        pytest.param(MODEL, serving(ready=0, service=a_service(release=RELEASE, switched_at=None)),
                     id="nobody knows since when it has them"),
    ],
)  # fmt: skip
def test_a_release_is_not_judged_if(model: Model, state: Observed) -> None:
    assert judge_serving_release(Situation(model, state), NOON) is None


def canary_state(ready: int = 1, **changes: Any) -> Observed:
    workload = a_workload(a_deployment(CANARY), ready=ready)
    state = beside(
        seen_ready(CANARY, workloads=(workload,)), a_deployment(replace(OLD, autoscaling=CANARY.autoscaling))
    )
    return replace(state, service=SHARED, **changes)


def test_a_canary_is_judged_as_long_as_it_has_a_share() -> None:
    judged = judge_serving_release(
        Situation(at_step(CANARY, 1), canary_state(ready=0, guard_running=True)), NOON + seconds(9999)
    )
    assert judged
    assert judged.reason is Reason.PodsLost
    waits = replace(CANARY, rollout=replace(CANARY.rollout, steps=(Pause(None), SetWeight(10))))
    assert judge_serving_release(Situation(at_step(waits, 0), canary_state(ready=0)), NOON) is None, (
        "it has none yet"
    )


@pytest.mark.parametrize(
    ("model", "state", "after", "until"),
    [
        pytest.param(WATCHED, seen_serving(WATCHED), 0, 120, id="from the switch on"),
        pytest.param(WATCHED, seen_serving(WATCHED), 60, 120, id="a restart does not make it longer"),
        pytest.param(WATCHED, seen_serving(WATCHED), 120, None, id="not afterwards"),
        pytest.param(WATCHED, seen_serving(WATCHED, guard_running=True), 0, None, id="not twice"),
        pytest.param(MODEL, serving(), 0, None, id="not if nobody asks for it"),
        pytest.param(SLOWLY_WATCHED, seen_serving(SLOWLY_WATCHED), 119, 120, id="as long as it was asked for"),
        pytest.param(SLOWLY_WATCHED, seen_serving(SLOWLY_WATCHED), 120, None,
                     id="no longer than that, also while the release before it is kept"),
        pytest.param(failed(WATCHED), seen_serving(WATCHED), 60, None, id="not of one that failed already"),
        pytest.param(at_step(CANARY, 1), canary_state(), 5000, 5120, id="of a canary as long as it has a share"),
    ],
)  # fmt: skip
def test_metrics_are_read(model: Model, state: Observed, after: int, until: int | None) -> None:
    chosen = start_guard(Situation(model, state), NOON + seconds(after))
    trial = trial_of(model, RELEASE)
    expected = None if until is None else (StartGuard(RELEASE, trial, NOON + seconds(until), "churn_model"),)
    assert (chosen.actions if chosen else None) == expected


EXPORTED = seen_exported(MODEL)
NO_PODS_YET = seen_ready(MODEL, requests=(), workloads=())


@pytest.mark.parametrize(
    ("state", "is_left"),
    [
        pytest.param(EXPORTED, True, id="there is nothing of it here"),
        pytest.param(replace(EXPORTED, requests=(a_request(MODEL),)), False, id="its request is there"),
        pytest.param(replace(NO_PODS_YET, export=EXPORTED.export), False, id="its BentoDeployment is there"),
        pytest.param(replace(EXPORTED, service=a_service(release=RELEASE)), False, id="it has the address"),
        pytest.param(beside(EXPORTED, a_deployment(OLD), service=OLD_SERVES), False, id="another one serves for it"),
    ],
)  # fmt: skip
def test_nothing_is_made_of_a_release_that_failed_if(state: Observed, is_left: bool) -> None:
    assert (leave_failed_release(Situation(failed(MODEL), state), NOON) is not None) is is_left


def test_an_answer_that_is_not_as_expected_is_the_evidence() -> None:
    problem = Problem(
        reason=Reason.ContractBroken, message="no label", final=True, http="POST /predict -> 200: {}"
    )
    chosen = plan(Situation(CHECKED, seen_ready(CHECKED, verification=problem)), NOON)
    assert (chosen.reason, chosen.http) == (Reason.ContractBroken, "POST /predict -> 200: {}")
    assert chosen.failure
    disabled = a_model(rollout={"checks": CHECKED.rollout.checks, "rollback": Rollback.DISABLED})
    again = plan(Situation(disabled, seen_ready(disabled, verification=problem)), NOON)
    assert (again.failure, again.stalled, again.actions) == (None, True, ())


@pytest.mark.parametrize(
    ("model", "state", "asked"),
    [
        pytest.param(CHECKED, seen_ready(CHECKED), True, id="it wants the address"),
        pytest.param(CHECKED, seen_serving(CHECKED), False, id="it has the address"),
        pytest.param(CHECKED, seen_ready(CHECKED, verification=VerificationState.PASSED), False, id="it has answered"),
        pytest.param(MODEL, seen_ready(MODEL), False, id="nothing is to be asked"),
        pytest.param(failed(CHECKED), beside(seen_ready(CHECKED), a_deployment(OLD), service=OLD_SERVES), False,
                     id="what stands in for it was asked in its time"),
    ],
)  # fmt: skip
def test_a_release_is_asked_if(model: Model, state: Observed, asked: bool) -> None:
    chosen = verify_release(Situation(model, state), NOON)
    assert (chosen is not None) is asked
    assert not chosen or "has to answer 2 golden predictions" in chosen.message


def test_a_verification_that_is_held_up_waits_and_is_no_failure() -> None:
    held = Problem(reason=Reason.SecretUnreadable, message="there is no Secret churn in models; create it")
    chosen = plan(Situation(CHECKED, seen_ready(CHECKED, verification=held)), NOON)
    assert (chosen.reason, chosen.failed, chosen.failure, chosen.actions) == (held.reason, False, None, ())
    assert chosen.stalled
    assert chosen.look_again
