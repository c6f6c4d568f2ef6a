"""More requests at once while answers stay quick, fewer after an overload."""

from __future__ import annotations

from e2i.scoring.pace import Pace


def test_it_begins_with_one_and_grows_while_answers_are_quick() -> None:
    pace = Pace(most=8)
    assert pace.limit == 1
    for _ in range(200):
        pace.succeeded(0.01)
    assert pace.limit == 8


def test_it_stops_growing_when_requests_wait_for_one_another() -> None:
    pace = Pace(most=100)
    for _ in range(1000):
        pace.succeeded(0.01 * pace.limit)
    assert 3 <= pace.limit <= 8


def test_an_overload_halves_it_and_those_of_the_same_moment_count_once() -> None:
    pace = Pace(most=8)
    for _ in range(200):
        pace.succeeded(0.01)
    for moment in (10.0, 10.1, 10.2):
        pace.overloaded(moment)
    assert pace.limit == 4


def test_it_never_stops_altogether() -> None:
    pace = Pace(most=8)
    for moment in range(20):
        pace.overloaded(10.0 * moment)
    assert pace.limit == 1
