"""Time for the node agent: the only module of this package that reads the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> float:
    """Return the seconds since 1970."""
    return time.time()


def timestamp(seconds: float) -> str:
    """0.5 -> 1970-01-01T00:00:00Z, the form of times in the API."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(seconds: float) -> str:
    """0.5 -> 1970-01-01T00:00:00.500000Z, the form of a Lease's renewTime and of log lines."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_of(text: str) -> float:
    """Return the seconds of a timestamp in either form; ValueError for other texts."""
    return datetime.fromisoformat(text).timestamp()
