"""Reads the metrics of the pods of a release."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

import aiohttp

from e2i.controller.core.guard.limits import Sample, parse_metrics

TIMEOUT = aiohttp.ClientTimeout(total=2)
LARGEST = 4 << 20
"""Bytes. BentoML keeps 3 KiB of metrics for every path that was requested, also for those that do not exist."""

logger = logging.getLogger(__name__)


class Unreadable(Exception):
    """The pod answered, but without usable metrics."""


async def read_release(addresses: Sequence[str], port: int = 3000) -> Mapping[str, Sample] | None:
    """Return the sample of each pod that answers, by its address; None if no pod answers.

    Takes at most two seconds, however many pods there are.
    """
    # Without cookies, proxies and ~/.netrc. No connection is kept, because a pod may end at any time.
    async with aiohttp.ClientSession(
        timeout=TIMEOUT,
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(force_close=True, limit=0),
        headers={"Accept-Encoding": "identity"},
    ) as session:
        samples = await asyncio.gather(*(_read_pod(session, address, port) for address in addresses))
    answered = {pod: sample for pod, sample in zip(addresses, samples, strict=True) if sample is not None}
    return answered or None


async def _read_pod(session: aiohttp.ClientSession, address: str, port: int) -> Sample | None:
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{port}/metrics"
    try:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise Unreadable(f"status {response.status}")
            text = await _bounded(response.content)
    except (aiohttp.ClientError, OSError, TimeoutError, Unreadable) as error:
        logger.debug("%s is left out: %s", url, str(error) or type(error).__name__)
        return None
    return parse_metrics(text.decode(errors="replace"))


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > LARGEST:
            raise Unreadable(f"its metrics have more than {LARGEST} bytes")
    return bytes(body)
