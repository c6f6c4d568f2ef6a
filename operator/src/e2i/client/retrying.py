"""Which requests are sent again, and after which pause. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from e2i.client.pool import Answer

REFUSED = frozenset({429, 503})
"""The server does not want the request now: too many at once, or not ready."""
BAD_GATEWAY = 502
LONGEST_WAIT = 300.0
"""Seconds that are believed of a Retry-After."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header. Dates, which no model server sends, are ignored."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(seconds, LONGEST_WAIT) if math.isfinite(seconds) and seconds >= 0 else None


def is_passing(answer: Answer, repeatable: bool) -> bool:
    """Return whether the same request may succeed in a moment, and may be sent again.

    A request that may not be repeated is sent again only after an answer that was given before the model was asked.
    """
    if answer.status == 429 or (answer.status == 503 and "Retry-After" in answer.headers):
        return True
    return repeatable and answer.status in (503, BAD_GATEWAY)


def is_failure(answer: Answer) -> bool:
    """Return whether an answer speaks against the model's health: for its circuit breaker.

    A model that refuses requests because it has too many is alive, and a missing explanation (501) is no failure.
    """
    if answer.status in (429, 501) or "Retry-After" in answer.headers:
        return False
    return answer.status >= 500
