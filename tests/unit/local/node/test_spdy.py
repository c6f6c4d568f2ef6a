"""SPDY/3.1 as kubectl's library writes it: frames cut anywhere, headers with the common dictionary."""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest

from e2i.local.node.spdy import (
    DICTIONARY,
    Data,
    Decoder,
    Encoder,
    Frame,
    Opened,
    Ping,
    ProtocolError,
    Reset,
)


def opened(compressor: zlib._Compress, stream: int, headers: dict[str, str], flags: int = 0) -> bytes:
    words = b"".join(struct.pack(">I", len(w)) + w.encode() for pair in headers.items() for w in pair)
    text = struct.pack(">I", len(headers)) + words
    block = compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH)
    content = struct.pack(">IIH", stream, 0, 0) + block
    return struct.pack(">HHI", 0x8003, 1, flags << 24 | len(content)) + content


def everything() -> tuple[bytes, list[Frame]]:
    """Frames of every kind, also of a kind that is ignored, and what they mean."""
    compressor = zlib.compressobj(zdict=DICTIONARY)
    first, second = {"streamtype": "error", "port": "80"}, {"streamtype": "data", "port": "80"}
    settings = bytes.fromhex("8003 0004 00 00000c 00000001 00000004 00000100")
    return (
        opened(compressor, 1, first, flags=1)
        + opened(compressor, 3, second)
        + settings
        + bytes.fromhex("00000003 00 000002") + b"ab"
        + bytes.fromhex("00000003 01 000000")
        + bytes.fromhex("8003 0006 00 000004 00000007")
        + bytes.fromhex("8003 0003 00 000008 00000003 00000005"),
        [
            Opened(1, first, is_last=True),
            Opened(3, second, is_last=False),
            Data(3, b"ab", is_last=False),
            Data(3, b"", is_last=True),
            Ping(7),
            Reset(3),
        ],
    )  # fmt: skip


def test_the_dictionary_is_the_one_of_the_standard() -> None:
    digest = hashlib.sha256(DICTIONARY).hexdigest()
    assert digest == "51d27341373f923f3cd88e1eb7162aeaa3723d7585ff2399201dc06498407f02"


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 1000])
def test_frames_are_read_however_they_are_cut(size: int) -> None:
    text, frames = everything()
    decoder = Decoder()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert [frame for piece in pieces for frame in decoder.feed(piece)] == frames


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("8002 0006 00 000004 00000007", id="another version"),
        pytest.param("8003 0001 00 00000c 00000001 00000000 0000 ffff", id="headers that are not compressed"),
        pytest.param("8003 0006 00 000000", id="a ping without a number"),
        pytest.param("00000001 00 ffffff", id="a frame that is too large"),
    ],
)
def test_what_is_no_spdy_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        list(Decoder().feed(bytes.fromhex(text)))


def test_a_bomb_of_headers_is_refused() -> None:
    compressor = zlib.compressobj(zdict=DICTIONARY)
    bomb = opened(compressor, 1, {"x": "0" * 5_000_000})
    with pytest.raises(ProtocolError, match="larger than"):
        list(Decoder().feed(bomb))


def test_frames_are_written_as_the_library_reads_them() -> None:
    encoder = Encoder()
    assert encoder.data(3, b"ab", is_last=True) == bytes.fromhex("00000003 01 000002") + b"ab"
    assert encoder.ping(7) == bytes.fromhex("8003 0006 00 000004 00000007")
    decompressor = zlib.decompressobj(zdict=DICTIONARY)
    for stream in (1, 3):
        reply = encoder.reply(stream)
        assert reply[:4] == bytes.fromhex("8003 0002")
        assert struct.unpack_from(">II", reply, 4) == (len(reply) - 8, stream)
        assert decompressor.decompress(reply[12:]) == struct.pack(">I", 0)
