"""What a run has come to: every object and key, and how often each object was created and deleted."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from typing import Any

from support.stage import Stage
from support.yatai import made

from e2i.api import naming
from e2i.kube import Object
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, BUDGETS, DEPLOYMENTS, E2I_MODELS, SERVICES
from e2i.local.layout import ClusterHome
from e2i.local.yatai.yatai_kinds import AUTOSCALER, BENTO, JOB

KINDS = (
    E2I_MODELS,
    BENTO_REQUESTS,
    BENTO,
    BENTO_DEPLOYMENTS,
    DEPLOYMENTS,
    AUTOSCALER,
    BUDGETS,
    SERVICES,
    JOB,
)
OURS = (E2I_MODELS.kind, BENTO_REQUESTS.kind, BENTO_DEPLOYMENTS.kind)
"""A write too many to one of these would show in its generation."""
ORPHAN = "its owner is gone"
_COUNTED = tuple(kind.plural for kind in KINDS)
_OF_YATAI = (DEPLOYMENTS.plural, AUTOSCALER.plural, SERVICES.plural)
_TIME = re.compile(r"\d{4}-?\d\d-?\d\dT\d\d:?\d\d:?\d\d(\.\d+)?(Z|\+00:00)")
_POD = re.compile(r"(?<=churn-[0-9a-f]{8}-)[0-9a-z]+-[0-9a-z]{5}(?=\W)")
_PORT = re.compile(r"127\.0\.0\.1:\d+")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Counts = Counter[tuple[str, str, str]]
"""How often (create or delete, kind, name) was done, whoever did it."""


async def state_of(stage: Stage, keys: list[str]) -> str:
    """Everything in the stage's namespace as JSON, without what differs between equal runs; `keys` of S3."""
    items: list[Object] = []
    for kind in KINDS:
        items += (await stage.kube.list(kind, stage.namespace))[0]
    there = {item["metadata"]["uid"] for item in items}
    found = [_plain(item, is_orphan=not there.issuperset(_owners(item))) for item in items]
    text = json.dumps({"objects": found, "keys": keys}, indent=1, sort_keys=True)
    text = text.replace(stage.namespace, "<namespace>")
    for volatile, name in ((_TIME, "time"), (_POD, "pod"), (_PORT, "port"), (_UID, "uid")):
        text = volatile.sub(f"<{name}>", text)
    return text


def has_orphans(state: str) -> bool:
    """Whether Kubernetes' garbage collector has something to do."""
    return ORPHAN in state


def _owners(item: Object) -> list[str]:
    return [reference["uid"] for reference in item["metadata"].get("ownerReferences", ())]


def _plain(item: Object, *, is_orphan: bool) -> Object:
    plain = made(item)
    if item["kind"] == naming.KIND:
        plain["status"] = item.get("status")
    if item["kind"] in OURS:
        plain["metadata"]["generation"] = item["metadata"]["generation"]
    if item["kind"] == JOB.kind:
        # Its name is drawn by lot; what counts is that there is one.
        plain = {"kind": JOB.kind}
    return {ORPHAN: plain} if is_orphan else plain


class Changes:
    """Creations and deletions by namespace since a moment, read from the audit log as it grows."""

    def __init__(self, home: ClusterHome) -> None:
        self._path = home.audit_log
        self._log = self._path.open("rb")
        self._log.seek(0, os.SEEK_END)
        self._half = b""
        self._counts: dict[str, Counts] = {}

    def counts(self, namespace: str) -> Counts:
        self._read()
        # A log that grew too long was renamed, and goes on in a new file.
        if os.fstat(self._log.fileno()).st_ino != self._path.stat().st_ino:
            self.close()
            self._log = self._path.open("rb")
            self._read()
        counts = self._counts.get(namespace, Counter())
        return Counter({what: counts[what] for what in counts if not _is_with_the_owner(what, counts)})

    def close(self) -> None:
        self._log.close()

    def _read(self) -> None:
        *lines, self._half = (self._half + self._log.read()).split(b"\n")
        for line in lines:
            if change := _change(line):
                namespace, what = change
                counts = self._counts.setdefault(namespace, Counter())
                if not _is_after_the_owner(what, counts):
                    counts[what] += 1


def _is_after_the_owner(what: tuple[str, str, str], counts: Counts) -> bool:
    """Yatai may make children of a BentoDeployment once more while the garbage collector takes them away."""
    _, kind, name = what
    return kind in _OF_YATAI and counts["delete", BENTO_DEPLOYMENTS.plural, name] > 0


def _is_with_the_owner(what: tuple[str, str, str], counts: Counts) -> bool:
    """The garbage collector deletes them; of two requests at the same time the log may have the second one first."""
    verb, kind, name = what
    return verb == "delete" and kind in _OF_YATAI and counts["delete", BENTO_DEPLOYMENTS.plural, name] > 0


def _change(line: bytes) -> tuple[str, tuple[str, str, str]] | None:
    """Cheap first: nearly all lines are reads."""
    if not any(verb in line for verb in (b'"verb":"create"', b'"verb":"patch"', b'"verb":"delete"')):
        return None
    entry: dict[str, Any] = json.loads(line)
    reference = entry.get("objectRef", {})
    verb, code = entry["verb"], entry.get("responseStatus", {}).get("code")
    if reference.get("resource") not in _COUNTED or "subresource" in reference:
        return None
    if (verb, code) not in (("create", 201), ("patch", 201), ("delete", 200)):
        return None
    kind = reference["resource"]
    name = "" if kind == JOB.plural else reference["name"]
    return reference["namespace"], ("delete" if verb == "delete" else "create", kind, name)
