"""Send requests to a model at a low rate, and count the answers of each bento."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from e2i.kube import Object
from e2i.local.errors import ClusterError

INTERVAL = 0.1
TIMEOUT = aiohttp.ClientTimeout(total=5)
HOPELESS = 20
"""Consecutive failures after which the traffic stops with an error."""


@dataclass
class Tally:
    """The answers counted so far; `last` is the bento that answered the latest good request."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    last: str = ""

    @property
    def requests(self) -> int:
        return self.answers.total() + len(self.failures)

    def __str__(self) -> str:
        shares = ", ".join(f"{count} answered by {bento}" for bento, count in self.answers.items())
        return f"{self.requests} requests, {len(self.failures)} failed; {shares or 'none answered'}"

    def require_no_failure(self) -> None:
        """Raise ClusterError if a request failed."""
        if self.failures:
            raise ClusterError(
                f"{len(self.failures)} of {self.requests} requests failed during the move, the first with: "
                f"{self.failures[0]}. Look at `e2i local status` and `e2i local logs node`; if all runs, report it."
            )


async def predict(session: aiohttp.ClientSession, url: str, body: Object) -> Object:
    """Return the model's answer; OSError, aiohttp.ClientError or TimeoutError if there is none."""
    async with session.post(f"{url}/predict", json=body) as response:
        text = await response.text()
        if response.status != 200:
            raise OSError(f"{url}/predict answered {response.status}: {text[:200]}")
        answer: Object = json.loads(text)
        if "bento" not in answer:
            raise OSError(f"{url}/predict does not say which bento answered: {text[:200]}")
        return answer


def new_session() -> aiohttp.ClientSession:
    """Return a session that opens a new connection for each request: a kept one would stay with the old release."""
    return aiohttp.ClientSession(timeout=TIMEOUT, connector=aiohttp.TCPConnector(force_close=True))


async def trickle(
    url: str, body: Object, tally: Tally, say: Callable[[str], None], enough: asyncio.Event
) -> None:
    """Send one request after the other, at most ten a second, until `enough`; print which bento answers if it changes.

    ClusterError after `HOPELESS` failures in a row.
    """
    in_a_row = 0
    async with new_session() as session:
        while not enough.is_set():
            started = time.monotonic()
            try:
                answer = await predict(session, url, body)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                tally.failures.append(str(error) or type(error).__name__)
                in_a_row += 1
                if in_a_row == HOPELESS:
                    tally.require_no_failure()
            else:
                in_a_row = 0
                _count(str(answer["bento"]), url, tally, say)
            await asyncio.sleep(max(0.0, started + INTERVAL - time.monotonic()))


def _count(bento: str, url: str, tally: Tally, say: Callable[[str], None]) -> None:
    tally.answers[bento] += 1
    if bento != tally.last:
        tally.last = bento
        say(f"{url} is answered by {bento} (request {tally.requests})")
