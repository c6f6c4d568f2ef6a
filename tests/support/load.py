"""Requests to a model's address on a schedule, and what came of each.

The loop is open: a request is sent when its time has come, whatever came back before it, and its latency counts
from that time. Every other one opens a connection of its own; the rest take kept ones, which stay with the pod that
accepted them until one side closes. Half of those clients never do, the others do after a few requests.

A server that ends closes its kept connections, and a request may already be on the way there. Such a request, whose
kept connection broke before the first byte of an answer, is sent again once on a new connection, as curl does, and
counted as that.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import aiohttp

from e2i.local.demo_traffic import TIMEOUT

RATE = 30.0
"""Requests a second."""
LONGEST = 300.0
"""Seconds after which the sending ends with a TimeoutError, whatever the test waits for."""
KEPT_SESSIONS = 4
FRESH_EVERY = 2
RENEWED_AFTER = 10
"""Requests on a kept connection before the client has it closed, for every other client."""
GIVE_UP_IDLE = 2.0
"""Seconds; less than the 5 after which the model server closes, so that no request meets that."""
BODY = {"text": "hello"}
CLOSE = {"Connection": "close"}
BROKEN = "broken connection"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One request; times in seconds of the monotonic clock."""

    due: float
    ended: float
    fresh: bool = False
    """A connection was opened for it."""
    again: bool = False
    """It was sent a second time, because its kept connection broke before any answer."""
    release: str = ""
    """The BentoDeployment whose pod answered."""
    bento: str = ""
    failure: str = ""
    """The kind of failure; empty when the answer was good."""


@dataclass
class Tally:
    """What came of all requests. Pure; `begun` and `over` are when the sending began and ended."""

    outcomes: list[Outcome] = field(default_factory=list)
    begun: float = 0.0
    over: float = 0.0
    lateness: float = 0.0
    """Seconds that the latest request was sent after its time: the machine was busy, or this process."""

    @property
    def requests(self) -> int:
        return len(self.outcomes)

    @property
    def failures(self) -> Counter[str]:
        """How many failed, by kind."""
        return Counter(outcome.failure for outcome in self.outcomes if outcome.failure)

    @property
    def releases(self) -> list[str]:
        """The releases that gave good answers, in the order of their first."""
        return list(dict.fromkeys(outcome.release for outcome in self._good()))

    @property
    def bentos(self) -> list[str]:
        """The bentos that gave good answers, in the order of their first."""
        return list(dict.fromkeys(outcome.bento for outcome in self._good()))

    @property
    def latencies(self) -> list[float]:
        """Seconds from the time a good answer was due to be asked for until it was there."""
        return [outcome.ended - outcome.due for outcome in self._good()]

    @property
    def sent_again(self) -> int:
        """How many were sent a second time; a client that does not do that would count them as failures."""
        return sum(outcome.again for outcome in self.outcomes)

    def longest_gap(self, *, fresh: bool = False) -> float:
        """Seconds: the longest time without a good answer, the sending's begin and end counted as its edges.

        With `fresh`, of those on new connections alone: how long a new client would have found nobody.
        """
        good = (outcome.ended for outcome in self._good() if outcome.fresh or not fresh)
        return max(later - earlier for earlier, later in itertools.pairwise([self.begun, *good, self.over]))

    def share(self, release: str, since: float, until: float) -> float:
        """The release's part of the answers asked for on fresh connections between two times; 0 without any.

        A kept connection tells nothing about how connections are shared out now.
        """
        asked = [each for each in self.outcomes if each.fresh and since <= each.due < until and each.release]
        return sum(each.release == release for each in asked) / len(asked) if asked else 0.0

    def _good(self) -> list[Outcome]:
        good = (outcome for outcome in self.outcomes if not outcome.failure)
        return sorted(good, key=lambda outcome: outcome.ended)


@dataclass(frozen=True)
class Sender:
    """Sends requests to one URL and puts into the tally what came of them."""

    url: str
    tally: Tally
    kept: Sequence[aiohttp.ClientSession]
    fresh: aiohttp.ClientSession

    async def on_schedule(self, senders: asyncio.TaskGroup, rate: float) -> None:
        """Send for ever; each request is a task of its own."""
        self.tally.begun = time.monotonic()
        for number in itertools.count():
            due = self.tally.begun + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.tally.lateness = max(self.tally.lateness, time.monotonic() - due)
            turn, place = divmod(number // FRESH_EVERY, len(self.kept))
            session = self.fresh if number % FRESH_EVERY == 0 else self.kept[place]
            last = place % 2 == 1 and turn % RENEWED_AFTER == 0
            senders.create_task(self.send(session, due, last=last))

    async def send(self, session: aiohttp.ClientSession, due: float, *, last: bool) -> None:
        """`last`: the connection is not to be used again."""
        first = await self._try(session, due, CLOSE if last else {})
        broken = first.failure == BROKEN and not first.fresh
        outcome = replace(await self._try(self.fresh, due, CLOSE), again=True) if broken else first
        self.tally.outcomes.append(outcome)

    async def _try(self, session: aiohttp.ClientSession, due: float, headers: Mapping[str, str]) -> Outcome:
        """Failures have a kind each; whatever is not good is one."""
        trace: dict[str, bool] = {}
        release = bento = failure = ""
        try:
            async with session.post(
                self.url, json=BODY, headers=headers, trace_request_ctx=trace
            ) as response:
                text = await response.text()
            if response.status == 200:
                release, bento, failure = read(text)
            else:
                failure = f"status {response.status}"
        except aiohttp.ClientConnectorError:
            failure = "refused"
        except TimeoutError:
            failure = "time-out"
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            failure = BROKEN
        except aiohttp.ClientError:
            failure = "broken answer"
        return Outcome(
            due=due,
            ended=time.monotonic(),
            fresh=not trace.get("reused"),
            release=release,
            bento=bento,
            failure=failure,
        )


def read(text: str) -> tuple[str, str, str]:
    """Release and bento that an answer names, and what is wrong with it; empty when nothing is."""
    try:
        answer = json.loads(text)
        wrong = "" if math.isfinite(answer["score"]) else "not a number"
        return str(answer["release"]), str(answer["bento"]), wrong
    except (ValueError, TypeError, KeyError):
        return "", "", "unreadable"


@contextlib.asynccontextmanager
async def load(url: str, rate: float = RATE) -> AsyncIterator[Tally]:
    """Send `rate` requests a second while the block lasts; the tally is complete when it has ended."""
    tally = Tally()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(LONGEST))
        kept = [await stack.enter_async_context(_session(force_close=False)) for _ in range(KEPT_SESSIONS)]
        fresh = await stack.enter_async_context(_session(force_close=True))
        senders = await stack.enter_async_context(asyncio.TaskGroup())
        pace = senders.create_task(Sender(f"{url}/predict", tally, kept, fresh).on_schedule(senders, rate))
        try:
            yield tally
        finally:
            pace.cancel()
            tally.over = time.monotonic()
    # Answers that were still to come when the sending ended belong to it.
    tally.over = max([tally.over, *(outcome.ended for outcome in tally.outcomes)])


def _session(*, force_close: bool) -> aiohttp.ClientSession:
    """Requests tell in the dictionary that comes with them whether they took a kept connection."""

    async def reused(_: object, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx["reused"] = True

    told = aiohttp.TraceConfig()
    told.on_connection_reuseconn.append(reused)
    idle = None if force_close else GIVE_UP_IDLE
    connector = aiohttp.TCPConnector(force_close=force_close, keepalive_timeout=idle)
    return aiohttp.ClientSession(timeout=TIMEOUT, connector=connector, trace_configs=[told])
