"""A circuit breaker as a pure state machine: times go in as values, and nothing here sends a request.

Closed: every request is sent. When enough of the last requests failed it opens: none is sent. After some time it is
half open: one request, the probe, is sent. If that succeeds it closes, else it opens again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from e2i.client.settings import BreakerSettings

_PARTS = 10
"""The window moves on by a tenth of its length."""
PROBE_PATIENCE = 1.0
"""Seconds after which a request that found the probe under way may ask again."""


class State(Enum):
    """Whether requests are sent."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class Shut:
    """The request must not be sent. `until`: the time at which to ask again."""

    until: float


Ticket = int
"""Allows one request. It holds as long as the state does: a late result says nothing of a new state."""

OnChange = Callable[[State, State], None]
"""Is called with the earlier and the new state."""


@dataclass
class _Part:
    """The requests of a part of the window. `number` counts the parts since time zero."""

    number: int
    requests: int = 0
    failed: int = 0


class CircuitBreaker:
    """The circuit of one model. Times are seconds of one clock, which never goes back."""

    def __init__(self, settings: BreakerSettings, on_change: OnChange | None = None) -> None:
        self._settings = settings
        self._on_change = on_change
        self._state = State.CLOSED
        self._ticket: Ticket = 0
        self._opened_at = 0.0
        self._is_probing = False
        self._parts: deque[_Part] = deque()
        self._requests = 0
        self._failed = 0

    def state(self, now: float) -> State:
        """Return the state; open becomes half open when its time is over. Changes nothing: any thread may look."""
        is_over = now >= self._opened_at + self._settings.open_seconds
        return State.HALF_OPEN if self._state is State.OPEN and is_over else self._state

    def admit(self, now: float) -> Ticket | Shut:
        """Return the ticket of a request that may be sent. Its end goes to `record` or `release`."""
        state = self.state(now)
        if state is State.OPEN:
            return Shut(self._opened_at + self._settings.open_seconds)
        if state is State.HALF_OPEN:
            if self._state is State.OPEN:
                self._change(State.HALF_OPEN)
            if self._is_probing:
                return Shut(now + PROBE_PATIENCE)
            self._is_probing = True
        return self._ticket

    def record(self, ticket: Ticket, succeeded: bool, now: float) -> None:
        """Count a request that ended."""
        if ticket != self._ticket:
            return
        if self._state is State.HALF_OPEN:
            self._close() if succeeded else self._open(now)
            return
        self._count(succeeded, now)
        limits = self._settings
        if self._requests >= limits.min_requests and self._failed >= limits.failure_ratio * self._requests:
            self._open(now)

    def release(self, ticket: Ticket) -> None:
        """Take back a request that ended without saying anything of the model: its caller went away."""
        if ticket == self._ticket and self._state is State.HALF_OPEN:
            self._is_probing = False

    def _count(self, succeeded: bool, now: float) -> None:
        number = int(now / self._settings.window * _PARTS)
        while self._parts and self._parts[0].number <= number - _PARTS:
            old = self._parts.popleft()
            self._requests -= old.requests
            self._failed -= old.failed
        if not self._parts or self._parts[-1].number != number:
            self._parts.append(_Part(number))
        part = self._parts[-1]
        part.requests += 1
        self._requests += 1
        if not succeeded:
            part.failed += 1
            self._failed += 1

    def _open(self, now: float) -> None:
        self._opened_at = now
        self._change(State.OPEN)

    def _close(self) -> None:
        self._parts.clear()
        self._requests = self._failed = 0
        self._change(State.CLOSED)

    def _change(self, state: State) -> None:
        earlier, self._state = self._state, state
        self._ticket += 1
        self._is_probing = False
        if self._on_change:
            self._on_change(earlier, state)
