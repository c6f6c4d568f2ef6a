"""The choices of the user of `e2i score`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """One scoring. Times are in seconds."""

    model: str
    source: str
    output: str
    rows_in_request: int
    rows_in_piece: int | None
    """None: as many as some requests have."""
    most: int
    deadline: float
    patience: float
