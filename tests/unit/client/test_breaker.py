"""A circuit opens when too many of the last requests failed, and one probe finds out whether it may close."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2i.client.breaker import CircuitBreaker, Shut, State
from e2i.client.settings import BreakerSettings

SETTINGS = BreakerSettings(failure_ratio=0.5, window=10.0, min_requests=4, open_seconds=30.0)


class Circuit:
    """A breaker whose changes are kept."""

    def __init__(self) -> None:
        self.changes: list[tuple[State, State]] = []
        self.breaker = CircuitBreaker(SETTINGS, lambda earlier, now: self.changes.append((earlier, now)))

    def ticket(self, now: float) -> int:
        admitted = self.breaker.admit(now)
        assert not isinstance(admitted, Shut)
        return admitted

    def request(self, now: float, succeeded: bool) -> None:
        self.breaker.record(self.ticket(now), succeeded, now)


@pytest.fixture
def circuit() -> Circuit:
    return Circuit()


@pytest.fixture
def opened(circuit: Circuit) -> Circuit:
    """Opened at second 100."""
    for _ in range(4):
        circuit.request(100.0, False)
    circuit.changes.clear()
    return circuit


def test_half_of_the_last_requests_failing_opens_it(circuit: Circuit) -> None:
    for succeeded in (True, False, True, False):
        circuit.request(1.0, succeeded)
    assert circuit.breaker.state(1.0) is State.OPEN
    assert circuit.changes == [(State.CLOSED, State.OPEN)]


def test_few_requests_say_nothing(circuit: Circuit) -> None:
    for _ in range(3):
        circuit.request(1.0, False)
    assert circuit.breaker.state(1.0) is State.CLOSED


@pytest.mark.parametrize(("later", "state"), [(10.9, State.OPEN), (11.0, State.CLOSED)])
def test_failures_before_the_window_are_forgotten(circuit: Circuit, later: float, state: State) -> None:
    for _ in range(3):
        circuit.request(1.0, False)
    circuit.request(later, False)
    assert circuit.breaker.state(later) is state


def test_a_mostly_good_model_stays_closed(circuit: Circuit) -> None:
    for number in range(1000):
        circuit.request(number / 50, number % 3 != 2)
    assert circuit.breaker.state(20.0) is State.CLOSED


def test_an_open_circuit_says_until_when(opened: Circuit) -> None:
    assert opened.breaker.admit(110.0) == Shut(until=130.0)


def test_after_thirty_seconds_one_probe_is_sent(opened: Circuit) -> None:
    opened.ticket(130.0)
    assert opened.breaker.state(130.0) is State.HALF_OPEN
    assert isinstance(opened.breaker.admit(130.0), Shut)


def test_a_look_at_the_circuit_changes_nothing(opened: Circuit) -> None:
    """The metrics look at it from a thread of their own."""
    assert opened.breaker.state(130.0) is State.HALF_OPEN
    assert opened.changes == []
    opened.ticket(130.0)
    assert opened.changes == [(State.OPEN, State.HALF_OPEN)]


def test_a_good_probe_closes_it_and_forgets_the_failures(opened: Circuit) -> None:
    opened.request(130.0, True)
    opened.request(130.0, False)
    assert opened.changes == [(State.OPEN, State.HALF_OPEN), (State.HALF_OPEN, State.CLOSED)]


def test_a_bad_probe_opens_it_for_thirty_seconds_more(opened: Circuit) -> None:
    opened.request(131.0, False)
    assert opened.breaker.admit(140.0) == Shut(until=161.0)


def test_a_probe_whose_caller_went_away_is_sent_by_the_next(opened: Circuit) -> None:
    opened.breaker.release(opened.ticket(130.0))
    opened.ticket(130.0)


def test_a_late_result_of_earlier_times_is_no_probe(circuit: Circuit) -> None:
    slow = circuit.ticket(99.0)
    for _ in range(4):
        circuit.request(100.0, False)
    circuit.ticket(130.0)
    circuit.breaker.record(slow, True, 130.0)
    assert circuit.breaker.state(130.0) is State.HALF_OPEN


def test_a_late_release_of_earlier_times_lets_no_second_probe_through(circuit: Circuit) -> None:
    slow = circuit.ticket(99.0)
    for _ in range(4):
        circuit.request(100.0, False)
    circuit.ticket(130.0)
    circuit.breaker.release(slow)
    assert isinstance(circuit.breaker.admit(130.0), Shut)


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=200))
def test_whatever_happens_an_open_circuit_ends(steps: list[tuple[float, bool]]) -> None:
    now, circuit = 0.0, Circuit()
    for wait, succeeded in steps:
        now += wait
        admitted = circuit.breaker.admit(now)
        if not isinstance(admitted, Shut):
            circuit.breaker.record(admitted, succeeded, now)
        else:
            assert now < admitted.until <= now + 30.0
    circuit.request(now + 30.0, True)
    assert circuit.breaker.state(now + 30.0) is State.CLOSED or not circuit.changes


@pytest.mark.parametrize(
    "wrong", [{"failure_ratio": 0}, {"failure_ratio": 1.5}, {"window": 0}, {"open_seconds": -1}]
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BreakerSettings(**wrong)  # type: ignore[arg-type]
