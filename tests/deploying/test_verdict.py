"""From a status to waiting, serving or failed."""

from __future__ import annotations

from typing import Any

from e2i.deploying.errors import ReleaseFailed, Running, Verdict
from e2i.deploying.verdict import NOT_OBSERVED, Serving, Waiting, is_given_up, serving_tag, state_of
from e2i.kube import Object

DIGEST = f"sha256:{'9f' * 32}"


def a_condition(kind: str, status: str, reason: str, message: str = "a sentence") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def a_model(*conditions: Object, generation: int = 1, **status: Any) -> Object:
    return {
        "metadata": {"name": "churn", "namespace": "models", "uid": "u", "generation": generation},
        "spec": {"bento": {"tag": "churn_model:2.0.0"}},
        "status": {"observedGeneration": 1, "conditions": list(conditions), **status},
    }


READY = a_condition("Ready", "True", "Ready")
URL = "http://churn.models.svc:3000"


def test_a_model_that_serves_as_its_spec_is_now() -> None:
    state = state_of(a_model(READY, url=URL, servingRelease="b2", artifact={"digest": DIGEST}))
    assert state == Serving(
        url=URL, release="b2", bento="churn_model:2.0.0", digest=DIGEST, conditions=(READY,)
    )


def test_a_parked_model_serves_nothing() -> None:
    parked = (a_condition("Ready", "True", "Parked"), a_condition("ReleaseServing", "False", "Parked"))
    found = state_of(a_model(*parked))
    assert isinstance(found, Verdict)
    assert found.reason == "Parked"


def test_what_is_said_of_an_earlier_spec_does_not_count() -> None:
    assert state_of(a_model(READY, generation=2, url=URL, servingRelease="b1")) == NOT_OBSERVED


def test_a_model_that_nobody_has_looked_at() -> None:
    body = a_model()
    del body["status"]
    assert state_of(body) == NOT_OBSERVED


def test_a_release_under_way_is_named_by_its_phase() -> None:
    under_way = (a_condition("Ready", "False", "Building"), a_condition("Reconciling", "True", "Building"))
    assert state_of(a_model(*under_way)) == Waiting("Building", "a sentence")


def a_failed_model() -> Object:
    failure = {
        "release": "b2",
        "reason": "VerificationFailed",
        "message": "$.label should be stays",
        "evidence": {"http": "..."},
    }
    return a_model(
        a_condition("Ready", "False", "VerificationFailed", "shortened"),
        a_condition("ReleaseServing", "True", "Serving"),
        a_condition("Stalled", "True", "VerificationFailed"),
        desiredRelease="b2",
        servingRelease="b1",
        failedReleases=[{**failure, "release": "b0"}, failure],
        history=[{"release": "b2", "result": "Failed"}, {"release": "b1", "bentoTag": "churn_model:1.0.0"}],
    )


def test_a_failed_release_tells_why_and_who_answers_meanwhile() -> None:
    state = state_of(a_failed_model())
    assert state == Verdict(
        reason="VerificationFailed",
        message="$.label should be stays",
        evidence={"http": "..."},
        still_serving=Running("b1", "churn_model:1.0.0"),
    )
    assert is_given_up(a_failed_model())
    assert isinstance(state, Verdict)
    assert ReleaseFailed(state).document()["still_serving"] == {"release": "b1", "bento": "churn_model:1.0.0"}


def test_trouble_before_there_is_a_release_is_no_quarantine() -> None:
    missing = (
        a_condition("Ready", "False", "BentoNotFound"),
        a_condition("Stalled", "True", "BentoNotFound"),
    )
    body = a_model(*missing)
    state = state_of(body)
    assert isinstance(state, Verdict)
    assert (state.reason, state.still_serving, is_given_up(body)) == ("BentoNotFound", None, False)


def test_what_serves_is_the_release_that_has_the_address_whatever_is_asked_for() -> None:
    history = [
        {"release": "c3", "bentoTag": "churn_model:2.0.0", "result": "Failed"},
        {"release": "b2", "bentoTag": "churn_model:1.0.0", "result": "Serving"},
    ]
    assert serving_tag(a_model(servingRelease="b2", history=history)) == "churn_model:1.0.0"
    assert serving_tag(a_model()) is None
