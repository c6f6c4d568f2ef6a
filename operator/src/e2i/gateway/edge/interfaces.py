"""Reads what a model takes and answers from the model itself."""

from __future__ import annotations

import asyncio
import json
import logging

import aiohttp
from yarl import URL

from e2i.gateway.core.interface import Interface, parse_interface
from e2i.gateway.core.models import Model

LARGEST = 8 << 20
"""Bytes of a description that are read."""
TIMEOUT = aiohttp.ClientTimeout(total=10)
logger = logging.getLogger("e2i.gateway")


class NoInterface(Exception):
    """The model does not say what it takes; the message says why."""


async def read_interface(session: aiohttp.ClientSession, url: str) -> Interface | None:
    """Return the model's interface, None if its bento has none (old-style bentos); NoInterface if it cannot be read.

    A model of a bento with several has an address with a path, http://host:3001/churn_model. Then the description is
    above, and of its routes those of the model count.
    """
    address = URL(url)
    parts = [part for part in address.path.split("/") if part]
    for count in range(len(parts), -1, -1):
        above = address.with_path("/".join(["", *parts[:count], "schema.json"]))
        content = await _read(session, above)
        if content is not None:
            try:
                # In a thread: it may be large, and the requests to other models go on.
                found = await asyncio.to_thread(lambda text: parse_interface(json.loads(text)), content)
                return found.below("/".join(["", *parts[count:]]))
            except (ValueError, RecursionError) as error:
                raise NoInterface(f"{above.path}: {error}") from error
    return None


async def _read(session: aiohttp.ClientSession, url: URL) -> bytes | None:
    """Return what is there, None if there is nothing."""
    try:
        async with session.get(url, timeout=TIMEOUT, allow_redirects=False) as answer:
            if answer.status == 404:
                return None
            if answer.status != 200:
                raise NoInterface(f"{url.path} answers {answer.status}")
            content = b""
            while len(content) <= LARGEST and (more := await answer.content.readany()):
                content += more
    except (aiohttp.ClientError, TimeoutError) as error:
        raise NoInterface(f"{url.path}: {error or type(error).__name__}") from error
    if len(content) > LARGEST:
        raise NoInterface(f"{url.path} has more than {LARGEST >> 20} MiB")
    return content


def note(model: Model, error: NoInterface) -> None:
    """Log it: requests are then sent on unchecked, and the model judges them."""
    logger.info("%s: what it takes is not known: %s", model.title, error)
