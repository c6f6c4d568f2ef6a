"""What is written into the ledger: whole, and under the same key however often it is tried."""

from __future__ import annotations

from dataclasses import replace

from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_model,
    a_request,
    a_service,
    an_artifact,
    failed,
    seconds,
    seen,
    seen_exported,
    seen_ready,
)

from e2i.api import naming, release_record
from e2i.controller.core import persisted_status
from e2i.controller.core.releases import recording
from e2i.controller.core.releases.release import Release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.trials import trial_of

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
STATE = seen_ready(MODEL, requests=(replace(a_request(), image="registry.example/bentos:1"),))


def wanted() -> Release:
    found = Situation(MODEL, STATE).desired
    assert found
    return found


def test_a_release_that_is_about_to_serve_is_recorded_with_all_it_takes_to_run_it() -> None:
    record = recording.served_record(Situation(MODEL, STATE), wanted(), NOON + seconds(60))
    assert (record.release, record.trial) == (RELEASE, trial_of(MODEL, RELEASE))
    assert (record.result, record.artifact, record.shape) == (
        release_record.SERVED,
        an_artifact(),
        MODEL.shape,
    )
    assert (record.image, record.started_at, record.at) == (
        "registry.example/bentos:1",
        NOON,
        NOON + seconds(60),
    )


def test_the_same_switch_has_one_key_however_often_it_is_tried() -> None:
    first, again = (
        recording.served_record(Situation(MODEL, STATE), wanted(), NOON + seconds(delay)) for delay in (1, 9)
    )
    assert release_record.key(first, "") == release_record.key(again, "")


def test_a_release_that_takes_the_address_a_second_time_has_another_key() -> None:
    back = replace(STATE, service=a_service(release="0000aaaa", switched_at=NOON + seconds(30)))
    first, second = (
        recording.served_record(Situation(MODEL, state), wanted(), NOON + seconds(60))
        for state in (STATE, back)
    )
    assert second.started_at == NOON + seconds(30)
    assert release_record.key(first, "") != release_record.key(second, "")


def test_one_that_was_asked_for_in_place_began_when_it_was_asked_for() -> None:
    chosen = replace(wanted(), deployment=replace(a_deployment(), asked_at=NOON + seconds(20)))
    assert recording.served_record(
        Situation(MODEL, STATE), chosen, NOON + seconds(60)
    ).started_at == NOON + seconds(20)


def test_without_any_object_it_begins_now() -> None:
    bare = replace(wanted(), deployment=None, request=None, shape=None)
    record = recording.served_record(Situation(MODEL, seen()), bare, NOON)
    assert (record.started_at, record.image, record.shape) == (NOON, "", MODEL.shape)


def test_a_failure_is_recorded_with_its_evidence() -> None:
    (failure,) = persisted_status.failures(failed(MODEL, evidence={"exitCode": 1}))
    record = recording.failure_record(Situation(MODEL, STATE), failure)
    assert record
    assert (record.result, record.reason, record.evidence) == (
        release_record.FAILED,
        "CrashLoop",
        {"exitCode": 1},
    )
    assert (record.image, record.started_at, record.at) == ("registry.example/bentos:1", NOON, NOON)
    assert release_record.decode(release_record.encode(record)) == record


def test_a_failure_of_something_that_is_not_asked_for_any_more_is_not_recorded() -> None:
    (failure,) = persisted_status.failures(failed(MODEL))
    assert recording.failure_record(Situation(a_model(kind="Causal"), STATE), failure) is None
    assert recording.failure_record(Situation(MODEL, seen()), failure) is None
    bare = recording.failure_record(Situation(MODEL, seen_exported(MODEL)), failure)
    assert bare
    assert bare.image == ""
