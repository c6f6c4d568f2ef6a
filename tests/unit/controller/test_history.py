"""The history of releases: what served, what failed, and when; bounded, and carried on from the last status."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_line,
    a_model,
    a_request,
    a_service,
    at_step,
    beside,
    failed,
    failed_status,
    seconds,
    seen,
    seen_ready,
    seen_serving,
)

from e2i.api import naming
from e2i.api.conditions import timestamp
from e2i.api.model import Model, Pause, SetWeight, Strategy
from e2i.controller.core import persisted_status
from e2i.controller.core.observed import Observed
from e2i.controller.core.persisted_status import Entry, Failure
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.status import history

MODEL = a_model()
A = naming.release_of(a_model(env=(("VERSION", "old"),)), DIGEST)
B = naming.release_of(MODEL, DIGEST)
LATER = NOON + seconds(60)


def told(model: Model, state: Observed, failure: Failure | None = None) -> list[str]:
    """B Serving, A Superseded"""
    return [
        f"{entry.release} {entry.result}"
        for entry in history.updated(Situation(model, state), [failure] if failure else [], LATER)
    ]


def failure(release: str = B, **changes: Any) -> Failure:
    (found,) = persisted_status.failures(failed(MODEL, release=release, **changes))
    return found


def with_lines(*lines: dict[str, Any], limit: int = 5) -> Model:
    return a_model(history=limit, status={"history": lines})


SERVES_B = seen_serving(MODEL, service=a_service(release=B, switched_at=NOON))
SERVES_A = seen_ready(MODEL, service=a_service(release=A, switched_at=NOON + seconds(30)))


@pytest.mark.parametrize(
    ("model", "state", "failure", "expected"),
    [
        pytest.param(MODEL, seen(), None, [], id="nothing happened yet"),
        pytest.param(MODEL, SERVES_B, None, [f"{B} Serving"], id="the first release serves"),
        pytest.param(with_lines(a_line(A, "Serving")), SERVES_B, None, [f"{B} Serving", f"{A} Superseded"],
                     id="the next one took over"),
        pytest.param(with_lines(a_line(B, "Serving")), SERVES_B, None, [f"{B} Serving"], id="nothing is new"),
        pytest.param(with_lines(a_line(B, "Serving")), seen(), None, [f"{B} Serving"],
                     id="its Service is gone for a moment"),
        pytest.param(with_lines(a_line(A, "Serving")), SERVES_A, failure(), [f"{B} Failed", f"{A} Serving"],
                     id="the next one failed before it served"),
        pytest.param(with_lines(a_line(B, "Serving"), a_line(A)), SERVES_B, failure(),
                     [f"{B} Serving", f"{A} Superseded"],
                     id="it failed while it serves, and has the address still"),
        pytest.param(with_lines(a_line(B, "Serving", reason="CrashLoop"), a_line(A)), SERVES_A, failure(),
                     [f"{A} Serving", f"{B} RolledBack", f"{A} Superseded"], id="it was rolled back"),
        pytest.param(with_lines(a_line(B, "Serving"), a_line(A, "Serving")), SERVES_B, None,
                     [f"{B} Serving", f"{A} Superseded"], id="two that serve, as somebody wrote"),
        pytest.param(with_lines(a_line(A, "Serving"), a_line(B, "RolledBack", endedAt="2026-11-21T11:00:00Z")),
                     SERVES_A, failure(), [f"{B} Failed", f"{A} Serving", f"{B} RolledBack"],
                     id="it failed again after it had been rolled back before"),
        pytest.param(with_lines(a_line(A, "Serving"), a_line(B, "RolledBack", endedAt="2026-11-21T12:00:09Z")),
                     SERVES_A, failure(), [f"{A} Serving", f"{B} RolledBack"], id="the rollback is this failure"),
        pytest.param(with_lines(a_line(A, "Serving"), a_line(B, "Failed", endedAt="2026-11-21T12:00:00Z")), SERVES_A,
                     failure(), [f"{A} Serving", f"{B} Failed"], id="the failure was told"),
        pytest.param(with_lines(a_line(A, "Serving"), a_line(B, "Failed")), SERVES_A, failure(),
                     [f"{B} Failed", f"{A} Serving", f"{B} Failed"], id="of another failure nobody knows when it was"),
    ],
)  # fmt: skip
def test_the_history(model: Model, state: Observed, failure: Failure | None, expected: list[str]) -> None:
    lines = told(model, state, failure)
    assert lines == expected
    again = [
        persisted_status.entry_status(entry)
        for entry in history.updated(Situation(model, state), [failure] if failure else [], LATER)
    ]
    assert told(a_model(status={"history": again}), state, failure) == expected, "told again, it is the same"


CANARY = a_model(rollout={"strategy": Strategy.CANARY, "steps": (SetWeight(25), Pause(None))})
ARTIFACT = {"tag": "churn_model:1.4.1", "digest": DIGEST, "uri": "s3://e2i/churn.tar"}


def with_canary(
    release: str = "0000aaaa", *, weight: int = 25, model: Model = CANARY, **status: Any
) -> Model:
    """The last status tells of a canary; A serves beside it."""
    known = at_step(model, 0, release=release, weight=weight)
    lines = {"history": [a_line(A, "Serving")], "artifact": ARTIFACT}
    return replace(known, status={**known.status, **lines, **status})


FAILED_CANARY = failed_status(CANARY, release="0000aaaa")


@pytest.mark.parametrize(
    ("model", "is_overtaken"),
    [
        pytest.param(with_canary(), True, id="another one is asked for"),
        pytest.param(with_canary(B), False, id="it is asked for"),
        pytest.param(with_canary(A), False, id="it serves"),
        pytest.param(with_canary(weight=0), False, id="it never had a share"),
        pytest.param(with_canary(**FAILED_CANARY), False, id="it failed: that is told"),
        pytest.param(replace(with_canary(), invalid="spec is missing"), False,
                     id="nobody knows what is asked for while the spec cannot be read"),
    ],
)  # fmt: skip
def test_a_canary_is_overtaken_if(model: Model, is_overtaken: bool) -> None:
    assert any(line.endswith("Overtaken") for line in told(model, SERVES_A)) is is_overtaken


def test_an_overtaken_canary_is_told_with_its_bento_and_what_came_in_its_place() -> None:
    (entry, _) = history.updated(Situation(with_canary(), SERVES_A), (), LATER)
    assert (entry.tag, entry.digest, entry.ended_at) == ("churn_model:1.4.1", DIGEST, LATER)
    assert entry.message == f"it had 25 % of the requests when release {B} was asked for in its place"
    unknown = with_canary(model=replace(CANARY, tag="churn_model:2"))
    state = seen(service=SERVES_A.service)
    (entry, *_) = history.updated(Situation(unknown, state), (), LATER)
    assert entry.message == "it had 25 % of the requests when churn_model:2 was asked for in its place"


def test_a_rollback_in_the_same_second_as_its_failure_tells_of_it() -> None:
    model = with_lines(a_line(A, "Serving"), a_line(B, "RolledBack", endedAt=timestamp(NOON)))
    failed_then = replace(failure(), failed_at=NOON + timedelta(milliseconds=400))
    assert told(model, SERVES_A, failed_then) == [f"{A} Serving", f"{B} RolledBack"]


def test_a_release_that_serves_is_told_with_all_that_is_known_of_it() -> None:
    request = replace(a_request(), image="registry.example/bentos:1")
    (entry,) = history.updated(Situation(MODEL, replace(SERVES_B, requests=(request,))), (), LATER)
    assert entry == Entry(
        release=B,
        tag=MODEL.tag,
        digest=DIGEST,
        image="registry.example/bentos:1",
        started_at=NOON,
        served_at=NOON,
        result=persisted_status.SERVING,
    )


def test_of_one_that_lost_its_objects_only_the_address_is_known() -> None:
    (entry,) = history.updated(
        Situation(MODEL, seen(service=a_service(release=A, switched_at=None))), (), LATER
    )
    assert entry == Entry(release=A, tag="", digest="", result=persisted_status.SERVING, served_at=LATER)


def test_a_release_ends_when_the_address_moves() -> None:
    lines = history.updated(Situation(with_lines(a_line(A, "Serving")), SERVES_B), (), LATER)
    assert lines[1].ended_at == NOON
    unknown = replace(SERVES_B, service=a_service(release=B, switched_at=None))
    assert (
        history.updated(Situation(with_lines(a_line(A, "Serving")), unknown), (), LATER)[1].ended_at == LATER
    )


def test_one_that_fails_while_it_serves_is_told_why_at_once() -> None:
    (line, _) = history.updated(
        Situation(with_lines(a_line(B, "Serving"), a_line(A)), SERVES_B), (failure(),), LATER
    )
    assert (line.reason, line.message) == ("CrashLoop", "container main ended 3 times")


@pytest.mark.parametrize("there", [True, False])
def test_a_failed_release_is_told_with_what_is_left_of_it(there: bool) -> None:
    request = replace(a_request(), image="registry.example/bentos:1")
    state = beside(seen(requests=(request,)), a_deployment(MODEL)) if there else seen()
    (line,) = history.updated(Situation(MODEL, state), (failure(),), LATER)
    assert (line.image, line.started_at) == (("registry.example/bentos:1", NOON) if there else ("", None))
    assert line.ended_at == NOON


@pytest.mark.parametrize(("limit", "kept"), [(0, 1), (1, 2), (3, 4), (50, 6)])
def test_the_one_that_serves_is_kept_beside_the_limit(limit: int, kept: int) -> None:
    others = [a_line(f"0000000{number}", "Failed") for number in range(5)]
    lines = told(with_lines(*others, a_line(B, "Serving"), limit=limit), SERVES_B)
    assert len(lines) == kept
    assert lines[-1] == f"{B} Serving"
