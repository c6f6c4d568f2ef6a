"""What the operator asked of the API server, read from the audit log."""

from __future__ import annotations

import json
from typing import Any

from e2i.local.layout import ClusterHome

ACCOUNT = "system:serviceaccount:e2i-system:e2i-operator"
FORBIDDEN = 403
READING = ("get", "list", "watch")


class Audit:
    """What the operator asked of the API server since a moment, from the audit log."""

    def __init__(self, home: ClusterHome) -> None:
        self._file = home.audit_log
        self._start = self._file.stat().st_size

    def requests(self) -> list[tuple[str, str]]:
        """(verb, resource) of each request of the operator, oldest first."""
        return [(entry["verb"], _resource(entry)) for entry in self._entries()]

    def refused(self) -> list[tuple[str, str]]:
        """Return those of the requests that it has no right to."""
        return [
            (entry["verb"], _resource(entry))
            for entry in self._entries()
            if entry.get("responseStatus", {}).get("code") == FORBIDDEN
        ]

    def requests_without_namespace(self) -> list[tuple[str, str]]:
        """Return those of the requests that are about objects of the whole cluster."""
        return [
            (entry["verb"], _resource(entry))
            for entry in self._entries()
            if "namespace" not in entry.get("objectRef", {"namespace": ""})
        ]

    def namespaces(self) -> set[str]:
        """Return the namespaces that the requests were about; "" if one was about none."""
        return {entry.get("objectRef", {}).get("namespace", "") for entry in self._entries()}

    def _entries(self) -> list[dict[str, Any]]:
        with self._file.open("rb") as log:
            log.seek(self._start)
            lines = log.read().splitlines()
        return [
            entry
            for line in lines
            if (entry := _parsed(line))
            and entry["user"]["username"] == ACCOUNT
            and entry["stage"] == "ResponseComplete"
        ]

    def writes(self) -> list[tuple[str, str]]:
        """Return the requests that changed something, without the renewals of the Lease."""
        return [
            request for request in self.requests() if request[0] not in READING and request[1] != "leases"
        ]

    def written(self, namespace: str = "") -> list[str]:
        """Return what was written of models and their children, there or anywhere: patch e2imodels/status churn"""
        return [
            f"{entry['verb']} {resource} {entry['objectRef'].get('name', '')}"
            for entry in self._entries()
            if entry["verb"] not in READING
            and (resource := _resource(entry)) not in ("events", "leases")
            and namespace in ("", entry["objectRef"].get("namespace", ""))
        ]


def _resource(entry: dict[str, Any]) -> str:
    about = entry.get("objectRef", {})
    return "/".join(filter(None, map(about.get, ("resource", "subresource"))))


def _parsed(line: bytes) -> Any:
    """None for a line that is being written."""
    try:
        return json.loads(line)
    except ValueError:
        return None
