"""`Problem`: why an operation failed, in the words that users see. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.api.conditions import Reason


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why an operation failed. Condition, event and log line use the same words.

    `stalled`: waiting does not help; a person has to change something.
    """

    reason: Reason
    message: str
    stalled: bool = False
    final: bool = False
    """The release has failed and will not recover."""
