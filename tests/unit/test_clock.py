"""The operator's clock: it starts with the server's time and never jumps, whoever sets a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from e2i.clock import HEAR_EVERY, SLEW, Clock

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)


class Machine:
    """A machine with both its clocks, and a server."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.wall_skew = timedelta(0)
        self.server_skew = timedelta(0)
        self.clock = Clock(self.wall, lambda: 500.0 + self.passed)

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=self.passed) + self.wall_skew

    def run(self, seconds: int) -> None:
        """An answer of the server comes each second."""
        for _ in range(seconds):
            self.passed += 1
            server = NOON + timedelta(seconds=self.passed) + self.server_skew
            self.clock.hear(format_datetime(server, usegmt=True))

    @property
    def error(self) -> timedelta:
        return self.clock.now() - NOON - timedelta(seconds=self.passed)


@pytest.mark.parametrize("jump", [TEN_MINUTES, -TEN_MINUTES])
@pytest.mark.parametrize("whose", ["wall_skew", "server_skew"])
def test_a_jump_is_not_followed(whose: str, jump: timedelta) -> None:
    machine = Machine()
    machine.run(100)
    setattr(machine, whose, jump)
    before = machine.clock.now()
    machine.run(1)
    assert timedelta(seconds=0.9) < machine.clock.now() - before < timedelta(seconds=1.1)
    machine.run(600)
    assert abs(machine.error) <= timedelta(seconds=601 * SLEW)


@pytest.mark.parametrize("jump", [TEN_MINUTES, -TEN_MINUTES])
def test_a_server_that_goes_on_telling_another_time_is_followed_slowly(jump: timedelta) -> None:
    machine = Machine()
    machine.run(100)
    machine.server_skew = jump
    machine.run(int(600 / SLEW) + 200)
    assert abs(machine.error - jump) <= timedelta(seconds=2)


def test_time_never_goes_back() -> None:
    machine = Machine()
    machine.run(10)
    last = machine.clock.now()
    for skew in (1, -1, 3600, -86400, 0):
        machine.server_skew = timedelta(seconds=skew)
        for _ in range(int(HEAR_EVERY) * 2):
            machine.run(1)
            assert machine.clock.now() > last
            last = machine.clock.now()


def test_the_first_answer_of_the_server_sets_it() -> None:
    machine = Machine()
    machine.wall_skew = -TEN_MINUTES
    machine.clock = Clock(machine.wall, lambda: 500.0 + machine.passed)
    assert machine.error == -TEN_MINUTES
    machine.run(1)
    assert machine.error == timedelta(0)


@pytest.mark.parametrize("text", ["", "soon", "Fri, 99 Foo 2026 12:00:00 GMT"])
def test_a_header_without_a_time_is_ignored(text: str) -> None:
    machine = Machine()
    machine.clock.hear(text)
    assert machine.error == timedelta(0)
