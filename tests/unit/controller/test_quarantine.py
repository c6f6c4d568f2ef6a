"""Which release is to serve, and how long a failure counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_line,
    a_model,
    a_record,
    a_request,
    a_service,
    a_workload,
    an_artifact,
    beside,
    failed,
    seconds,
    seen,
    seen_exported,
    seen_ready,
    seen_serving,
    seen_starting,
)

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model, Rollback
from e2i.api.problem import Problem
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.export import needs_release_store

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
OLD = a_model(env=(("VERSION", "old"),))
OLD_RELEASE = naming.release_of(OLD, DIGEST)
OLDER = a_model(env=(("VERSION", "older"),))
OLDER_RELEASE = naming.release_of(OLDER, DIGEST)
OLD_SERVES = a_service(release=OLD_RELEASE)
AWAY = Problem(reason=Reason.BucketUnreachable, message="no answer")
NOT_FOUND = Problem(reason=Reason.BentoNotFound, message="no such bento")
FAILED_RECORD = a_record(MODEL, "Failed")
ROLLED_OVER = beside(seen_ready(MODEL), a_deployment(OLD), service=OLD_SERVES)
"""The release before it still has the address."""


@pytest.mark.parametrize(
    ("model", "state", "counts"),
    [
        pytest.param(failed(MODEL), ROLLED_OVER, True, id="it failed in this trial"),
        pytest.param(MODEL, ROLLED_OVER, False, id="it did not fail"),
        pytest.param(failed(MODEL), seen(), False, id="nobody knows what is asked for before the export"),
        pytest.param(failed(MODEL, trial="00000001"), ROLLED_OVER, False, id="it failed in another trial"),
        pytest.param(replace(failed(MODEL), retry_at="now"), ROLLED_OVER, False, id="it is to be tried again"),
        pytest.param(replace(failed(MODEL), autoscaling=replace(MODEL.autoscaling, maximum=9)), ROLLED_OVER, True,
                     id="another number of pods is no other release"),
        pytest.param(replace(MODEL, status=failed(OLD).status), ROLLED_OVER, False, id="another release failed"),
        pytest.param(failed(a_model(rollout={"rollback": Rollback.DISABLED})), ROLLED_OVER, False,
                     id="nothing is given up where it is disabled"),
        pytest.param(failed(a_model(rollout={"rollback": Rollback.MANUAL})), ROLLED_OVER, True,
                     id="the verdict is the same where people roll back"),
        pytest.param(failed(MODEL), seen_serving(MODEL, service=a_service(release=RELEASE, switched_at=NOON)), True,
                     id="it failed in the second in which it took the address"),
        pytest.param(failed(MODEL), seen_serving(MODEL, service=a_service(release=RELEASE, switched_at=NOON + seconds(
            1))), False, id="it took the address afterwards: it is as good as any"),
        pytest.param(failed(MODEL), seen_serving(MODEL, service=a_service(release=RELEASE, switched_at=None)), True,
                     id="nobody knows when it took the address"),
        pytest.param(failed(MODEL, failedAt="yesterday"), ROLLED_OVER, True, id="nobody knows when it failed"),
    ],
)  # fmt: skip
def test_a_failure_counts_if(model: Model, state: Observed, counts: bool) -> None:
    assert (Situation(model, state).quarantine is not None) is counts


@pytest.mark.parametrize(
    ("records", "more", "counts"),
    [
        pytest.param((FAILED_RECORD,), {}, True, id="it failed when the cluster was another"),
        pytest.param((), {}, False, id="the bucket knows nothing"),
        pytest.param((a_record(MODEL),), {}, False, id="it served then"),
        pytest.param((FAILED_RECORD, a_record(MODEL, at=NOON + seconds(9))), {}, False, id="it served after it failed"),
        pytest.param((a_record(MODEL, at=NOON - seconds(9)), FAILED_RECORD), {}, True, id="it failed after it served"),
        pytest.param((replace(FAILED_RECORD, trial="00000001"),), {}, False, id="it failed in another trial"),
        pytest.param((a_record(OLD, "Failed"),), {}, False, id="another release failed"),
        pytest.param((FAILED_RECORD,), {"requests": (a_request(),)}, True,
                     id="its children were restored, and its status was not"),
    ],
)  # fmt: skip
def test_a_rebuilt_cluster_believes_the_bucket(records: Any, more: dict[str, Any], counts: bool) -> None:
    assert (Situation(MODEL, seen_exported(MODEL, records=records, **more)).quarantine is not None) is counts


def test_what_the_bucket_knows_of_a_failure_is_whole() -> None:
    record = replace(FAILED_RECORD, message="it broke", reason="Unheard", evidence={"exitCode": 1})
    failure = Situation(MODEL, seen_exported(MODEL, records=(record,))).quarantine
    assert failure
    assert (failure.release, failure.tag, failure.digest) == (RELEASE, MODEL.tag, DIGEST)
    assert (failure.reason, failure.message, failure.evidence) == (
        Reason.Refused,
        "it broke",
        {"exitCode": 1},
    )
    assert failure.failed_at == NOON


def with_history(*lines: dict[str, Any], rollback: Rollback = Rollback.AUTOMATIC) -> Model:
    return failed(a_model(rollout={"rollback": rollback}, status={"history": lines}))


def after_the_switch(*others: Model, ready: int = 1, **changes: Any) -> Observed:
    """The failed release has the address; the others' pods are still there."""
    state = seen_serving(MODEL, service=a_service(release=RELEASE))
    for other in others:
        state = beside(state, a_deployment(other), ready=ready)
    return replace(state, **changes)


@pytest.mark.parametrize(
    ("model", "state", "release"),
    [
        pytest.param(failed(MODEL), ROLLED_OVER, OLD_RELEASE, id="the one that serves stays"),
        pytest.param(failed(MODEL), replace(ROLLED_OVER, workloads=()), OLD_RELEASE, id="even if it has no pods"),
        pytest.param(with_history(a_line(OLD_RELEASE)), after_the_switch(OLD), OLD_RELEASE,
                     id="the one before it, whose pods are there"),
        pytest.param(with_history(a_line(OLD_RELEASE), a_line(OLDER_RELEASE)), after_the_switch(OLDER, OLD),
                     OLD_RELEASE, id="the last one of several"),
        pytest.param(with_history(a_line(OLD_RELEASE, "Failed"), a_line(OLDER_RELEASE)), after_the_switch(OLDER, OLD),
                     OLDER_RELEASE, id="never one that failed itself"),
        pytest.param(with_history(a_line(OLD_RELEASE, "RolledBack")), after_the_switch(OLD), None,
                     id="nor one that was rolled back"),
        pytest.param(with_history(a_line(RELEASE)), after_the_switch(), None, id="nor itself"),
        pytest.param(with_history(a_line(OLD_RELEASE)), after_the_switch(OLD, ready=0), None,
                     id="nor one without a ready pod"),
        pytest.param(with_history(a_line(OLD_RELEASE)), after_the_switch(), None, id="nor one that is gone"),
        pytest.param(with_history(a_line(OLD_RELEASE), rollback=Rollback.MANUAL), after_the_switch(OLD), None,
                     id="nowhere, where people roll back"),
        pytest.param(failed(MODEL), after_the_switch(records=(a_record(OLD),)), OLD_RELEASE,
                     id="one that only the bucket remembers is made again"),
        pytest.param(failed(MODEL), after_the_switch(records=(a_record(OLD), a_record(OLD, "Failed"))), None,
                     id="unless it failed there too"),
        pytest.param(failed(MODEL), after_the_switch(records=(a_record(MODEL),)), None, id="or is the same"),
        pytest.param(failed(MODEL), after_the_switch(records=AWAY), None, id="while the bucket is away there is none"),
        pytest.param(failed(MODEL), seen(), None, id="before the export nobody can tell"),
    ],
)  # fmt: skip
def test_where_to_go_back_to(model: Model, state: Observed, release: str | None) -> None:
    back = Situation(model, state).fallback
    assert (back.release if back else None) == release


def test_a_release_that_runs_is_taken_as_it_is_and_one_from_the_bucket_is_made() -> None:
    running = Situation(failed(MODEL), ROLLED_OVER).fallback
    restored = Situation(failed(MODEL), after_the_switch(records=(a_record(OLD),))).fallback
    assert running
    assert restored
    assert (running.shape, restored.shape, restored.artifact) == (None, OLD.shape, an_artifact())


@pytest.mark.parametrize(
    ("model", "state", "release"),
    [
        pytest.param(MODEL, seen(), None, id="nobody knows before the export"),
        pytest.param(MODEL, ROLLED_OVER, RELEASE, id="what the spec asks for"),
        pytest.param(failed(MODEL), ROLLED_OVER, OLD_RELEASE, id="if that failed, what stands in for it"),
        pytest.param(failed(MODEL), seen_starting(MODEL), RELEASE, id="if nothing does, it is waited for on"),
    ],
)
def test_the_goal(model: Model, state: Observed, release: str | None) -> None:
    chosen = Situation(model, state).target
    assert (chosen.release if chosen else None) == release


@pytest.mark.parametrize(
    ("model", "state", "needed"),
    [
        pytest.param(MODEL, seen(), True, id="a model that is new here"),
        pytest.param(MODEL, seen(records=()), False, id="it was read"),
        pytest.param(MODEL, seen(records=AWAY), False, id="it was just tried"),
        pytest.param(MODEL, seen_serving(MODEL, records=None), True,
                     id="its children are there, and its status was lost"),
        pytest.param(a_model(status={"history": [a_line(RELEASE)]}), seen(), False, id="the status remembers"),
        pytest.param(a_model(tag="churn_model:9"), replace(ROLLED_OVER, export=NOT_FOUND, records=None), True,
                     id="the store lost the bento"),
        pytest.param(failed(MODEL), ROLLED_OVER, False, id="there is something to go back to"),
        pytest.param(failed(MODEL), after_the_switch(records=None), True, id="there is nothing to go back to"),
        pytest.param(failed(a_model(rollout={"rollback": Rollback.MANUAL})), after_the_switch(), False,
                     id="nothing goes back by itself"),
    ],
)  # fmt: skip
def test_the_bucket_is_asked_if(model: Model, state: Observed, needed: bool) -> None:
    assert needs_release_store(Situation(model, state)) is needed


def test_a_deployment_without_a_release_is_nothing_to_go_back_to() -> None:
    bare = replace(a_deployment(OLD), release=None)
    state = seen_starting(MODEL, deployments=(a_deployment(MODEL), bare), workloads=(a_workload(bare),))
    assert Situation(failed(MODEL), state).fallback is None
