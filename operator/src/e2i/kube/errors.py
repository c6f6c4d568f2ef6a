"""What an API server answers when it does not do what it was asked."""

from __future__ import annotations

import json

from kubernetes.aio.dynamic.exceptions import DynamicApiError


class ApiError(Exception):
    """The API server refused, or could not be reached (`status` 0).

    `reason` is the API's own word (NotFound, Conflict, Forbidden, Invalid, ...), `message` its sentence.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class KubeconfigError(Exception):
    """No connection can be made of the kubeconfig; `message` names the file, the value and the next step."""

    def __init__(self, sentence: str) -> None:
        self.message = " ".join(sentence.split())
        super().__init__(self.message)


def api_error(error: DynamicApiError) -> ApiError:
    """The API server's answer as our error; its body need not be JSON."""
    headers = error.headers or {}
    retry_after = headers.get("Retry-After")
    try:
        status = json.loads(error.body or "")
    except ValueError:
        status = {}
    reason = status.get("reason") or error.reason or ""
    message = status.get("message") or str(error.body or error.reason)
    return ApiError(error.status, reason, message, float(retry_after) if retry_after else None)
