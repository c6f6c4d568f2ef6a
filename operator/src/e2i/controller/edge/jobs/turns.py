"""Runs blocking calls in threads: a few at a time, namespaces in turn, and none is waited for without end.

A thread cannot be ended from outside. A call without a sign of life is given up: its thread goes on or hangs, is
counted, and another call gets its slot. There are at most MOST_HUNG such threads; after that a hung call keeps its
slot. When hung calls keep all slots, nobody is served any more. Only the end of the process frees threads: if that
lasts, the liveness probe fails. All threads are daemons, so that none of them delays the end of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from e2i.controller.core.health import Sign

MOST_HUNG = 8
LONGEST_BLOCK = 600.0
"""Seconds for which hung calls may keep all slots: what they wait for may come back."""

T = TypeVar("T")
Beat = Callable[[], None]
"""Called by a running call, from its thread, as a sign of life."""

logger = logging.getLogger("e2i")


class Hung(Exception):
    """A call gave no sign of life for its patience and was given up. Its thread may still end."""


@dataclass(eq=False)
class Ticket:
    """The place of a call in the queue."""

    turn: asyncio.Future[None]
    has_begun: bool = False
    """A thread was started for it."""


class Turns:
    """The queue of the calls and the slots for them. Belongs to the event loop."""

    def __init__(self, name: str, slots: int) -> None:
        self._name = name
        self._slots = self._free = slots
        self._kept = 0
        """Slots that hung calls keep."""
        self._blocked_at: float | None = None
        """Since when they keep all."""
        self._waiting: OrderedDict[str, deque[Ticket]] = OrderedDict()
        self.hung = 0
        """Calls that were given up and whose threads have not ended."""

    def signs(self) -> Iterator[Sign]:
        """Return how long hung calls have kept all slots, if they do."""
        if self._blocked_at is not None:
            age = asyncio.get_running_loop().time() - self._blocked_at
            yield Sign(f"the queue {self._name!r}", age, LONGEST_BLOCK)

    def queue(self, namespace: str) -> Ticket:
        """Return a place at the end of the namespace's queue."""
        ticket = Ticket(asyncio.get_running_loop().create_future())
        self.join(ticket, namespace)
        return ticket

    def join(self, ticket: Ticket, namespace: str) -> None:
        """Let the ticket wait in the queue of this namespace too; the first turn counts."""
        self._waiting.setdefault(namespace, deque()).append(ticket)
        self._call_next()

    async def run(self, ticket: Ticket, call: Callable[[Beat], T], patience: float) -> T:
        """Wait for the turn, run the call in a thread and return its result.

        Hung if it gives no sign of life for `patience` seconds. If it is cancelled, the call is given up too.
        """
        try:
            await ticket.turn
        except asyncio.CancelledError:
            if not ticket.turn.cancelled():
                self._release()
            raise
        ticket.has_begun = True
        ended: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            return await self._watch(call, ended, patience)
        finally:
            if ended.done():
                self._release()
            else:
                self._give_up(ended)

    async def _watch(self, call: Callable[[Beat], T], ended: asyncio.Future[T], patience: float) -> T:
        loop = asyncio.get_running_loop()
        last = loop.time()

        def beat() -> None:
            nonlocal last
            last = loop.time()

        work = partial(_work, loop, ended, partial(call, beat))
        threading.Thread(target=work, name=self._name, daemon=True).start()
        while not ended.done():
            left = last + patience - loop.time()
            if left <= 0:
                raise Hung(f"no sign of life for {patience:g} s")
            await asyncio.wait([ended], timeout=left)
        return ended.result()

    def _give_up(self, ended: asyncio.Future[T]) -> None:
        self.hung += 1
        replaced = self.hung <= MOST_HUNG
        ended.add_done_callback(partial(self._come_back, replaced))
        logger.warning("%s: a call does not return and was given up; %d in all", self._name, self.hung)
        if replaced:
            self._release()
        else:
            self._keep(1)

    def _keep(self, slots: int) -> None:
        """Note that hung calls keep so many slots more, or fewer."""
        self._kept += slots
        if self._kept < self._slots:
            self._blocked_at = None
            return
        self._blocked_at = asyncio.get_running_loop().time()
        logger.critical(
            "%s: calls that do not return keep all %d slots, and nobody is served; if that lasts for %d s, the "
            "liveness probe fails, because only a restart frees them",
            self._name,
            self._slots,
            LONGEST_BLOCK,
        )

    def _come_back(self, replaced: bool, ended: asyncio.Future[T]) -> None:
        self.hung -= 1
        # Nobody waits for its result. Without this line asyncio would complain about an exception.
        _ = ended.cancelled() or ended.exception()
        if not replaced:
            self._keep(-1)
            self._release()

    def _release(self) -> None:
        self._free += 1
        self._call_next()

    def _call_next(self) -> None:
        while self._free and self._waiting:
            # The namespace goes to the end.
            namespace, tickets = self._waiting.popitem(last=False)
            ticket = tickets.popleft()
            if tickets:
                self._waiting[namespace] = tickets
            if not ticket.turn.done():
                self._free -= 1
                ticket.turn.set_result(None)


def _work(loop: asyncio.AbstractEventLoop, ended: asyncio.Future[T], call: Callable[[], T]) -> None:
    try:
        result = call()
    except BaseException as error:
        settle: Callable[[], None] = partial(ended.set_exception, error)
    else:
        settle = partial(ended.set_result, result)
    # The loop is closed if the operator ended first.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, ended, settle)


def _settle(ended: asyncio.Future[T], settle: Callable[[], None]) -> None:
    if not ended.done():
        settle()
