"""A bento's digest is that of its tree, and decides where its archive lies."""

from __future__ import annotations

import base64
import hashlib

import pytest

from e2i.api.digest import archive_digest, archive_key
from e2i.api.tags import Tag
from e2i.archive.members import Kind, Member

PARTS = [hashlib.sha256(name).digest() for name in (b"first", b"second")]


def test_the_digest_is_the_composite_checksum_that_s3_shows() -> None:
    shown = base64.b64encode(hashlib.sha256(PARTS[0] + PARTS[1]).digest()).decode()
    assert archive_digest(PARTS) == f"sha256:{base64.b64decode(shown).hex()}"


def test_the_order_of_the_parts_decides() -> None:
    assert archive_digest(PARTS) != archive_digest(PARTS[::-1])


@pytest.mark.parametrize(
    ("member", "mode"),
    [
        (Member("a", Kind.FILE), 0o644),
        (Member("a", Kind.FILE, executable=True), 0o755),
        (Member("a", Kind.FOLDER), 0o755),
    ],
)
def test_a_mode_says_only_whether_a_file_is_a_program(member: Member, mode: int) -> None:
    assert member.mode == mode


@pytest.mark.parametrize(
    ("prefix", "key"),
    [
        ("", "bentos/churn/1.4.2/9f.tar"),
        ("team", "team/bentos/churn/1.4.2/9f.tar"),
        ("/a/b/", "a/b/bentos/churn/1.4.2/9f.tar"),
        ("/", "bentos/churn/1.4.2/9f.tar"),
    ],
)
def test_the_key_says_the_tag_and_the_digest(prefix: str, key: str) -> None:
    assert archive_key(Tag("churn", "1.4.2"), "sha256:9f", prefix) == key
