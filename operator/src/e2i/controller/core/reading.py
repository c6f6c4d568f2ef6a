"""`Reading`: the state of the records of the release store while they are read. Pure."""

from __future__ import annotations

from enum import Enum


class Reading(Enum):
    """State of the records while they are being read."""

    RUNNING = "being read"
