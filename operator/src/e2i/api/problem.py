"""Why something could not be done, in the words that users see."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.api.conditions import Reason


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why something could not be done, with the words that condition, event and log line share.

    `stalled`: waiting alone will not help, a person has to change something.
    """

    reason: Reason
    message: str
    stalled: bool = False
    final: bool = False
    """The release itself is not to be had: it has failed."""
