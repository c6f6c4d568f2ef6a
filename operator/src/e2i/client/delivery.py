"""Brings a request to a model: attempts, pauses between them, the deadline, and the model's circuit breaker."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import stamina
from yarl import URL

from e2i import clock
from e2i.client.breaker import CircuitBreaker, Shut, State, Ticket
from e2i.client.endpoints import Endpoint
from e2i.client.errors import CircuitOpen, ClientError, DeadlineExceeded, ModelFailed, Unreachable
from e2i.client.metrics import Metrics
from e2i.client.pool import Answer, NoAnswer, Pool, TooLarge
from e2i.client.retrying import is_failure, is_passing, retry_after
from e2i.client.settings import Settings

# In a program without logging Python would print each of stamina's records, which have no words for its user.
logging.getLogger("stamina").addHandler(logging.NullHandler())

DEADLINE_HEADER = "x-envoy-upstream-rq-timeout-ms"
"""Milliseconds that the caller still waits. Gateways made of Envoy (and ours) understand it."""


@dataclass(kw_only=True, slots=True)
class Order:
    """One call: what is sent, and what became of it so far."""

    endpoint: Endpoint
    method: str
    url: URL
    body: bytes | None
    headers: Mapping[str, str]
    repeatable: bool
    seconds: float
    """The deadline, as the caller gave it."""
    until: float
    """The deadline, by the monotonic clock."""
    ticket: Ticket | None = None
    """Of the attempt that is under way."""

    @property
    def remaining(self) -> float:
        return self.until - time.monotonic()


class _Passing(Exception):
    """An attempt that failed in a way that may pass. `wait`: seconds that the server asks to wait."""

    def __init__(self, what: NoAnswer | Answer, wait: float | None = None) -> None:
        self.what = what
        self.wait = wait


class Delivery:
    """Sends orders over one pool."""

    def __init__(self, pool: Pool, settings: Settings, metrics: Metrics) -> None:
        self._pool = pool
        self._settings = settings
        self._metrics = metrics
        self._breakers: dict[str, CircuitBreaker] = {}
        # Added to each pause, so that many clients do not come back at once.
        self._jitter = 2 * settings.first_pause

    def breaker(self, model: str) -> CircuitBreaker:
        """Return the circuit breaker of this model."""
        try:
            return self._breakers[model]
        except KeyError:
            changed = partial(self._changed, model)
            return self._breakers.setdefault(model, CircuitBreaker(self._settings.breaker, changed))

    def forget(self, model: str) -> None:
        """Forget the circuit of a model."""
        self._breakers.pop(model, None)

    async def deliver(self, order: Order) -> Answer:
        """Return the last answer, whatever its status; a ClientError if there is none."""
        started = time.monotonic()
        outcome = "Cancelled"
        try:
            answer = await self._within_deadline(order)
            outcome = str(answer.status)
            return answer
        except ClientError as error:
            outcome = type(error).__name__
            raise
        finally:
            self._metrics.ended(order.endpoint.model, outcome, time.monotonic() - started)

    async def _within_deadline(self, order: Order) -> Answer:
        breaker = self.breaker(order.endpoint.model)
        try:
            async with asyncio.timeout(order.remaining):
                return await self._attempts(order, breaker)
        except TimeoutError:
            if order.seconds >= self._settings.breaker.shortest_deadline:
                _tell(breaker, order, succeeded=False)
            raise _too_late(order) from None
        finally:
            if order.ticket is not None:
                breaker.release(order.ticket)

    async def _attempts(self, order: Order, breaker: CircuitBreaker) -> Answer:
        try:
            return await self._attempt(order, breaker)
        except _Passing as passing:
            try:
                return await self._again(order, breaker, passing)
            except _Passing as last:
                if isinstance(last.what, Answer):
                    return last.what
                raise _unreachable(order, last.what) from last.what

    async def _again(self, order: Order, breaker: CircuitBreaker, first: _Passing) -> Answer:
        """Send further attempts. The first is not one of
        stamina's, whose context is dear for the many requests that succeed."""
        async for attempt in stamina.retry_context(
            on=partial(self._pause_after, order),
            attempts=self._settings.attempts,
            timeout=None,
            wait_initial=self._settings.first_pause,
            wait_max=self._settings.longest_pause,
            wait_jitter=self._jitter,
        ):
            with attempt:
                if attempt.num == 1:
                    raise first
                self._metrics.repeated(order.endpoint.model)
                return await self._attempt(order, breaker)
        raise AssertionError("the last attempt returns or raises")

    def _pause_after(self, order: Order, error: Exception) -> bool | float:
        """Return the seconds to wait, True for the usual pause, False if there is no time left for another attempt."""
        if not isinstance(error, _Passing):
            return False
        if error.wait is None:
            return order.remaining > 2 * self._settings.first_pause
        wait = error.wait + random.uniform(0, self._jitter)  # noqa: S311 - nobody gains by guessing it
        return wait if wait < order.remaining else False

    async def _attempt(self, order: Order, breaker: CircuitBreaker) -> Answer:
        admitted = breaker.admit(time.monotonic())
        if isinstance(admitted, Shut):
            raise _circuit_open(order.endpoint.model, admitted.until - time.monotonic())
        order.ticket = admitted
        headers = {**order.headers, DEADLINE_HEADER: str(max(1, int(order.remaining * 1000)))}
        try:
            answer = await self._pool.exchange(order.method, order.url, order.body, headers)
        except NoAnswer as error:
            _tell(breaker, order, succeeded=False)
            if error.arrived and not order.repeatable:
                raise _unreachable(order, error) from error
            raise _Passing(error) from error
        except TooLarge:
            _tell(breaker, order, succeeded=False)
            raise _too_large(order, self._settings.largest_answer) from None
        _tell(breaker, order, succeeded=not is_failure(answer))
        if is_passing(answer, order.repeatable):
            raise _Passing(answer, retry_after(answer.headers))
        return answer

    def _changed(self, model: str, _: State, state: State) -> None:
        self._metrics.circuit(model, state)


def _tell(breaker: CircuitBreaker, order: Order, *, succeeded: bool) -> None:
    if order.ticket is not None:
        breaker.record(order.ticket, succeeded, time.monotonic())
        order.ticket = None


def _circuit_open(model: str, wait: float) -> CircuitOpen:
    until = clock.now() + timedelta(seconds=wait)
    message = (
        f"Circuit breaker open for model {model!r}: too many of its last requests failed. Nothing is sent for "
        f"{wait:.0f} s, until {until:%H:%M:%S} UTC. Look at the model: `kubectl e2i status {model}`."
    )
    return CircuitOpen(model, message, until, wait)


def _unreachable(order: Order, error: NoAnswer) -> Unreachable:
    model, advice = order.endpoint.model, ""
    if error.arrived and not order.repeatable:
        advice = " It may have got the request, which is not sent twice: say repeatable if it may be."
    return Unreachable(
        model,
        f"{model} at {order.url} gave no answer: {error}.{advice} Look at `kubectl e2i status {model}`.",
    )


def _too_late(order: Order) -> DeadlineExceeded:
    model, seconds = order.endpoint.model, order.seconds
    message = (
        f"{model} did not answer within {seconds:g} s. Ask with a longer deadline, or look at "
        f"`kubectl e2i status {model}`."
    )
    return DeadlineExceeded(model, message, seconds)


def _too_large(order: Order, limit: int) -> ModelFailed:
    model = order.endpoint.model
    message = f"{model} answered more than {limit} bytes. Ask for fewer rows, or raise largest_answer."
    return ModelFailed(model, message, 200)
