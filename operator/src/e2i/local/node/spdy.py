"""Decode and encode the part of SPDY/3.1 that `kubectl port-forward` uses: streams, data, ends and pings. Pure.

kubectl tunnels SPDY frames through a WebSocket, whose messages may cut them at any byte. There is no flow control:
kubectl's library (moby/spdystream) neither sends nor expects WINDOW_UPDATE.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
FIN = 0x01
LARGEST_FRAME = 1 << 20
"""Bytes; kubectl sends at most 32 KiB in one frame."""

WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status|200 OK|version HTTP/1.1 url public set-cookie "
    "keep-alive origin"
)
TAIL = (
    "1001012012022052063003023033043053063074024054064074084094104114124134144154164175025045052"
    "03 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug "
    "Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch"
    "charset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _dictionary() -> bytes:
    """Return the dictionary for the compression of headers (SPDY/3, section 2.6.10.1)."""
    words = [word for part in WORDS.split("|") for word in ([part] if part == "200 OK" else part.split())]
    return b"".join(struct.pack(">I", len(word)) + word.encode() for word in words) + TAIL.encode()


DICTIONARY = _dictionary()


class ProtocolError(Exception):
    """The client sent bytes that are not SPDY/3.1."""


@dataclass(frozen=True)
class Opened:
    """The client opened a stream."""

    stream: int
    headers: dict[str, str]
    is_last: bool


@dataclass(frozen=True)
class Data:
    """Bytes on a stream; with `is_last` the client sends no more on it."""

    stream: int
    payload: bytes
    is_last: bool


@dataclass(frozen=True)
class Reset:
    """The client aborted the stream."""

    stream: int


@dataclass(frozen=True)
class Ping:
    """The client asks for the same frame back."""

    id: int


Frame = Opened | Data | Reset | Ping


class Decoder:
    """Decodes the client's bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._headers = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete with `piece`; ProtocolError if they cannot be read."""
        self._buffer += piece
        while len(self._buffer) >= 8:
            first, rest = struct.unpack_from(">II", self._buffer)
            flags, size = rest >> 24, rest & 0xFFFFFF
            if size > LARGEST_FRAME:
                raise ProtocolError(f"a frame of {size} bytes is larger than {LARGEST_FRAME}")
            if len(self._buffer) < 8 + size:
                return
            content = bytes(self._buffer[8 : 8 + size])
            del self._buffer[: 8 + size]
            frame = self._frame(first, flags, content)
            if frame is not None:
                yield frame

    def _frame(self, first: int, flags: int, content: bytes) -> Frame | None:
        if not first & 0x80000000:
            return Data(first, content, bool(flags & FIN))
        version, type_ = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != VERSION:
            raise ProtocolError(f"SPDY version {version} is not {VERSION}")
        try:
            return self._control(type_, flags, content)
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise ProtocolError(f"a frame of type {type_} cannot be read: {error}") from error

    def _control(self, type_: int, flags: int, content: bytes) -> Frame | None:
        if type_ == SYN_STREAM:
            (stream,) = struct.unpack_from(">I", content)
            return Opened(stream, self._read_headers(content[10:]), bool(flags & FIN))
        if type_ == RST_STREAM:
            return Reset(struct.unpack_from(">I", content)[0])
        if type_ == PING:
            return Ping(struct.unpack_from(">I", content)[0])
        return None

    def _read_headers(self, block: bytes) -> dict[str, str]:
        text = self._headers.decompress(block, LARGEST_FRAME)
        if self._headers.unconsumed_tail:
            raise ProtocolError(f"headers are larger than {LARGEST_FRAME} bytes")
        (count,) = struct.unpack_from(">I", text)
        words, at = [], 4
        for _ in range(2 * count):
            (size,) = struct.unpack_from(">I", text, at)
            words.append(text[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return dict(zip(words[::2], words[1::2], strict=True))


class Encoder:
    """Encodes the frames that a server sends."""

    def __init__(self) -> None:
        self._headers = zlib.compressobj(zdict=DICTIONARY)

    def reply(self, stream: int) -> bytes:
        """Return the frame that accepts a stream."""
        no_headers = struct.pack(">I", 0)
        block = self._headers.compress(no_headers) + self._headers.flush(zlib.Z_SYNC_FLUSH)
        return _control_frame(SYN_REPLY, struct.pack(">I", stream) + block)

    def ping(self, id_: int) -> bytes:
        """Return the answer to a ping."""
        return _control_frame(PING, struct.pack(">I", id_))

    def data(self, stream: int, payload: bytes, *, is_last: bool = False) -> bytes:
        """Return the frame that carries `payload`; with `is_last` the stream is closed on this side."""
        return struct.pack(">II", stream, (FIN if is_last else 0) << 24 | len(payload)) + payload


def _control_frame(type_: int, content: bytes) -> bytes:
    return struct.pack(">HHI", 0x8000 | VERSION, type_, len(content)) + content
