"""`RecordsState`: the state of the records of the release store while they are not known yet. Pure."""

from __future__ import annotations

from enum import Enum


class RecordsState(Enum):
    """State of the records that are not known yet."""

    RUNNING = "being read"
