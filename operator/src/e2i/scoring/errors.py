"""Reasons for which scoring ends before its last row."""

from __future__ import annotations


class ScoringError(Exception):
    """Scoring cannot begin or go on; says what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class OutOfPatience(ScoringError):
    """The model gave no answer for too long. What was scored is kept: the same command goes on from there."""
