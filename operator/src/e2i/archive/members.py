"""The members of an archive: files, folders and links of a bento's tree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of members."""

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
        """Return 0755 for folders and programs, else 0644: other bits say nothing about a model."""
        return 0o755 if self.executable or self.kind is Kind.FOLDER else 0o644
