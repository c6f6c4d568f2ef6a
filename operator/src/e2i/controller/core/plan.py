"""`Plan`: what a pass does and reports, and when the next one comes. A rule returns it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from e2i.api.conditions import Reason
from e2i.controller.core.actions import Action
from e2i.controller.core.persisted_status import Canary, Failure
from e2i.controller.core.releases.release import Release
from e2i.controller.core.releases.situation import Situation

NOW = timedelta(0)
PODS_POLL = timedelta(seconds=5)
"""How often a model is looked at whose pods are held up: some problems become final only by their age."""
STORE_POLL = timedelta(seconds=15)
"""How often the bento store and the bucket are read: neither can be watched."""
CLUSTER_POLL = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The result of a rule: the reason and its message, the actions, and the delay until the next pass in any case."""

    reason: Reason
    message: str
    actions: tuple[Action, ...] = ()
    stalled: bool = False
    failed: bool = False
    """The desired release has failed, or `judged`; `rules.table` decides what follows."""
    judged: Release | None = None
    """The release that has failed while it got requests."""
    http: str = ""
    """The HTTP exchange that showed the failure."""
    log: str = ""
    """The command that shows the log of a pod that is still there. Not remembered with a failure."""
    failure: Failure | None = None
    """The failure to write into the status."""
    canary: Canary | None = None
    """The canary's progress to write into the status."""
    retries: int | None = None
    """How often the desired release has been tried again by itself, to write into the status."""
    look_again: timedelta | None = None

    @property
    def told(self) -> str:
        """The message for a moment in which the pods are there."""
        return f"{self.message.rstrip('.')}. Its log: {self.log}" if self.log else self.message


Rule = Callable[[Situation, datetime], Plan | None]
