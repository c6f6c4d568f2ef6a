"""Requests that the gateway refuses by itself: a status, a stable reason and a sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


class Reason(Enum):
    """A word that stays the same between versions; its value is the HTTP status with a sentence."""

    BadRequest = (400, "The body, or a header, is not as the model or the gateway wants it.")
    NotAuthenticated = (401, "There is no key or token, or nobody has it.")
    NotPermitted = (403, "The caller's grant has other models.")
    RouteUnknown = (404, "The model, or the gateway, has no such route.")
    ModelUnknown = (404, "There is no model of this name.")
    MethodNotAllowed = (405, "The path takes another method.")
    ModelAmbiguous = (409, "Several models have this name: the namespace has to be named too.")
    BodyTooLarge = (413, "The body has more bytes than E2I_GATEWAY_MAX_BODY_BYTES.")
    EncodingNotSupported = (415, "The body is compressed; the gateway takes it as it is.")
    RateLimited = (
        429,
        "The caller sends more requests than its grant allows; Retry-After says when to come again.",
    )
    ModelFailed = (502, "The model gave no answer, or none that is HTTP.")
    ModelUnavailable = (503, "The model does not serve now; the answer says what it served last.")
    ModelOverloaded = (503, "E2I_GATEWAY_MAX_REQUESTS requests to the model are under way.")
    CircuitOpen = (
        503,
        "Most of the last requests to the model failed, so nothing is sent to it for half a minute.",
    )
    DeadlineExceeded = (504, "The model did not answer in time.")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]


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
