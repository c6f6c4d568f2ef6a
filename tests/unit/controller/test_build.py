"""How long an image may take, and what is said when it fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import (
    NOON,
    a_model,
    a_request,
    seconds,
    seen_building,
)

from e2i.api.conditions import Reason
from e2i.api.model import Rollback
from e2i.api.problem import Problem
from e2i.controller.core.children import Build
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules import table
from e2i.controller.core.stretch import Stretch

MODEL = a_model()


@pytest.mark.parametrize(
    ("after", "reason", "look_again"),
    [
        pytest.param(10, Reason.Building, 30, id="while nothing holds it up, the watches tell what happens"),
        pytest.param(598, Reason.Building, 2, id="close to the deadline the next look is exactly then"),
        pytest.param(
            600,
            Reason.BuildDeadlineExceeded,
            0,
            id="it counts from when the build's pod had a node",
        ),
    ],
)
def test_the_deadline_of_a_build(after: int, reason: Reason, look_again: int) -> None:
    chosen = table.plan(Situation(MODEL, seen_building(MODEL)), NOON + seconds(after))
    assert (chosen.reason, chosen.look_again) == (reason, seconds(look_again))
    assert chosen.stalled == (after >= 600)


def test_a_build_past_its_deadline_tells_what_held_it_up() -> None:
    blocked = Problem(reason=Reason.BuildBlocked, message="no room for the builder")
    late = table.plan(Situation(MODEL, seen_building(MODEL, pod_problem=blocked)), NOON + seconds(600))
    assert "(spec.rollout.progressDeadlineSeconds): no room for the builder" in late.message


def test_a_failed_build_says_how_to_try_again_where_nothing_is_given_up() -> None:
    state = seen_building(MODEL, requests=(a_request(build=Build.FAILED, message="It broke."),))
    disabled = a_model(rollout={"rollback": Rollback.DISABLED})
    assert "delete BentoRequest churn-9f3c21aa" in table.plan(Situation(disabled, state), NOON).message
    # Where the release is given up, deleting the request alone would not try it again.
    assert "delete BentoRequest" not in table.plan(Situation(MODEL, state), NOON).message


BLOCKED = Problem(reason=Reason.BuildBlocked, message="no node has room")
RETRIED = replace(a_request(build=Build.UNKNOWN), error="the object has been modified", error_since=NOON)


@pytest.mark.parametrize(
    "held",
    [
        pytest.param({"pod_problem": BLOCKED, "problem_since": NOON}, id="no node has room"),
        pytest.param({"requests": (RETRIED,)}, id="the image builder tries again"),
    ],
)
def test_what_holds_a_build_up_is_named_when_it_has_lasted(held: dict[str, Any]) -> None:
    situation = Situation(MODEL, seen_building(MODEL, **held))
    early, late = (table.plan(situation, NOON + seconds(after)) for after in (3, 5))
    assert (early.reason, early.look_again) == (Reason.Building, seconds(2))
    assert late.reason is Reason.BuildBlocked


HELD = Stretch(at_work=False, since=NOON)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param({"pod_problem": Problem(reason=Reason.BuildBlocked, message="no node has room")},
                     Reason.BuildBlocked, id="no node takes the build"),
        pytest.param({"requests": (replace(a_request(build=Build.UNKNOWN), answered=False),)},
                     Reason.YataiNotResponding, id="the image builder is down"),
        pytest.param({"requests": (replace(a_request(build=Build.UNKNOWN), error="connection refused"),)},
                     Reason.BuildBlocked, id="the registry is down"),
    ],
)  # fmt: skip
def test_a_build_that_has_not_begun_is_never_given_up(state: dict[str, Any], reason: Reason) -> None:
    chosen = table.plan(Situation(MODEL, seen_building(MODEL, stretch=HELD, **state)), NOON + seconds(9999))
    assert (chosen.reason, chosen.failed, chosen.stalled) == (reason, False, True)
    assert chosen.message


def test_a_build_in_the_queue_waits_as_long_as_the_image_builder_works() -> None:
    request = replace(a_request(build=Build.UNKNOWN), answered=False)
    now = NOON + seconds(9999)
    state = seen_building(MODEL, stretch=HELD, requests=(request,), builder_heard=now - seconds(59))
    chosen = table.plan(Situation(MODEL, state), now)
    assert (chosen.reason, chosen.failed, chosen.stalled) == (Reason.Building, False, False)
    assert "yatai-image-builder has still to look at" in chosen.message
    silent = table.plan(Situation(MODEL, replace(state, builder_heard=now - seconds(60))), now)
    assert "yatai-image-builder has not looked at BentoRequest churn-9f3c21aa since 2026-" in silent.message
