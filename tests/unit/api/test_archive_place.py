"""Where archives lie in the bucket: one folder for all namespaces, or one for each."""

from __future__ import annotations

import pytest

from e2i.api.artifact import ArchivePlace

DIGEST = "sha256:" + "9f" * 32
FILE = f"bentos/churn/1.0.0/{'9f' * 32}.tar"
SHARED, APART = ArchivePlace("e2i", "team"), ArchivePlace("e2i", "team", is_shared=False)


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (SHARED, f"team/{FILE}"),
        (ArchivePlace("e2i"), FILE),
        (APART, f"team/namespaces/risk/{FILE}"),
        (ArchivePlace("e2i", is_shared=False), f"namespaces/risk/{FILE}"),
    ],
)
def test_an_archive_has_one_address_for_a_namespace(place: ArchivePlace, key: str) -> None:
    uri = place.uri("churn:1.0.0", DIGEST, "risk")
    assert uri == f"s3://e2i/{key}"
    assert place.key(uri, "risk") == key
    assert key.startswith(place.root)


def test_another_namespace_has_that_archive_only_where_all_share() -> None:
    assert SHARED.key(SHARED.uri("churn:1.0.0", DIGEST, "risk"), "churn") == f"team/{FILE}"
    assert APART.key(APART.uri("churn:1.0.0", DIGEST, "risk"), "churn") is None


def test_an_archive_from_before_namespaces_were_apart_is_not_theirs() -> None:
    assert APART.key(SHARED.uri("churn:1.0.0", DIGEST, "risk"), "risk") is None


@pytest.mark.parametrize("namespace", ["bentos", "namespaces", "releases"])
def test_a_namespace_of_any_name_is_apart_from_what_all_share(namespace: str) -> None:
    assert not APART.folder(namespace).startswith(("team/bentos", "team/releases"))
