"""Unpacks a bento's archive, and trusts nothing in it.

The archive comes from a bucket that others can write to. Everything is checked before the first file is
written: a tar can name absolute paths, climb out of the folder, hide behind links or swell without end.
"""

from __future__ import annotations

import copy
import lzma
import os
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from e2i.local.yatai.build import BuildError
from e2i.local.yatai.build.download import DISK_RESERVE

MAGIC: dict[bytes, str] = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz"}
BLOCK_OF_DISK = 4096
READ_AHEAD = 1 << 20
REMEDY = "export the bento again and upload that"


def unpack(archive: Path, folder: Path) -> int:
    """Unpack into the new folder; returns how many members there were. BuildError when it is not safe."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with open_tar(archive) as tar:
            members = tar.getmembers()
            check_end(tar)
            check(members, room=shutil.disk_usage(archive.parent).free - DISK_RESERVE)
            folder.mkdir(parents=True)
            # Checked above; Python's own filter looks once more where it has one, from 3.11.4 on.
            if hasattr(tarfile, "data_filter"):
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(folder, [readable(member) for member in members])  # noqa: S202
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError) as error:
        raise BuildError(f"the archive cannot be unpacked: {error}; {REMEDY}") from error
    return len(members)


def open_tar(archive: Path) -> tarfile.TarFile:
    """Open a plain, gzip or xz tar; BuildError for anything else."""
    with archive.open("rb") as file:
        start = file.read(262 + 3)
    kind = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "")
    if kind == "gzip":
        return tarfile.open(archive, "r:gz")
    if kind == "xz":
        return tarfile.open(archive, "r:xz")
    if start[257:262] != b"ustar":
        raise BuildError(f"the archive is no tar, plain, gzip or xz (it begins with {start[:8]!r}); {REMEDY}")
    return tarfile.open(archive, "r:")


def check_end(tar: tarfile.TarFile) -> None:
    """BuildError unless the tar ends with its mark: tarfile takes a tar that is cut off for a shorter one.

    Reads on to the end, so that a gzip or xz stream that was cut off shows too (EOFError).
    """
    file = tar.fileobj
    if file is None:
        raise BuildError(f"the archive was closed too early; {REMEDY}")
    file.seek(tar.offset)
    if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise BuildError(f"the archive is cut off or damaged at byte {tar.offset}; {REMEDY}")
    while file.read(READ_AHEAD):
        pass


def readable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Our own file, readable by all: exported archives carry a root folder that only its owner can enter."""
    mode = 0o755 if member.isdir() or member.mode & 0o111 else 0o644
    changed = copy.copy(member)
    changed.mode, changed.uid, changed.gid, changed.uname, changed.gname = (
        mode,
        os.getuid(),
        os.getgid(),
        "",
        "",
    )
    return changed


def check(members: Sequence[tarfile.TarInfo], room: int) -> None:
    """BuildError for the first member that may not be unpacked, or when they need more than `room` bytes."""
    seen: dict[str, tarfile.TarInfo] = {}
    need = 0
    for member in members:
        name = inner_path(member.name, member.name)
        if not (member.isreg() or member.isdir() or member.islnk() or member.issym()) or member.issparse():
            raise BuildError(f"{member.name!r} in the archive is no file, folder or link; {REMEDY}")
        if name in seen and not (member.isdir() and seen[name].isdir()):
            raise BuildError(f"{member.name!r} is in the archive twice; {REMEDY}")
        check_parents(name, member, seen)
        check_link(name, member, seen)
        seen[name] = member
        need += member.size + BLOCK_OF_DISK
    if need > room:
        raise BuildError(
            f"the archive unpacks to {need} bytes and {max(room, 0)} are free; make room and try again"
        )


def check_parents(name: str, member: tarfile.TarInfo, seen: dict[str, tarfile.TarInfo]) -> None:
    """BuildError if the member lies below a link: it would be written to wherever the link leads."""
    parent = posixpath.dirname(name)
    while parent:
        if parent in seen and not seen[parent].isdir():
            raise BuildError(
                f"{member.name!r} in the archive lies below something that is no folder; {REMEDY}"
            )
        parent = posixpath.dirname(parent)


def check_link(name: str, member: tarfile.TarInfo, seen: dict[str, tarfile.TarInfo]) -> None:
    if member.issym():
        if posixpath.isabs(member.linkname):
            raise BuildError(
                f"{member.name!r} in the archive links to {member.linkname!r}, outside of it; {REMEDY}"
            )
        inner_path(posixpath.join(posixpath.dirname(name), member.linkname), member.name)
    elif member.islnk():
        first = seen.get(inner_path(member.linkname, member.name))
        if first is None or not first.isreg():
            raise BuildError(f"{member.name!r} in the archive is a link to no earlier file; {REMEDY}")


def inner_path(path: str, name: str) -> str:
    """The path without `./` and detours ("" for the top); BuildError when it leads out of the archive."""
    plain = posixpath.normpath(path)
    if posixpath.isabs(path) or plain == ".." or plain.startswith("../") or "\0" in path:
        raise BuildError(f"{name!r} in the archive leads out of it; {REMEDY}")
    return "" if plain == "." else plain
