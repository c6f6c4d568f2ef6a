"""Who asked the API server for what, from its audit log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from e2i.local.layout import ClusterHome

READS = ("get", "list", "watch")
WRITES = ("create", "update", "patch", "delete")


@dataclass(frozen=True)
class Request:
    """One request; `kind` is the resource as in a path, with its subresource: e2imodels/status."""

    verb: str
    kind: str
    at: datetime


@dataclass(frozen=True)
class Tally:
    """The requests of one user in one span of time."""

    counts: Counter[tuple[str, str]]

    @property
    def events(self) -> int:
        return sum(count for (_, kind), count in self.counts.items() if kind == "events")

    def by_verb(self, verb: str) -> int:
        """Without events, which are listed apart."""
        return sum(count for (v, kind), count in self.counts.items() if v == verb and kind != "events")

    @property
    def writes(self) -> int:
        return sum(self.by_verb(verb) for verb in WRITES)

    def words(self) -> str:
        """What was written: 2 patch e2imodels/status, 1 patch services"""
        written = sorted((v, k, n) for (v, k), n in self.counts.items() if v in WRITES and k != "events")
        return ", ".join(f"{count} {verb} {kind}" for verb, kind, count in written) or "nothing"


def requests_of(home: ClusterHome, user: str) -> Iterator[Request]:
    """Every request that was begun by the user, in no order; a watch counts when it opens."""
    for file in home.logs.glob("audit*.log"):
        for line in file.read_text().splitlines():
            # Most lines are other users': spare their parsing.
            if user not in line:
                continue
            entry = json.loads(line)
            opening = "ResponseStarted" if entry["verb"] == "watch" else "ResponseComplete"
            if entry["user"].get("username") != user or entry["stage"] != opening:
                continue
            target = entry.get("objectRef", {})
            kind = "/".join(filter(None, (target.get("resource"), target.get("subresource")))) or "discovery"
            yield Request(entry["verb"], kind, datetime.fromisoformat(entry["requestReceivedTimestamp"]))


def tally(home: ClusterHome, user: str, since: datetime) -> Tally:
    return Tally(Counter((each.verb, each.kind) for each in requests_of(home, user) if each.at >= since))


def is_quiet(home: ClusterHome, user: str, now: datetime, span: timedelta) -> bool:
    """Whether the user has written nothing for that long."""
    return not any(each.verb in WRITES and now - each.at < span for each in requests_of(home, user))
