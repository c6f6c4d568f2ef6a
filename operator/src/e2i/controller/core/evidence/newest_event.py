"""Finds the newest of several events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from e2i.api.plain_text import clean

LONGEST = 600
"""Bytes of a message that is quoted."""


def newest_message(events: Iterable[Mapping[str, Any]]) -> str:
    """Return the message of the newest event, cleaned and without its last full stop; empty if none has a message."""
    last = newest(events)
    return clean(last["message"], LONGEST).rstrip(".") if last else ""


def newest(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the newest event that has a message; None if none has one."""
    told = [event for event in events if isinstance(event.get("message"), str)]
    return max(told, key=_last_time, default=None)


def _last_time(event: Mapping[str, Any]) -> str:
    """Return when it was seen last. Events of the newer API have their times in other fields."""
    series = event.get("series")
    repeated = series.get("lastObservedTime") if isinstance(series, dict) else None
    return str(event.get("lastTimestamp") or repeated or event.get("eventTime") or "")
