"""Send one HTTP request and return its answer unchanged, also an error."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.http import HttpProcessingError

from e2i.kube.errors import ApiError
from e2i.kube.responses import error_from_status, parse_object, read, unreachable


@dataclass(frozen=True)
class Response:
    """An HTTP answer: status code, its phrase, the body, and the seconds that it took."""

    status: int
    phrase: str
    body: bytes
    seconds: float

    def api_error(self) -> ApiError | None:
        """Return the error if the API server itself refused, or None if the answer comes from behind it."""
        if self.status < 400:
            return None
        try:
            found = parse_object(self.body)
        except ApiError:
            return None
        if (found.get("kind"), found.get("apiVersion")) != ("Status", "v1"):
            return None
        return error_from_status(found, self.status, self.phrase, self.body)


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout: float,  # noqa: ASYNC109
    **options: Any,
) -> Response:
    """Send one request, do not follow redirects; ApiError(0) if there is no answer within `timeout` seconds."""
    started = time.monotonic()
    try:
        async with session.request(
            method,
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout),
            **options,
        ) as response:
            content = await read(response)
            took = time.monotonic() - started
            return Response(response.status, response.reason or "", content, took)
    except TimeoutError as error:
        raise ApiError(0, "Timeout", f"{url} did not answer within {timeout:g} s") from error
    except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
        raise unreachable(url, error) from error
