"""What the gateway refuses by itself: a status, a stable reason and a sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


class Reason(Enum):
    """A word that stays the same between versions; its value is the HTTP status."""

    NotAuthenticated = 401
    NotPermitted = 403
    RouteUnknown = 404
    ModelUnknown = 4040
    MethodNotAllowed = 405
    ModelAmbiguous = 409
    BodyTooLarge = 413
    BadRequest = 400
    RateLimited = 429
    ModelFailed = 502
    ModelUnavailable = 503
    ModelOverloaded = 5030
    CircuitOpen = 5031
    DeadlineExceeded = 504

    @property
    def status(self) -> int:
        """HTTP status: two reasons may have the same."""
        return self.value if self.value < 1000 else self.value // 10


class Refused(Exception):
    """The request is answered by the gateway itself."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        """`details`: more fields of the body, for instance the field that is wrong or what the model served last."""
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.retry_after = retry_after
        self.model = self.route = ""
        """What was asked for, if that is known: for the metrics."""

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the answer's JSON."""
        return {
            "error": self.message,
            "reason": self.reason.name,
            **self.details,
            "requestId": request_id,
        }
