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
    namespace: str
    """Empty if it is for all."""
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

    @property
    def reads(self) -> int:
        """Gets and lists; a watch that is opened again is no request for one model."""
        return self.by_verb("get") + self.by_verb("list")

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
            namespace = target.get("namespace", "")
            yield Request(
                entry["verb"], kind, namespace, datetime.fromisoformat(entry["requestReceivedTimestamp"])
            )


def tally(home: ClusterHome, user: str, since: datetime, namespace: str = "") -> Tally:
    """Count what the user asked for since then, in one namespace or in all; the renewals of its Lease are left out."""
    return Tally(
        Counter(
            (each.verb, each.kind)
            for each in requests_of(home, user)
            if each.at >= since and each.kind != "leases" and namespace in ("", each.namespace)
        )
    )


def is_quiet(home: ClusterHome, user: str, now: datetime, span: timedelta) -> bool:
    """Whether the user has written nothing for that long, but for its Lease."""
    return not any(
        each.verb in WRITES and each.kind != "leases" and now - each.at < span
        for each in requests_of(home, user)
    )
