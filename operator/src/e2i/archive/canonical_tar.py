"""Stream the files of a bento as a tar, without writing to disk.

The same files always give the same bytes: members are sorted, the owner is 0, modes and times are fixed. The tar has
no entry for its root: an ordinary user who unpacks it into another user's folder may not change the folder's mode.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

from e2i.archive.file_listing import Piece, check_unchanged, open_listed
from e2i.archive.members import Kind, Member

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1 << 20
# 1980-01-01: GNU tar warns about 1970.
_TIME = 315532800
_END = bytes(2 * tarfile.BLOCKSIZE)
_TYPES = {Kind.FILE: tarfile.REGTYPE, Kind.FOLDER: tarfile.DIRTYPE, Kind.LINK: tarfile.SYMTYPE}


def archive_size(pieces: Sequence[Piece]) -> int:
    """Return the size of the tar in bytes."""
    return sum(len(_header(p.member)) + _padded(p.member.size) for p in pieces) + len(_END)


class ArchiveStream(io.RawIOBase):
    """The tar as a readable stream; reading raises BentoChanged if a file changed after it was listed."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._blocks = _tar_blocks(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._blocks.close()
        super().close()


def _tar_blocks(pieces: Sequence[Piece]) -> Generator[memoryview, None, None]:
    for piece in sorted(pieces, key=lambda piece: piece.member.path.encode()):
        yield memoryview(_header(piece.member))
        if piece.member.kind is Kind.FILE:
            yield from _blocks(piece)
            yield memoryview(bytes(_padded(piece.member.size) - piece.member.size))
    yield memoryview(_END)


def _header(member: Member) -> bytes:
    info = tarfile.TarInfo(member.path)
    info.type = _TYPES[member.kind]
    info.mode = member.mode
    info.size = member.size
    info.mtime = _TIME
    info.linkname = member.target
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _blocks(piece: Piece) -> Iterator[memoryview]:
    """Yield the file's content as views of one reused buffer; BentoChanged if it changed after it was listed."""
    if piece.source is None:
        yield memoryview(piece.content)
        return
    buffer = memoryview(bytearray(min(BLOCK, max(piece.member.size, 1))))
    left = piece.member.size
    with open_listed(piece) as file:
        while count := file.readinto(buffer[: min(len(buffer), left)]):
            left -= count
            yield buffer[:count]
        check_unchanged(piece, file)
