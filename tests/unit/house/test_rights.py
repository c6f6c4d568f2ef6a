"""The rights of the operator are compared with what it used: what the comparison sees in an audit log, and says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import rights
from support.audit import ACCOUNT

READ = ("", "pods", "list")


def entry(verb: str, code: int, user: str = ACCOUNT, **about: str) -> bytes:
    line: dict[str, Any] = {"user": {"username": user}, "verb": verb, "objectRef": about}
    return json.dumps(line | {"responseStatus": {"code": code}}).encode()


def test_a_right_is_group_resource_and_verb() -> None:
    about = {"apiGroup": "apps", "resource": "deployments", "subresource": "scale"}
    assert list(rights.used([entry("patch", 200, **about)])) == [("apps", "deployments/scale", "patch")]


def test_an_apply_that_created_used_two_rights() -> None:
    found = set(rights.used([entry("patch", 201, resource="services")]))
    assert found == {("", "services", "patch"), ("", "services", "create")}


@pytest.mark.parametrize(
    "line",
    [
        entry("delete", 403, resource="services"),
        entry("delete", 200, user="e2i:admin", resource="services"),
        entry("list", 200, resource="pods")[:-9],
        json.dumps({"user": {"username": ACCOUNT}, "verb": "get"}).encode(),
    ],
    ids=["refused", "of somebody else", "cut off", "no object"],
)
def test_no_right_was_used(line: bytes) -> None:
    assert list(rights.used([line])) == []


def test_the_parts_of_a_log_that_were_put_aside_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rights, "USED", set())
    (tmp_path / "audit.log").write_bytes(entry("list", 200, resource="pods"))
    (tmp_path / "audit-2026-11-30T07-28-15.123.log").write_bytes(entry("watch", 200, resource="pods"))
    rights.note_used(tmp_path / "audit.log")
    assert {READ, ("", "pods", "watch")} == rights.USED


def test_the_shipped_rights_are_those_of_the_operators_two_roles() -> None:
    found = rights.granted()
    assert ("coordination.k8s.io", "leases", "update") in found
    assert ("apps", "deployments/scale", "patch") in found
    assert ("serving.e2i.dev", "e2imodels", "deletecollection") not in found


def test_both_differences_are_said() -> None:
    given, asked = {READ, ("apps", "deployments", "watch")}, {READ, ("", "services", "delete")}
    assert rights.differences(given, asked) == [
        "manifests/rbac.yaml gives watch on deployments.apps, which no test used: take it out",
        "delete on services was used, and manifests/rbac.yaml does not give it",
    ]


def test_what_no_request_shows_and_what_is_given_elsewhere_is_no_difference() -> None:
    assert rights.differences(rights.SELDOM_SEEN, rights.GIVEN_ELSEWHERE) == []
