"""The one place of the operator that reads the clock.

Durations decide what cannot be undone, so the time of `now` never jumps. It begins with the time of the API
server, or of this machine until a server was heard, and goes on by the monotonic clock. A difference from the server
that shows later, because somebody set a clock, is made up slowly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SLEW = 0.02
"""Part by which the clock runs faster or slower until it agrees with the server again: 10 minutes take 8 hours."""
HEAR_EVERY = 60.0
"""Seconds between two times of the server that are listened to."""


@dataclass(frozen=True)
class _Mark:
    """The clock at the moment when the server was last heard; replaced as a whole, so that threads may read it."""

    moment: datetime
    read: float
    """The monotonic clock at this moment."""
    behind: timedelta = timedelta(0)
    """How far this clock was behind the server."""
    heard: bool = False


class Clock:
    """The time of one process, without a jump."""

    def __init__(self, wall: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._mark = _Mark(wall(), monotonic())

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        mark = self._mark
        passed = timedelta(seconds=self._monotonic() - mark.read)
        most = passed * SLEW
        return mark.moment + passed + max(-most, min(most, mark.behind))

    def hear(self, date: str) -> None:
        """Take the time of a Date header: as it is the first time, only as a direction later."""
        mark, read = self._mark, self._monotonic()
        if mark.heard and read - mark.read < HEAR_EVERY:
            return
        server = http_date(date)
        if server is None:
            return
        moment = self.now() if mark.heard else server
        self._mark = _Mark(moment, read, behind=server - moment, heard=True)


def http_date(text: str) -> datetime | None:
    """Return the time of an HTTP header, None if it has none."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def wall() -> datetime:
    """Return the present moment in UTC by the clock of this machine, which may be wrong and may jump."""
    return datetime.now(UTC)  # noqa: TID251 - this is the place


_CLOCK = Clock(wall, time.monotonic)


def now() -> datetime:
    """Return the present moment in UTC, by the clock of this process."""
    return _CLOCK.now()


def hear(date: str) -> None:
    """Take the time from the Date header of an answer of the API server."""
    _CLOCK.hear(date)
