"""Ten requests a second to the model's address, sent from a pod of the cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2i.conformance.subject import Subject

NAME = "conformance-load"
CONTAINER = "load"
PROGRAM = Path(__file__).with_name("load.py")
BENTO_USER = 1034
"""The user of BentoML's images, which know it by name: Kubernetes trusts only a number not to be root."""


@dataclass(frozen=True)
class Tally:
    """Numbers of requests until now."""

    requests: int
    failed: int
    last: str

    def since(self, before: Tally) -> Tally:
        """Return what came after `before`."""
        return Tally(self.requests - before.requests, self.failed - before.failed, self.last)

    def __str__(self) -> str:
        lost = f"{self.failed} lost, the last with: {self.last}" if self.failed else "0 lost"
        return f"{self.requests} requests, {lost}"


def tally_of(log: str) -> Tally | None:
    """Return the last whole line of the load's log; None if there is none yet."""
    for line in reversed(log.splitlines()):
        try:
            told = json.loads(line)
            return Tally(int(told["requests"]), int(told["failed"]), str(told["last"]))
        except (ValueError, KeyError, TypeError):
            continue
    return None


def load_pod(
    subject: Subject, container: Mapping[str, Any], pod: Mapping[str, Any], url: str
) -> Mapping[str, Any]:
    """Return a pod that sends requests, with the image of `container` of the model's own `pod`."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/part-of": "e2i-conformance"}},
        "spec": {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "imagePullSecrets": pod["spec"].get("imagePullSecrets", []),
            "tolerations": pod["spec"].get("tolerations", []),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _user(container, pod["spec"]),
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": CONTAINER,
                    "image": container["image"],
                    "command": ["python", "-c", PROGRAM.read_text()],
                    "env": [
                        {"name": "E2I_URL", "value": f"{url}{subject.path}"},
                        {"name": "E2I_BODY", "value": subject.body},
                    ],
                    "resources": {
                        "requests": {"cpu": "20m", "memory": "64Mi"},
                        "limits": {"cpu": "500m", "memory": "256Mi"},
                    },
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def _user(container: Mapping[str, Any], spec: Mapping[str, Any]) -> int:
    """Return the user of the model's pod if it has one that is not root."""
    given = (context.get("runAsUser") for context in map(_context, (container, spec)))
    return next((int(user) for user in given if user), BENTO_USER)


def _context(given: Mapping[str, Any]) -> Mapping[str, Any]:
    return given.get("securityContext") or {}
