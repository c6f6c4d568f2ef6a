"""What the operator asked of the API server, read from the audit log."""

from __future__ import annotations

import json
from typing import Any

from e2i.local.layout import ClusterHome

ACCOUNT = "system:serviceaccount:e2i-system:e2i-operator"
READING = ("get", "list", "watch")


class Audit:
    """What the operator asked of the API server since a moment, from the audit log."""

    def __init__(self, home: ClusterHome) -> None:
        self._file = home.audit_log
        self._start = self._file.stat().st_size

    def requests(self) -> list[tuple[str, str]]:
        """(verb, resource) of each request of the operator, oldest first."""
        with self._file.open("rb") as log:
            log.seek(self._start)
            lines = log.read().splitlines()
        entries = [entry for line in lines if (entry := _parsed(line))]
        return [
            (
                entry["verb"],
                "/".join(filter(None, map(entry.get("objectRef", {}).get, ("resource", "subresource")))),
            )
            for entry in entries
            if entry["user"]["username"] == ACCOUNT and entry["stage"] == "ResponseComplete"
        ]

    def writes(self) -> list[tuple[str, str]]:
        """Return the requests that changed something, without the renewals of the Lease."""
        return [
            request for request in self.requests() if request[0] not in READING and request[1] != "leases"
        ]


def _parsed(line: bytes) -> Any:
    """None for a line that is being written."""
    try:
        return json.loads(line)
    except ValueError:
        return None
