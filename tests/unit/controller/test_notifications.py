"""The facts of a status that somebody outside is told, as CloudEvents."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import NOON, seconds
from support.model_bodies import NEW, NEW_DIGEST, NEW_TAG, OLD, OLD_DIGEST, OLD_TAG, churn, entry, told

from e2i.api.conditions import timestamp
from e2i.api.model_body import parse_model
from e2i.controller.core.notifications import Notification, notifications

LATER = NOON + seconds(60)
AT = timestamp(NOON)


def facts(**status: Any) -> list[Notification]:
    return notifications(parse_model(churn(**status)), LATER)


def test_a_release_that_got_the_address_is_told() -> None:
    (fact,) = facts(history=[entry(NEW, NEW_TAG, NEW_DIGEST, "Serving", servedAt=AT)])
    assert (fact.type, fact.subject, fact.time) == ("dev.e2i.serving.release.served", NEW, AT)
    assert fact.source == "/apis/serving.e2i.dev/v1alpha1/namespaces/models/e2imodels/churn"
    assert fact.data["bentoTag"] == NEW_TAG
    assert fact.data["url"] == "http://churn.models.svc:3000"


@pytest.mark.parametrize(
    ("result", "kind"), [("Failed", "release.failed"), ("RolledBack", "release.rolledback")]
)
def test_a_release_that_ended_badly_is_told_with_its_reason(result: str, kind: str) -> None:
    words = {"reason": "ErrorRatioExceeded", "message": "every third answer was an error"}
    (fact,) = facts(history=[entry(NEW, NEW_TAG, NEW_DIGEST, result, endedAt=AT, **words)])
    assert fact.type == f"dev.e2i.serving.{kind}"
    assert {name: fact.data[name] for name in words} == words


def test_a_canary_that_waits_for_a_person_is_told_once_for_each_step() -> None:
    def waiting(step: str) -> list[Notification]:
        rollout = {"release": NEW, "stepStartedAt": step}
        return facts(
            history=[], rollout=rollout, conditions=[told("Ready", "False", "CanaryPaused", "step 2 of 3")]
        )

    (first,), (second,) = waiting(AT), waiting(timestamp(NOON + seconds(30)))
    assert first.type == "dev.e2i.serving.release.awaitingapproval"
    assert first.id != second.id


def test_the_same_fact_has_the_same_id_and_another_model_of_the_name_has_its_own() -> None:
    history = [entry(NEW, NEW_TAG, NEW_DIGEST, "Serving", servedAt=AT)]
    (first,), (again,) = facts(history=history), facts(history=history, readyReplicas=1)
    (other,) = facts(history=history, metadata={"uid": "another"})
    assert first.id == again.id != other.id


def test_what_is_older_than_a_day_or_has_no_time_is_no_news() -> None:
    long_ago = timestamp(NOON - seconds(90_000))
    assert facts(history=[entry(NEW, NEW_TAG, NEW_DIGEST, "Serving", servedAt=long_ago)]) == []
    assert facts(history=[entry(NEW, NEW_TAG, NEW_DIGEST, "Serving", servedAt="yesterday")]) == []
    assert facts(history=[entry(NEW, NEW_TAG, NEW_DIGEST, "Serving")]) == []


def test_releases_that_were_replaced_as_planned_are_no_news() -> None:
    assert facts(history=[entry(OLD, OLD_TAG, OLD_DIGEST, "Superseded", servedAt=AT, endedAt=AT)]) == []


def test_inputs_that_have_drifted_are_told_with_their_features_and_the_bento() -> None:
    drift = {
        "release": NEW,
        "since": AT,
        "drifted": 1,
        "features": [{"name": "tenure", "score": "0.41", "bound": "0.25", "since": AT}],
    }
    history = [entry(NEW, NEW_TAG, NEW_DIGEST, "Serving", servedAt=timestamp(NOON - seconds(90_000)))]
    conditions = [told("Drifted", "True", "InputsDrifted", "tenure moved")]
    (fact,) = facts(history=history, drift=drift, conditions=conditions)
    assert (fact.type, fact.subject, fact.time) == ("dev.e2i.serving.release.drifted", NEW, AT)
    assert (fact.data["bentoTag"], fact.data["digest"]) == (NEW_TAG, NEW_DIGEST)
    assert (fact.data["reason"], fact.data["message"]) == ("InputsDrifted", "tenure moved")
    assert fact.data["features"] == [{"name": "tenure", "score": "0.41", "bound": "0.25"}]
    (later,) = facts(history=history, drift={**drift, "since": timestamp(NOON + seconds(30))})
    assert later.id != fact.id


def test_the_oldest_fact_comes_first() -> None:
    later = timestamp(NOON + seconds(10))
    served = entry(OLD, OLD_TAG, OLD_DIGEST, "Serving", servedAt=later)
    failed = entry(NEW, NEW_TAG, NEW_DIGEST, "Failed", endedAt=AT)
    assert [fact.type.split(".")[-1] for fact in facts(history=[served, failed])] == ["failed", "served"]


def test_a_cloud_event_has_the_fields_of_version_1() -> None:
    (fact,) = facts(history=[entry(NEW, NEW_TAG, NEW_DIGEST, "Serving", servedAt=AT)])
    assert set(fact.cloud_event()) == {
        "specversion", "id", "type", "source", "subject", "time", "datacontenttype", "data",
    }  # fmt: skip
