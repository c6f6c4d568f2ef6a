"""The condition WatchBlind: spec.rollout.watch could not judge the release. Pure."""

from __future__ import annotations

from e2i.api import conditions
from e2i.api.conditions import Fact, fact
from e2i.api.problem import Problem
from e2i.controller.core import persisted_status
from e2i.controller.core.releases.release import serving_release
from e2i.controller.core.releases.situation import Situation


def watch_blind(here: Situation) -> Fact | None:
    """Return the condition while it is true.

    It stays after the watch, because nobody may have looked in time, and over a restart of the operator until the
    metrics are read again. The next release ends it.
    """
    sight = here.seen.guard_sight
    if here.model.rollout.watch is None or sight == "clear":
        return None
    if isinstance(sight, Problem):
        return fact(conditions.WATCH_BLIND, "True", sight.reason, sight.message)
    old = here.model.status
    known = (each for each in old.get("conditions", ()) if each["type"] == conditions.WATCH_BLIND)
    told, serving = next(known, None), serving_release(here.seen)
    if told is None or serving is None or serving != old.get("servingRelease"):
        return None
    return fact(conditions.WATCH_BLIND, "True", persisted_status.reason_of(told["reason"]), told["message"])
