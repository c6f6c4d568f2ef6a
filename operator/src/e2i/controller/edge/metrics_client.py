"""Reads the metrics of the pods of a release."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import aiohttp

from e2i.controller.core.drift.scores import Scores, parse_scores
from e2i.controller.core.evidence.excerpts import excerpt
from e2i.controller.core.guard.samples import NoRequestsCounted, Sample, parse_metrics

TIMEOUT = aiohttp.ClientTimeout(total=2)
LARGEST = 4 << 20
"""Bytes. BentoML keeps 3 KiB of metrics for every path that was requested, also for those that do not exist."""

_SMALL = 64 << 10
"""Bytes."""
_LONGEST_CLAUSE = 200
T = TypeVar("T")


class Unreadable(Exception):
    """A pod gave no usable metrics. The message is a clause that says what it did."""


@dataclass(frozen=True)
class Reading:
    """The samples of the pods that gave one, and of each other pod the clause that says why it gave none."""

    samples: Mapping[str, Sample] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)


async def read_release(
    addresses: Sequence[str], service: str = "", port: int = 3000, path_prefix: str = ""
) -> Reading:
    """Read the metrics of each pod, by its address; only requests to the entry service `service` are counted.

    `path_prefix`: what stands before /metrics.
    Takes at most two seconds, however many pods there are.
    """
    found = await _read_pods(addresses, partial(parse_metrics, service=service), port, path_prefix)
    return Reading(
        {pod: answer for pod, answer in found.items() if isinstance(answer, Sample)},
        {pod: answer for pod, answer in found.items() if isinstance(answer, str)},
    )


async def read_drift(addresses: Sequence[str], port: int = 3000, path_prefix: str = "") -> list[Scores]:
    """Read the drift of the inputs of each pod that shows it, within the same time."""
    found = await _read_pods(addresses, parse_scores, port, path_prefix)
    return [answer for answer in found.values() if answer and not isinstance(answer, str)]


async def _read_pods(
    addresses: Sequence[str], parse: Callable[[str], T], port: int, path_prefix: str
) -> dict[str, T | str]:
    """Return for each pod what `parse` makes of its metrics, or the clause that says why there is nothing."""
    # Without cookies, proxies and ~/.netrc. No connection is kept, because a pod may end at any time.
    async with aiohttp.ClientSession(
        timeout=TIMEOUT,
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(force_close=True, limit=0),
        headers={"Accept-Encoding": "identity"},
    ) as session:
        urls = [_metrics_url(pod, port, path_prefix) for pod in addresses]
        answers = await asyncio.gather(*(_read_pod(session, url, parse) for url in urls))
    return dict(zip(addresses, answers, strict=True))


def _metrics_url(address: str, port: int, path_prefix: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}{path_prefix}/metrics"


async def _read_pod(session: aiohttp.ClientSession, url: str, parse: Callable[[str], T]) -> T | str:
    """Return what `parse` makes of the metrics of a pod, or the clause that says why there is nothing."""
    try:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise Unreadable(f"were answered with status {response.status}")
            text = await _bounded(response.content)
        # In a thread, if it takes more than a millisecond or two: every pod is read every second.
        if len(text) > _SMALL:
            return await asyncio.to_thread(parse, text.decode(errors="replace"))
        return parse(text.decode(errors="replace"))
    except (Unreadable, NoRequestsCounted) as error:
        return excerpt(str(error), _LONGEST_CLAUSE)
    except TimeoutError:
        return f"were not answered within {TIMEOUT.total:g} s"
    except (aiohttp.ClientError, OSError) as error:
        return excerpt(f"could not be read: {_what_broke(error)}", _LONGEST_CLAUSE)


def _what_broke(error: Exception) -> str:
    """Return the cause without the address of the pod, which would make each message another one."""
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return os.strerror(error.os_error.errno)
    return type(error).__name__


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > LARGEST:
            raise Unreadable(f"have more than {LARGEST} bytes")
    return bytes(body)
