"""Read answers of an API server, and of proxies, load balancers and login pages in front of it.

Only a JSON object of bounded size is a valid answer. Everything else becomes an `ApiError`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp.http import HttpProcessingError

from e2i import clock
from e2i.kube.errors import ApiError
from e2i.kube.kinds import Object

MAX_ANSWER = 64 * 2**20
"""Largest answer in bytes: the operator's container has 512 MiB."""
MAX_ERROR = 64 * 2**10
"""Largest error answer in bytes."""
MAX_RETRY_AFTER = 300.0
EXCERPT = 200
"""Characters that are quoted of an answer that is not the API's."""
TOO_LARGE = "ResponseTooLarge"
BAD_CERTIFICATE = "BadCertificate"


async def read(response: aiohttp.ClientResponse, limit: int = MAX_ANSWER) -> bytes:
    """Return the body; ApiError if it has more than `limit` bytes."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            response.close()
            raise ApiError(0, TOO_LARGE, f"The API server sent more than {limit / 2**20:.0f} MiB.")
    return bytes(body)


def parse_object(text: bytes) -> Object:
    """Return the JSON object in `text`; ApiError if it is anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ApiError(0, "InvalidResponse", f"The answer is not a JSON object{_excerpt(text)}.")
    return value


def parse_metadata(item: Any) -> Object:
    """Return the metadata of an API object; ApiError if the object has none, or no name in it."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    if not (isinstance(metadata, dict) and isinstance(metadata.get("name"), str)):
        raise ApiError(0, "InvalidResponse", "The API server sent an object without a name.")
    return metadata


def parse_version(metadata: Any) -> str:
    """Return the resourceVersion in `metadata`; ApiError if there is none."""
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    if not (isinstance(version, str) and version):
        raise ApiError(0, "InvalidResponse", "The API server sent no resourceVersion.")
    return version


async def error_from_response(response: aiohttp.ClientResponse) -> ApiError:
    """Return the ApiError for an answer with a status other than 2xx."""
    phrase = response.reason or ""
    wait = retry_after(response.headers)
    if 300 <= response.status < 400:
        place = response.headers.get("Location", "")[:EXCERPT]
        return ApiError(
            response.status,
            "Redirected",
            f"The API server redirects to {place!r}. Redirects are not followed: name that address instead.",
        )
    body, status = b"", {}
    with suppress(ApiError, aiohttp.ClientError, HttpProcessingError, TimeoutError):
        body = await read(response, MAX_ERROR)
        status = parse_object(body)
    return error_from_status(status, response.status, phrase, body, wait)


def error_from_status(
    status: object, code: int, phrase: str = "", body: bytes = b"", wait: float | None = None
) -> ApiError:
    """Return the ApiError of a Kubernetes Status; `code`, `phrase` and `body` replace fields that it lacks."""
    given = status if isinstance(status, dict) else {}
    reason, message = given.get("reason"), given.get("message")
    if not code:
        code = given["code"] if type(given.get("code")) is int and 400 <= given["code"] < 600 else 0
    if not (isinstance(message, str) and message):
        message = f"{phrase or f'status {code}'}{_excerpt(body)}"
    return ApiError(code, reason if isinstance(reason, str) and reason else phrase, message, wait)


def unreachable(server: str, error: Exception) -> ApiError:
    """Return the ApiError for a request without an answer; a certificate that is not accepted has its own reason."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        refused = error.certificate_error
        why = getattr(refused, "verify_message", "") or str(refused)
        return ApiError(0, BAD_CERTIFICATE, f"The certificate of {server} is not accepted: {why}")
    return ApiError(0, "Unreachable", f"{server}: {str(error) or type(error).__name__}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header, at most 300, or None if it has no valid value.

    A date is compared with the answer's own Date, so the clocks of both sides need not agree.
    """
    value = headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        until = clock.http_date(value)
        seconds = (
            math.nan
            if until is None
            else (until - (clock.http_date(headers.get("Date", "")) or clock.now())).total_seconds()
        )
    if not math.isfinite(seconds):
        return None
    return min(seconds, MAX_RETRY_AFTER) if seconds >= 0 else None


def _excerpt(body: bytes) -> str:
    words = " ".join(body[: 4 * EXCERPT].decode(errors="replace").split())
    return f": {words[:EXCERPT]!r}" if words else ""
