"""A stream is sent in numbered parts, in bounded memory, and stops when it is told to."""

from __future__ import annotations

import io
import threading
import time

import pytest

from e2i.archive import chunked_transfer
from e2i.archive.chunked_transfer import SENDERS, Transfer
from e2i.archive.errors import ExportCancelled, UploadInterrupted

NEVER = threading.Event()


class Source(io.RawIOBase):
    """Bytes that come in pieces of at most 1000."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._content.readinto(buffer[:1000])


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked_transfer, "PART_SIZE", 4096)


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 40_000])
def test_the_parts_in_order_are_the_stream(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    sent = Transfer(lambda number, body: (number, bytes(body)), NEVER, lambda *_: None).run(
        Source(content), size
    )
    assert b"".join(body for _, body in sent) == content
    assert [number for number, _ in sent] == list(range(1, len(sent) + 1))


def test_progress_grows_to_the_whole() -> None:
    told: list[tuple[int, int]] = []
    Transfer(lambda number, body: number, NEVER, lambda done, all_: told.append((done, all_))).run(
        Source(bytes(10_000)), 10_000
    )
    assert told == sorted(told)
    assert told[-1] == (10_000, 10_000)


def test_no_more_parts_are_held_than_there_are_senders() -> None:
    source = Source(bytes(100_000))
    reached, go_on = threading.Semaphore(0), threading.Event()

    def send(number: int, body: bytearray) -> int:
        reached.release()
        assert go_on.wait(60)
        return number

    transfer = threading.Thread(target=Transfer(send, NEVER, lambda *_: None).run, args=(source, 100_000))
    transfer.start()
    for _ in range(SENDERS):
        assert reached.acquire(timeout=60)
    assert source._content.tell() == SENDERS * 4096
    go_on.set()
    transfer.join(60)
    assert source._content.tell() == 100_000


def test_the_first_failure_ends_it() -> None:
    sent: list[int] = []

    def send(number: int, body: bytearray) -> int:
        sent.append(number)
        if number == 3:
            raise UploadInterrupted("part 3")
        return number

    with pytest.raises(UploadInterrupted, match="part 3"):
        Transfer(send, NEVER, lambda *_: None).run(Source(bytes(1_000_000)), 1_000_000)
    assert max(sent) <= 3 + 2 * SENDERS


def test_a_stream_that_ends_early_is_a_failure() -> None:
    with pytest.raises(UploadInterrupted, match="ended after 1000 of 4096"):
        Transfer(lambda number, body: number, NEVER, lambda *_: None).run(Source(bytes(1000)), 8192)


def test_a_cancel_does_not_wait_for_a_part_that_hangs() -> None:
    cancel, hang = threading.Event(), threading.Event()

    def send(number: int, body: bytearray) -> int:
        cancel.set()
        hang.wait(30)
        return number

    begun = time.monotonic()
    with pytest.raises(ExportCancelled):
        Transfer(send, cancel, lambda *_: None).run(Source(bytes(100_000)), 100_000)
    assert time.monotonic() - begun < 15
    hang.set()
