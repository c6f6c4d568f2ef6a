"""The identity of a bento: a digest over its tree, and the bucket key that follows from it.

Two archives of one bento may differ in bytes (times, owners, order, compression); their trees do not. So the
digest is over what unpacking gives: paths, kinds, modes and contents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from e2i.core.tags import Tag

# Part of every digest: whoever changes what is hashed must change it, and gets new digests for all bentos.
_FORM = b"e2i bento tree 1\n"


class Kind(StrEnum):
    """What a member of the tree is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of the tree: `path` is relative with `/`; `target` is a link's text; `size` is in bytes."""

    path: str
    kind: Kind
    executable: bool = False
    size: int = 0
    target: str = ""

    @property
    def mode(self) -> int:
        """0755 for folders and programs, 0644 for the rest: other bits say nothing about a model."""
        return 0o755 if self.executable or self.kind is Kind.FOLDER else 0o644


def tree_digest(members: Iterable[tuple[Member, str]]) -> str:
    """Return sha256:<64 hex> over pairs of member and sha256 hex of a file's content ("" for others).

    The order of the pairs is of no matter. Every field ends in a NUL, which neither a path nor a link can
    hold, so no two trees read the same.
    """
    digest = hashlib.sha256(_FORM)
    for member, content in sorted(members, key=lambda pair: pair[0].path.encode()):
        fields = (member.kind, f"{member.mode:04o}", member.path, member.target, content)
        digest.update("".join(f"{field}\0" for field in fields).encode())
    return f"sha256:{digest.hexdigest()}"


def archive_key(tag: Tag, digest: str, prefix: str = "") -> str:
    """Return the bucket key: same tree, same key.

    churn_model:1.4.2, sha256:9f…, prefix "team" -> team/bentos/churn_model/1.4.2/9f….tar
    """
    key = f"bentos/{tag.name}/{tag.version}/{digest.removeprefix('sha256:')}.tar"
    return f"{prefix.strip('/')}/{key}" if prefix.strip("/") else key
