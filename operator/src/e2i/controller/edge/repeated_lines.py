"""Keeps a warning that repeats itself from flooding the log: one line now and then, with the number of the others.

What fails is tried again at least once a minute. A hundred models whose writes are refused would log that a hundred
times a minute, and hide everything else.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

PERIOD = 600.0
"""Seconds in which a line is logged once for each model."""
MOST_LINES = 10_000
"""Lines that are remembered; when there are more, the oldest are forgotten."""
_NUMBER = re.compile(r"\d+")
"""Lines that differ in numbers alone, such as times and counts, are one line."""


@dataclass
class _Logged:
    at: float
    left_out: int = 0


class RepeatedLines:
    """A filter of a logger. Lines about a changed condition pass: each of them is news."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._logged: dict[tuple[str, str], _Logged] = {}

    def __call__(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written; the first after a pause says how many were left out."""
        repeats = logging.WARNING <= record.levelno < logging.CRITICAL and "condition" not in record.__dict__
        if not repeats:
            return True
        text, now = record.getMessage(), self._seconds()
        line = str(record.__dict__.get("model", "")), _NUMBER.sub("0", text)
        known = self._logged.get(line)
        if known and now - known.at < PERIOD:
            known.left_out += 1
            return False
        self._logged.pop(line, None)
        self._logged[line] = _Logged(now)
        if len(self._logged) > MOST_LINES:
            del self._logged[next(iter(self._logged))]
        if known and known.left_out:
            record.msg, record.args = f"{text} (and {known.left_out} times more since the last such line)", ()
            record.__dict__["repeated"] = known.left_out
        return True
