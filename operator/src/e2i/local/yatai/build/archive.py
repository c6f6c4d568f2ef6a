"""Check and unpack a bento's archive, which is untrusted input.

The archive comes from a bucket that others can write to. Everything is checked before the first file is written: a
tar can have absolute paths, paths that lead out of the folder, links to other places, or an enormous content.
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
    """Unpack the archive into a new folder; return the number of members. BuildError if it is not safe."""
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
    """Raise BuildError unless the tar has its end mark: tarfile reads an incomplete tar as a shorter one.

    Reads to the end, so that an incomplete gzip or xz stream is noticed too (EOFError).
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
    """Return the member with us as owner, readable by all users.

    Exported archives have a root folder that only its owner can enter.
    """
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
    """Raise BuildError for the first member that may not be unpacked, or if all need more than `room` bytes."""
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
    """Raise BuildError if the member is below a link: it would be written to the link's target."""
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
    """Return the path without `./` and `..` ("" for the top); BuildError if it leads out of the archive."""
    plain = posixpath.normpath(path)
    if posixpath.isabs(path) or plain == ".." or plain.startswith("../") or "\0" in path:
        raise BuildError(f"{name!r} in the archive leads out of it; {REMEDY}")
    return "" if plain == "." else plain
