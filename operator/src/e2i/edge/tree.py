"""Lists a folder of the store as members of an archive, and refuses whatever is not plain content.

A bento is other people's input. A link to the service account's token, a device, a FIFO that never ends or
a sparse file of a terabyte must not be read, let alone be sent away.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from e2i.core.digest import Kind, Member
from e2i.core.failures import BentoChanged, UnsafeFile

# Python writes these beside the sources when a bento is served from the store: they are not part of it.
BYTECODE_CACHE = "__pycache__"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes whenever a file does. ctime cannot be set back, unlike mtime."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Piece:
    """One member and where its content is: a file that looked like `stamp`, or a few bytes of our own."""

    member: Member
    source: Path | None = None
    stamp: Stamp | None = None
    content: bytes = b""


def list_tree(root: Path, prefix: str = "", *, skip: str = "") -> Iterator[Piece]:
    """Yield the pieces below `root`, at `prefix` in the archive, without `root/<skip>`.

    Raises UnsafeFile, or BentoChanged when an entry goes away while it is looked at.
    """
    real_root = root.resolve()
    folders = [(real_root, prefix)]
    while folders:
        folder, above = folders.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError as error:
            raise BentoChanged(f"The folder {folder} went away while it was read.") from error
        for entry in entries:
            if entry.name == BYTECODE_CACHE or (folder == real_root and entry.name == skip):
                continue
            piece = _piece(entry, f"{above}{entry.name}", real_root)
            if piece.member.kind is Kind.FOLDER:
                folders.append((Path(entry.path), f"{piece.member.path}/"))
            yield piece


def _piece(entry: os.DirEntry[str], path: str, root: Path) -> Piece:
    try:
        status = entry.stat(follow_symlinks=False)
        path.encode()
    except FileNotFoundError as error:
        raise BentoChanged(f"The file {entry.path} went away while it was looked at.") from error
    except UnicodeEncodeError as error:
        raise UnsafeFile(f"The name {os.fsencode(entry.path)!r} is not UTF-8; rename the file.") from error
    if stat.S_ISDIR(status.st_mode):
        return Piece(Member(path, Kind.FOLDER))
    if stat.S_ISLNK(status.st_mode):
        return Piece(Member(path, Kind.LINK, target=_checked_target(Path(entry.path), root)))
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFile(f"{entry.path} is neither a file, a folder nor a link; remove it from the bento.")
    if status.st_nlink > 1:
        # A second name may belong to a file that its owner never meant to give away.
        raise UnsafeFile(f"{entry.path} has {status.st_nlink} hard links; replace it by a copy of its own.")
    member = Member(path, Kind.FILE, executable=bool(status.st_mode & 0o100), size=status.st_size)
    return Piece(member, source=Path(entry.path), stamp=Stamp.of(status))


def _checked_target(link: Path, root: Path) -> str:
    """The link's text, when it is relative and ends inside the tree at something that exists."""
    target = os.readlink(link)
    try:
        inside = link.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        raise UnsafeFile(f"The link {link} -> {target} leads nowhere; remove it.") from None
    if os.path.isabs(target) or not inside:
        raise UnsafeFile(
            f"The link {link} -> {target} leads out of the bento; replace it by the file itself."
        )
    return target
