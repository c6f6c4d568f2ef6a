"""Which points of a life the crash tests try, and what they make of how a phase ended."""

from __future__ import annotations

from collections import Counter

import pytest
from support import crashreport
from support.crashproxy import Call, Mode, Strike
from support.crashreport import Agenda, Ending, Strikes, points

LOOK, PUT, LIST = Call("head bentos/churn.tar", 1), Call("put part 1", 1), Call("list parts", 1)
PARTS = [Call(f"put part {number}", 1) for number in range(5)]


def ending(state: str = "{}", *struck: Strike) -> Ending:
    return Ending(state, Counter(), tuple(PARTS), struck)


def agenda() -> Agenda:
    made = Agenda("export", is_struck=True, usual=ending())
    made.waiting.clear()
    return made


def killed(*numbers: int) -> Strikes:
    return tuple(Strike(PARTS[number], Mode.AFTER) for number in numbers)


def test_with_every_point_each_call_is_struck_in_each_mode_alone() -> None:
    assert set(points([LOOK, PUT], every=True)) == {
        (Strike(call, mode),) for call in (LOOK, PUT) for mode in Mode
    }


def test_without_there_is_one_point_for_each_state_and_one_for_each_lost_reply() -> None:
    struck = [strike for strikes in points([LOOK, PUT, LIST], every=False) for strike in strikes]
    assert struck == [
        Strike(LOOK, Mode.BEFORE),
        Strike(PUT, Mode.AFTER),
        Strike(LOOK, Mode.CUT),
        Strike(LIST, Mode.CUT),
        Strike(PUT, Mode.CUT),
    ]


def test_a_life_strikes_at_every_second_call() -> None:
    lives = points(PARTS, every=False)
    assert killed(0, 2, 4) in lives
    assert killed(1, 3) in lives


def test_a_phase_without_calls_has_no_points() -> None:
    assert points([], every=False) == []


def test_of_several_points_that_ended_differently_each_is_tried_alone() -> None:
    phase, strikes = agenda(), killed(0, 3)
    assert not phase.judge(strikes, ending("{other}", *strikes))
    assert "killed after put part 0, killed after put part 3" in phase.failures[0]
    assert list(phase.waiting) == [killed(0), killed(3)]


def test_a_point_that_did_not_come_is_tried_again_alone() -> None:
    phase = agenda()
    assert phase.judge(killed(0, 3), ending("{}", *killed(0)))
    assert (phase.tried, phase.failures, list(phase.waiting)) == (1, [], [killed(3)])


def test_points_of_one_life_that_did_not_come_are_tried_again_together() -> None:
    phase = agenda()
    assert phase.judge(killed(0, 2, 4), ending("{}", *killed(2)))
    assert list(phase.waiting) == [killed(0, 4)]


@pytest.mark.parametrize(("deep", "tries"), [(False, 2), (True, 4)])
def test_a_status_that_does_not_come_again_is_named_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, deep: bool, tries: int
) -> None:
    monkeypatch.setattr(crashreport, "is_deep", lambda: deep)
    phase, strikes = agenda(), (Strike(Call("status Building", 2), Mode.CUT),)
    for _ in range(tries):
        assert not phase.absent
        assert phase.judge(strikes, ending())
    assert (phase.absent, phase.failures) == (list(strikes), [])


def test_a_write_that_does_not_come_again_in_four_runs_is_a_failure() -> None:
    phase = agenda()
    for _ in range(4):
        assert not phase.failures
        phase.judge(killed(1), ending())
    assert "did not come again in 4 runs" in phase.failures[0]
