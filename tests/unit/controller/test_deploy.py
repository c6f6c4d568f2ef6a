"""Which objects of a release are written, and what a retry removes first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_deployment_spec,
    a_line,
    a_model,
    a_request,
    a_service,
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
from e2i.api.model import Model
from e2i.controller.core.actions import ApplyDeployment, DeleteDeployment, DeleteRequest, Export
from e2i.controller.core.children import Build
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules import deploy, table

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
OLD = a_model(env=(("VERSION", "old"),))
OLD_DEPLOYMENT = a_deployment(OLD)
OLD_SERVES = a_service(release=naming.release_of(OLD, DIGEST), switched_at=NOON - seconds(3600))
THIS_DEPLOYMENT = a_deployment(MODEL)


def test_an_older_form_is_kept_by_the_release_that_was_made_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "CURRENT_TEMPLATE_VERSION", "v2")
    assert table.plan(Situation(MODEL, seen_serving(MODEL)), NOON).actions == ()


LATER = NOON + seconds(3600)
REMOVE_PODS = DeleteDeployment(THIS_DEPLOYMENT.name, THIS_DEPLOYMENT.uid, RELEASE)
REMOVE_REQUEST = DeleteRequest(a_request().name, a_request().uid)
READ_AGAIN = Export(MODEL.reference)


def retried(reason: str = "CrashLoop", **changes: object) -> Model:
    """Its release failed in an earlier trial, ten minutes after it was asked for."""
    return failed(MODEL, trial="00000001", reason=reason, failed_at=NOON + seconds(600), **changes)  # type: ignore[arg-type]


def with_history(model: Model, *lines: dict[str, object]) -> Model:
    return replace(model, status={**model.status, "history": list(lines)})


NOT_READY = beside(seen_starting(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES)
OF_ANOTHER_BENTO = beside(
    seen_starting(MODEL),
    replace(OLD_DEPLOYMENT, spec={**OLD_DEPLOYMENT.spec, "bento": "churn-00000000"}),
    service=OLD_SERVES,
)
NOT_BUILT = beside(
    seen_building(MODEL, requests=(a_request(build=Build.FAILED),)), OLD_DEPLOYMENT, service=OLD_SERVES
)
STILL_BUILDING = beside(seen_building(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES)


@pytest.mark.parametrize(
    ("model", "state", "actions"),
    [
        pytest.param(retried(), NOT_READY, (REMOVE_PODS,), id="pods that crashed would be found crashing"),
        pytest.param(retried("ProgressDeadlineExceeded"), NOT_READY, (REMOVE_PODS,), id="pods that are late stay late"),
        pytest.param(retried(), OF_ANOTHER_BENTO, (REMOVE_PODS, REMOVE_REQUEST, READ_AGAIN),
                     id="the store may have all of a bento now that it had in part"),
        pytest.param(retried(), seen(requests=(a_request(),), service=OLD_SERVES), (REMOVE_REQUEST, READ_AGAIN),
                     id="its pods are gone already, and the store is read again"),
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
    chosen = deploy.reset_retried_release(Situation(model, state), LATER)
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
            THIS_DEPLOYMENT, uid="uid-of-this-trial"),)), OLD_DEPLOYMENT, service=OLD_SERVES), LATER,
                     id="its pods were made for this trial"),
        pytest.param(retried(), beside(seen_starting(MODEL, deployments=(replace(
            THIS_DEPLOYMENT, name="churn-inplace"),)), OLD_DEPLOYMENT, service=OLD_SERVES), LATER,
                     id="there is only the one that is edited in place"),
        pytest.param(retried(), seen(requests=(replace(a_request(), uid="uid-of-this"),), service=OLD_SERVES), LATER,
                     id="its pods are gone already, and the store was read for this trial"),
        pytest.param(retried("BuildFailed"),
                     seen(requests=(replace(a_request(build=Build.FAILED), uid="uid-of-this"),)), LATER,
                     id="its build was begun for this trial"),
    ],
)  # fmt: skip
def test_nothing_is_begun_anew_if(model: Model, state: Observed, now: object) -> None:
    assert deploy.reset_retried_release(Situation(model, state), now) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "state"),
    [
        pytest.param(
            replace(retried(), archive=DIGEST),
            OF_ANOTHER_BENTO,
            id="the spec names the content by its digest",
        ),
        pytest.param(
            with_history(retried(), a_line("0000bbbb")), OF_ANOTHER_BENTO, id="the content has served"
        ),
        pytest.param(retried(), NOT_READY, id="another release runs the content"),
    ],
)
def test_a_retry_does_not_read_the_store_again_if(model: Model, state: Observed) -> None:
    chosen = deploy.reset_retried_release(Situation(model, state), LATER)
    assert chosen
    assert chosen.actions == (REMOVE_PODS,)


def test_a_serving_release_that_somebody_took_the_labels_off_is_labelled_again() -> None:
    bare = replace(THIS_DEPLOYMENT, release=None)
    chosen = table.plan(Situation(MODEL, seen_serving(MODEL, deployments=(bare,))), NOON)
    assert chosen.actions == (ApplyDeployment(a_deployment_spec(MODEL, RELEASE)),)
