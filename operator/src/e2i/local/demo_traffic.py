"""A slow trickle of requests to a model, counted by the bento that answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from e2i.kube import Object

INTERVAL = 0.1
TIMEOUT = aiohttp.ClientTimeout(total=5)


@dataclass
class Tally:
    """What the trickle has seen so far; `last` is the bento that answered the latest good request."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    last: str = ""

    @property
    def requests(self) -> int:
        return self.answers.total() + len(self.failures)

    def __str__(self) -> str:
        shares = ", ".join(f"{count} answered by {bento}" for bento, count in self.answers.items())
        return f"{self.requests} requests, {len(self.failures)} failed; {shares or 'none answered'}"


async def predict(session: aiohttp.ClientSession, url: str, body: Object) -> Object:
    """The model's answer; OSError, aiohttp.ClientError or TimeoutError when there is none."""
    async with session.post(f"{url}/predict", json=body) as response:
        text = await response.text()
        if response.status != 200:
            raise OSError(f"{url}/predict answered {response.status}: {text[:200]}")
        answer: Object = json.loads(text)
        return answer


def new_session() -> aiohttp.ClientSession:
    """Opens a connection for each request: one that is kept goes on to the release it was made to."""
    return aiohttp.ClientSession(timeout=TIMEOUT, connector=aiohttp.TCPConnector(force_close=True))


async def trickle(url: str, body: Object, tally: Tally, say: Callable[[str], None]) -> None:
    """Send one request after the other, at most ten a second, until cancelled; say when the answerer changes."""
    async with new_session() as session:
        while True:
            started = time.monotonic()
            try:
                answer = await predict(session, url, body)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                tally.failures.append(str(error) or type(error).__name__)
            else:
                bento = str(answer["bento"])
                tally.answers[bento] += 1
                if bento != tally.last:
                    tally.last = bento
                    say(f"{url} is answered by {bento} (request {tally.requests})")
            await asyncio.sleep(max(0.0, started + INTERVAL - time.monotonic()))
