"""Reads a file from the first bytes of an archive that somebody else made. Pure.

Not the module `tarfile`: it follows extended headers by recursion and trusts sizes. Only plain headers are read here.
"""

from __future__ import annotations

import tarfile

MAX_MEMBERS = 1000
_BLOCK = tarfile.BLOCKSIZE


def file_in(beginning: bytes, name: str) -> bytes | None:
    """Return the content of the file, or None if it is not whole among the first members of the archive."""
    place = 0
    for _ in range(MAX_MEMBERS):
        try:
            member = tarfile.TarInfo.frombuf(beginning[place : place + _BLOCK], "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError):
            return None
        start, end = place + _BLOCK, place + _BLOCK + member.size
        if not start <= end <= len(beginning):
            return None
        if member.isreg() and member.name == name:
            return beginning[start:end]
        place = start + -(-member.size // _BLOCK) * _BLOCK
    return None
