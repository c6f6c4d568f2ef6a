"""A bento's digest is that of its tree, and decides where its archive lies."""

from __future__ import annotations

import itertools

import pytest

from e2i.core.digest import Kind, Member, archive_key, tree_digest
from e2i.core.tags import Tag

CONTENT = "ab" * 32
FILE = Member("src/a.py", Kind.FILE, size=3)


def test_the_order_in_which_members_are_listed_is_of_no_matter() -> None:
    pairs = [(Member("b", Kind.FOLDER), ""), (FILE, CONTENT), (Member("a", Kind.LINK, target="b"), "")]
    assert len({tree_digest(order) for order in itertools.permutations(pairs)}) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((FILE, "cd" * 32), id="another content"),
        pytest.param((Member("src/b.py", Kind.FILE, size=3), CONTENT), id="another path"),
        pytest.param((Member("src/a.py", Kind.FILE, executable=True, size=3), CONTENT), id="executable"),
        pytest.param((Member("src/a.py", Kind.LINK, target="x"), ""), id="a link"),
        pytest.param((Member("src/a.py", Kind.FOLDER), ""), id="a folder"),
    ],
)
def test_a_change_of_the_tree_is_another_digest(other: tuple[Member, str]) -> None:
    assert tree_digest([other]) != tree_digest([(FILE, CONTENT)])


def test_the_digest_of_a_known_tree_never_changes() -> None:
    # A new value here gives every bento of every user a new artifact: change it only on purpose.
    assert tree_digest([(FILE, CONTENT)]) == (
        "sha256:48295f424e558ca3caca1d3cc0d37509fe252bc1b40d1188fdacd420294d1acf"
    )


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
