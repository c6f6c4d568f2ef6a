"""How many requests are under way at once: more as long as answers stay quick, half as many after an overload. Pure."""

from __future__ import annotations

import math

TOLERATED = 3.0
"""An answer that takes so many times the quickest one says that requests wait for one another by now."""
BETWEEN_CUTS = 1.0
"""Seconds in which several overloads count as one: their requests were sent before the first was known."""


class Pace:
    """Begins with one request at a time. Times are seconds of one clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = 1.0
        self._quickest = math.inf
        self._cut_at = -math.inf

    @property
    def limit(self) -> int:
        """Requests that may be under way."""
        return int(self._limit)

    def succeeded(self, seconds_a_row: float) -> None:
        """An answer came. To change by one takes as many answers as requests are under way."""
        # One request at a time waits for no other: so a machine that became slower is known by what it does now.
        self._quickest = seconds_a_row if self.limit == 1 else min(self._quickest, seconds_a_row)
        step = 1 / self._limit
        waits = seconds_a_row > TOLERATED * self._quickest
        self._limit = max(self._limit - step, 1.0) if waits else min(self._limit + step, self._most)

    def overloaded(self, now: float) -> None:
        """A request was refused, or not answered in time."""
        if now - self._cut_at >= BETWEEN_CUTS:
            self._limit = max(self._limit / 2, 1.0)
            self._cut_at = now
