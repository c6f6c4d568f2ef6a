"""List a folder of the store as members of an archive, and refuse everything that is not a plain file, folder or link.

A bento is untrusted input. A link to the service account's token, a device, a FIFO that never ends or a sparse file
of a terabyte must neither be read nor be uploaded.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from e2i.archive.errors import BentoChanged, BentoUnreadable, UnsafeFile
from e2i.archive.members import Kind, Member

# Python writes these folders beside the sources when a bento is served from the store: they are not part of it.
BYTECODE_CACHE = "__pycache__"
# All members are held in memory, so a tree of millions of names would kill the operator, for all models.
MAX_MEMBERS = 100_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """File attributes that change if the file changes. ctime cannot be set back, unlike mtime."""

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
    """One member of the archive and its content: a file that had `stamp` when it was listed, or bytes of our own."""

    member: Member
    source: Path | None = None
    stamp: Stamp | None = None
    content: bytes = b""


def list_tree(root: Path, prefix: str = "", *, skip: str = "") -> list[Piece]:
    """Return the pieces below `root`, at `prefix` in the archive, without `root/<skip>`.

    UnsafeFile for an entry that must not be exported, BentoChanged if an entry disappears while it is read, OSError.
    """
    real_root = root.resolve()
    folders = [(real_root, prefix)]
    pieces: list[Piece] = []
    while folders:
        folder, above = folders.pop()
        with _scan(folder) as entries:
            for entry in entries:
                if entry.name == BYTECODE_CACHE or (folder == real_root and entry.name == skip):
                    continue
                piece = _piece(entry, f"{above}{entry.name}", real_root)
                if piece.member.kind is Kind.FOLDER:
                    folders.append((Path(entry.path), f"{piece.member.path}/"))
                pieces.append(piece)
                if len(pieces) > MAX_MEMBERS:
                    raise UnsafeFile(f"{root} has more than {MAX_MEMBERS} files; pack them into fewer.")
    return pieces


def open_listed(piece: Piece) -> io.FileIO:
    """Open the file of a piece; BentoChanged if it changed after it was listed, BentoUnreadable without the right."""
    if piece.source is None:
        raise ValueError(f"{piece.member.path} is no file of the store")
    # Do not follow a link and do not block: the file that was listed may have become a link or a FIFO.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = io.FileIO(os.open(piece.source, flags), closefd=True)
    except PermissionError as error:
        raise not_allowed(error) from error
    except OSError as error:
        raise BentoChanged(
            f"{piece.source} was listed and cannot be opened now: {error.strerror}."
        ) from error
    try:
        check_unchanged(piece, file)
    except BentoChanged:
        file.close()
        raise
    return file


def not_allowed(error: PermissionError) -> BentoUnreadable:
    """Return the error for a file that may not be read: BentoML makes files that only their owner can read."""
    return BentoUnreadable(
        f"The operator's user {os.geteuid()} may not read {error.filename}; "
        "give it the right, for instance by `chmod -R a+rX` on the store."
    )


def check_unchanged(piece: Piece, file: io.FileIO) -> None:
    """Raise BentoChanged if the open file has another stamp than in the list."""
    if Stamp.of(os.fstat(file.fileno())) != piece.stamp:
        raise BentoChanged(
            f"{piece.source} changed while it was read; it is read again once it no longer changes."
        )


def _scan(folder: Path) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    try:
        return os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BentoChanged(f"The folder {folder} was removed while it was read.") from error


def _piece(entry: os.DirEntry[str], path: str, root: Path) -> Piece:
    try:
        status = entry.stat(follow_symlinks=False)
        path.encode()
    except FileNotFoundError as error:
        raise BentoChanged(f"The file {entry.path} was removed while it was listed.") from error
    except UnicodeEncodeError as error:
        raise UnsafeFile(f"The name {os.fsencode(entry.path)!r} is not UTF-8; rename the file.") from error
    if stat.S_ISDIR(status.st_mode):
        return Piece(Member(path, Kind.FOLDER))
    if stat.S_ISLNK(status.st_mode):
        return Piece(Member(path, Kind.LINK, target=_checked_target(Path(entry.path), root)))
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFile(f"{entry.path} is neither a file, a folder nor a link; remove it from the bento.")
    if status.st_nlink > 1:
        # The second name may be a private file of another user.
        raise UnsafeFile(f"{entry.path} has {status.st_nlink} hard links; replace it by a copy of its own.")
    member = Member(path, Kind.FILE, executable=bool(status.st_mode & 0o100), size=status.st_size)
    return Piece(member, source=Path(entry.path), stamp=Stamp.of(status))


def _checked_target(link: Path, root: Path) -> str:
    """Return the link's text; UnsafeFile unless it is relative and leads to an existing file inside the tree."""
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
