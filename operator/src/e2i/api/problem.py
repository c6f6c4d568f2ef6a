"""`Problem`: what holds something up, in the words that users see. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.api.conditions import Reason


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A cause that holds up a release or an operation now. Condition, event and log line use the same words.

    What stays of a final one is a `Failure` (`controller.core.persisted_status`). What is raised is an error, and
    becomes a problem where it is caught.

    `stalled`: waiting does not help; a person has to change something.
    """

    reason: Reason
    message: str
    stalled: bool = False
    final: bool = False
    """The release has failed and will not recover."""
    blameless: bool = False
    """Somebody else holds the release up: a sidecar, a node, a quota, a registry, a controller. It is named and
    never counts against the release, which goes on when it passes."""
    http: str = ""
    """The exchange that showed it, POST /predict -> 200: {...}, in at most 1024 characters without secrets."""
    log: str = ""
    """The command that shows the log, as long as the pod is there. Not part of what is remembered."""
