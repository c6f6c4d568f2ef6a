"""Send a stream in parts from several threads, in bounded memory; it can be cancelled.

The threads are daemons: a thread that hangs in a dead connection must not delay the end of the process.
"""

from __future__ import annotations

import contextlib
import io
import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from e2i.api.digest import PART_SIZE
from e2i.archive.errors import ExportCancelled, UploadInterrupted

SENDERS = 4
# Seconds that a failed or cancelled transfer waits for the parts that are being sent.
LAST_WAIT = 0.5
CANCEL_CHECK = 0.2

Sent = TypeVar("Sent")
Send = Callable[[int, bytearray], Sent]
Progress = Callable[[int, int], None]
"""(bytes sent, total bytes); called in the thread that runs the transfer."""


def read_exactly(stream: io.RawIOBase, buffer: bytearray, size: int) -> bytearray:
    """Read exactly `size` bytes into `buffer` and cut it to that size; UploadInterrupted if the stream ends before."""
    del buffer[size:]
    done = 0
    with memoryview(buffer) as view:
        while done < size:
            count = stream.readinto(view[done:])
            if not count:
                raise UploadInterrupted(f"The archive ended after {done} of {size} bytes of a part.")
            done += count
    return buffer


class Transfer(Generic[Sent]):
    """The transfer of one stream. It holds one part in memory for each sender.

    Raises the first error of `send`, and ExportCancelled if `cancel` is set. After that no new part starts, and parts
    that are being sent have half a second to end.
    """

    def __init__(self, send: Send[Sent], cancel: threading.Event, progress: Progress) -> None:
        self._send = send
        self._cancel = cancel
        self._progress = progress
        self._todo: queue.SimpleQueue[tuple[int, bytearray] | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[int, bytearray, Sent | Exception]] = queue.SimpleQueue()
        self._senders: list[threading.Thread] = []
        self._results: dict[int, Sent] = {}
        self._done = 0

    def run(self, stream: io.RawIOBase, size: int) -> list[Sent]:
        """Send all `size` bytes in parts numbered from 1; return the result of `send` for each part, in order."""
        starts = range(0, size, PART_SIZE)
        spare = [bytearray(min(PART_SIZE, size)) for _ in range(min(SENDERS, len(starts)))]
        self._senders = [threading.Thread(target=self._work, daemon=True) for _ in spare]
        for sender in self._senders:
            sender.start()
        try:
            for number, start in enumerate(starts, 1):
                buffer = spare.pop() if spare else self._next_ended(size)
                self._todo.put((number, read_exactly(stream, buffer, min(PART_SIZE, size - start))))
            while len(self._results) < len(starts):
                self._next_ended(size)
        finally:
            self._stop()
        return [self._results[number] for number in sorted(self._results)]

    def _next_ended(self, size: int) -> bytearray:
        """Wait until any part ends, keep its result, and return its buffer."""
        while True:
            if self._cancel.is_set():
                raise ExportCancelled
            try:
                number, buffer, result = self._ended.get(timeout=CANCEL_CHECK)
            except queue.Empty:
                continue
            if isinstance(result, Exception):
                raise result
            self._results[number] = result
            self._done += len(buffer)
            self._progress(self._done, size)
            return buffer

    def _work(self) -> None:
        while (task := self._todo.get()) is not None:
            number, buffer = task
            try:
                self._ended.put((number, buffer, self._send(number, buffer)))
            except Exception as error:
                self._ended.put((number, buffer, error))

    def _stop(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._todo.get_nowait()
        for _ in self._senders:
            self._todo.put(None)
        deadline = time.monotonic() + LAST_WAIT
        for sender in self._senders:
            sender.join(max(0.0, deadline - time.monotonic()))
