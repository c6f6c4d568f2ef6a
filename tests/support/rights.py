"""The rights that the manifests give to the operator, and those that it used on the API servers of a test run."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from support import quick_yaml
from support.audit import ACCOUNT

Right = tuple[str, str, str]
"""API group, resource with its subresource, verb: ("apps", "deployments/scale", "patch")"""
MANIFEST = Path(__file__).resolve().parents[2] / "manifests" / "rbac.yaml"
NAMES = ("e2i-operator", "e2i-operator-policies")
SELDOM_SEEN: Collection[Right] = (
    # An admission plugin, which the clusters of the tests do not have, looks for it when a child gets its owner.
    ("serving.e2i.dev", "e2imodels/finalizers", "update"),
    # Asked only if another object took the name of a child in the moment in which that was deleted.
    ("resources.yatai.ai", "bentorequests", "get"),
    ("serving.yatai.ai", "bentodeployments", "get"),
)
GIVEN_ELSEWHERE: Collection[Right] = (
    # By a Role of a tenant, for a header of a check that comes from a Secret (docs/howto/verify.md).
    ("", "secrets", "get"),
    # By the component patch-deployments, for clusters without the policy e2i-pods.
    ("apps", "deployments", "patch"),
    # By the component retraining, in the operator's namespace alone.
    ("batch", "jobs", "create"),
    ("argoproj.io", "workflows", "create"),
)
FORBIDDEN, CREATED = 403, 201
USED: set[Right] = set()
"""What the operators of this process's clusters asked for, and were given."""


def granted(manifest: Path = MANIFEST) -> set[Right]:
    """Return what the roles of the operator's service account allow."""
    roles = [
        item for item in quick_yaml.load_all(manifest.read_text()) if item["kind"] in ("ClusterRole", "Role")
    ]
    return {
        (group, resource, verb)
        for role in roles
        if role["metadata"]["name"] in NAMES
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(lines: Iterable[bytes]) -> Iterator[Right]:
    """Yield the rights that an audit log shows; one that was refused is none."""
    for line in lines:
        if ACCOUNT.encode() not in line:
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # The last line, when the API server was killed.
        yield from _rights(entry)


def _rights(entry: Mapping[str, Any]) -> Iterator[Right]:
    about, code = entry.get("objectRef"), entry.get("responseStatus", {}).get("code")
    if entry["user"]["username"] != ACCOUNT or about is None or code == FORBIDDEN:
        return
    resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
    group = about.get("apiGroup", "")
    yield group, resource, entry["verb"]
    # A server-side apply of an object that was not there.
    if entry["verb"] == "patch" and code == CREATED:
        yield group, resource, "create"


def note_used(audit_log: Path) -> None:
    """Add what a cluster's audit log shows, with the parts that were put aside when it grew."""
    for file in audit_log.parent.glob(f"{audit_log.stem}*{audit_log.suffix}"):
        with file.open("rb") as log:
            USED.update(used(log))


def differences(given: Collection[Right], asked: Collection[Right]) -> list[str]:
    """Return a sentence for each right that nobody used, and for each that was used without being given."""
    unused = set(given) - set(asked) - set(SELDOM_SEEN)
    strange = set(asked) - set(given) - set(GIVEN_ELSEWHERE)
    return [
        *(
            f"manifests/rbac.yaml gives {_said(right)}, which no test used: take it out"
            for right in sorted(unused)
        ),
        *(f"{_said(right)} was used, and manifests/rbac.yaml does not give it" for right in sorted(strange)),
    ]


def _said(right: Right) -> str:
    group, resource, verb = right
    return f"{verb} on {resource}{f'.{group}' if group else ''}"
