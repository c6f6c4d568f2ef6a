"""`Stretch`: how long something has been waited for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """How long the target release has been waited for in its present way."""

    at_work: bool
    """Its own build or its own pods are at work. If not, something else holds it up."""
    since: datetime
