"""The ends of releases, from the history before and after a status was written. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from e2i.controller.core import persisted_status

SERVED = "Served"
RESULTS = (SERVED, persisted_status.ROLLED_BACK, persisted_status.FAILED, persisted_status.OVERTAKEN)


class ReleaseEnd(NamedTuple):
    """One of RESULTS, and why the release ended so."""

    result: str
    reason: str


def release_ends(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ReleaseEnd]:
    """Return what the history of the new status says and that of the old one did not.

    The release that a rollback goes back to has served before: it does not count again.
    """
    known = {_identity(entry) for entry in old.get("history", ())}
    fresh = [entry for entry in new.get("history", ()) if _identity(entry) not in known]
    ends = [ReleaseEnd(entry["result"], entry.get("reason", "")) for entry in fresh]
    is_rollback = any(end.result == persisted_status.ROLLED_BACK for end in ends)
    for end in ends:
        if end.result == persisted_status.SERVING and not is_rollback:
            yield ReleaseEnd(SERVED, "")
        elif end.result in RESULTS:
            yield end


def _identity(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(entry.get(field) for field in ("release", "result", "servedAt", "endedAt"))
