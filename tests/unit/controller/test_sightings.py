"""Durations begin when the operator first saw what they are about, whatever time others wrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOON, a_deployment, a_request, a_service, a_workload, seconds

from e2i.controller.core.children import Build
from e2i.controller.core.sightings import dated, has_news

LATER = NOON + seconds(100)


@pytest.mark.parametrize("skew", [timedelta(minutes=10), timedelta(0), -timedelta(minutes=10)])
def test_the_creation_time_of_another_clock_decides_nothing(skew: timedelta) -> None:
    child = replace(a_request(created=NOON + skew), built_at=None)
    first = dated(child, None, NOON)
    assert first.first_seen == NOON
    assert dated(child, first, LATER).first_seen == NOON
    assert dated(replace(child, uid="another"), first, LATER).first_seen == LATER


def test_an_image_was_built_when_it_was_first_seen() -> None:
    building = dated(a_request(build=Build.RUNNING), None, NOON)
    built = dated(replace(building, build=Build.DONE), building, LATER)
    assert (building.built_at, built.built_at) == (None, LATER)  # type: ignore[attr-defined]
    assert dated(replace(building, build=Build.DONE), built, LATER + seconds(9)).built_at == LATER  # type: ignore[attr-defined]


def test_a_refusal_lasts_until_it_is_gone() -> None:
    refused = dated(a_deployment(refusal="no"), None, NOON)
    still = dated(a_deployment(refusal="no, for another cause"), refused, LATER)
    gone = dated(a_deployment(), still, LATER)
    again = dated(a_deployment(refusal="no"), gone, LATER)
    assert [each.refused_at for each in (refused, still, gone, again)] == [NOON, NOON, None, LATER]  # type: ignore[attr-defined]


def test_pods_are_refused_since_it_was_first_seen() -> None:
    refused = dated(a_workload(a_deployment(), replica_failure="quota"), None, NOON)
    still = dated(a_workload(a_deployment(), replica_failure="quota"), refused, LATER)
    assert (refused.failing_since, still.failing_since) == (NOON, NOON)  # type: ignore[attr-defined]
    assert dated(a_workload(a_deployment()), still, LATER).failing_since is None  # type: ignore[attr-defined]


def test_a_switch_that_lies_ahead_is_one_of_now() -> None:
    """By the clock of an earlier operator, or by hand: neither is it judged for ever, nor does its time stand still."""
    ahead = a_service(release="0b1d77e2", switched_at=LATER)
    first = dated(ahead, None, NOON)
    assert first.switched_at == NOON  # type: ignore[attr-defined]
    assert dated(ahead, first, NOON + seconds(60)).switched_at == NOON  # type: ignore[attr-defined]


def test_a_switch_is_seen_when_its_time_changes() -> None:
    first = dated(a_service(release="0b1d77e2", switched_at=NOON - seconds(9)), None, NOON)
    again = dated(a_service(release="0b1d77e2", switched_at=NOON - seconds(9)), first, LATER)
    moved = dated(a_service(release="0b1d77e2", switched_at=LATER), again, LATER)
    assert [each.switch_seen for each in (first, again, moved)] == [NOON, NOON, LATER]  # type: ignore[attr-defined]


def test_a_controller_is_heard_when_it_says_something_else_of_the_same_object() -> None:
    waiting = replace(a_request(build=Build.UNKNOWN), answered=False)
    answered = replace(waiting, answered=True)
    assert has_news(answered, waiting)
    assert not has_news(answered, answered)
    assert not has_news(answered, None), "it may have been said long ago"
    assert not has_news(replace(answered, uid="another"), waiting)


def test_what_keeps_the_builder_has_lasted_since_it_was_seen_first() -> None:
    request = a_request(build=Build.UNKNOWN)
    kept = dated(replace(request, error="no"), None, NOON)
    still = dated(replace(request, error="no, for another cause"), kept, LATER)
    gone = dated(replace(request, build=Build.RUNNING), still, LATER)
    assert [each.error_since for each in (kept, still, gone)] == [NOON, NOON, None]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("build", "message", "over"),
    [
        (Build.UNKNOWN, "Starting to reconcile BentoRequest", False),
        (Build.UNKNOWN, "Image building job yatai-bento-image-builder-1 is waiting", True),
        (Build.RUNNING, "Image building job yatai-bento-image-builder-1 is running", True),
        (Build.DONE, "", True),
    ],
)
def test_what_keeps_the_builder_does_not_flap_while_it_tries_again(
    build: Build, message: str, over: bool
) -> None:
    request = a_request(build=Build.UNKNOWN)
    refused = dated(replace(request, error="connection refused"), None, NOON)
    again = dated(replace(request, build=build, message=message), refused, LATER)
    assert (again.error, again.error_since) == (("", None) if over else ("connection refused", NOON))  # type: ignore[attr-defined]
