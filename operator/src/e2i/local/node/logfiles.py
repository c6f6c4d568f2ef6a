"""The log of one container attempt: a file of lines in the CRI form, bounded in size.

2026-11-21T12:00:00.123456Z stdout F text
(time, stream, F for a full line or P for a part of one, text)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from e2i.local.node import clock

ROTATE_AT = 10 * 1024 * 1024
LONGEST_LINE = 16 * 1024


class LogWriter:
    """Writes the output of a process; keeps the current file and the one before it."""

    def __init__(self, path: Path, rotate_at: int = ROTATE_AT) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._rotate_at = rotate_at
        self._file = path.open("ab", buffering=0)
        self._size = self._file.tell()
        self._pending = {"stdout": b"", "stderr": b""}

    def write(self, stream: str, data: bytes) -> None:
        """Add data from `stream`; an incomplete line is kept until its end comes."""
        *lines, rest = (self._pending[stream] + data).split(b"\n")
        head = _head(stream)
        out = [part for line in lines for part in _parts(line, head)]
        while len(rest) >= LONGEST_LINE:
            out.append(b"%sP %s\n" % (head, rest[:LONGEST_LINE]))
            rest = rest[LONGEST_LINE:]
        self._pending[stream] = rest
        self._append(b"".join(out))

    def close(self) -> None:
        for stream, rest in self._pending.items():
            if rest:
                self._append(b"%sF %s\n" % (_head(stream), rest))
        self._file.close()

    def _append(self, data: bytes) -> None:
        if self._size and self._size + len(data) > self._rotate_at:
            self._file.close()
            self.path.replace(older(self.path))
            self._file = self.path.open("wb", buffering=0)
            self._size = 0
        if data:
            self._size += self._file.write(data)


def older(path: Path) -> Path:
    """3.log -> 3.log.1, the file before the last rotation."""
    return path.with_name(path.name + ".1")


def _head(stream: str) -> bytes:
    """Return the start of a log entry that is written now."""
    return f"{clock.micro_timestamp(clock.now())} {stream} ".encode()


def _parts(line: bytes, head: bytes) -> Iterator[bytes]:
    while len(line) > LONGEST_LINE:
        yield b"%sP %s\n" % (head, line[:LONGEST_LINE])
        line = line[LONGEST_LINE:]
    yield b"%sF %s\n" % (head, line)


@dataclass(frozen=True, kw_only=True)
class Query:
    """The requested part of a log, in the terms of the subresource pods/log."""

    since: float | None = None
    """Only lines written at or after this time."""
    tail: int | None = None
    timestamps: bool = False


def stored(path: Path) -> bytes:
    """Return all entries of a log: the rotated file and the current one."""
    return b"".join(file.read_bytes() for file in (older(path), path) if file.exists())


def selected(entries: bytes, query: Query) -> Iterator[bytes]:
    """Yield the text of the entries that the query selects, oldest first."""
    if query.tail is not None:
        lines = entries.rstrip(b"\n").rsplit(b"\n", query.tail) if query.tail else []
        # The first element has everything before the last `tail` lines.
        lines = lines[1:] if len(lines) > (query.tail or 0) else lines
    else:
        lines = entries.splitlines()
    return rendered((line for line in lines if line), query)


def rendered(lines: Iterable[bytes], query: Query) -> Iterator[bytes]:
    for line in lines:
        stamp, _stream, tag, text = line.split(b" ", 3)
        if query.since is not None and clock.seconds_of(stamp.decode()) < query.since:
            continue
        prefix = stamp + b" " if query.timestamps else b""
        yield prefix + text + (b"\n" if tag == b"F" else b"")


def log_tail(path: Path, lines: int = 80, size: int = 2048) -> str:
    """Return the end of the log, for the message of a container that failed."""
    text = b"".join(selected(stored(path), Query(tail=lines)))
    return text[-size:].decode(errors="replace")
