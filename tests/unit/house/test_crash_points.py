"""Which points of a life the crash tests try."""

from __future__ import annotations

from support.crashproxy import Call, Mode, Strike
from support.crashreport import points

LOOK, PUT, LIST = Call("head bentos/churn.tar", 1), Call("put part 1", 1), Call("list parts", 1)


def test_with_every_point_each_call_is_struck_in_each_mode() -> None:
    assert set(points([LOOK, PUT], every=True)) == {
        Strike(call, mode) for call in (LOOK, PUT) for mode in Mode
    }


def test_without_there_is_one_point_for_each_state_and_one_for_each_lost_reply() -> None:
    assert points([LOOK, PUT, LIST], every=False) == [
        Strike(LOOK, Mode.BEFORE),
        Strike(LOOK, Mode.CUT),
        Strike(PUT, Mode.AFTER),
        Strike(PUT, Mode.CUT),
        Strike(LIST, Mode.CUT),
    ]


def test_a_phase_without_calls_has_no_points() -> None:
    assert points([], every=False) == []
