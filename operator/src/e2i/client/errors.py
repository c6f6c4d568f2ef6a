"""The errors of a call: each names the model, what happened, and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class ClientError(Exception):
    """A call that has no prediction. `model`: its name."""

    def __init__(self, model: str, message: str) -> None:
        super().__init__(message)
        self.model = model
        self.message = message


class ModelNotFound(ClientError):
    """Nothing has this name; or its server has no such route."""


class NotReady(ClientError):
    """The model is not loaded, or still starts."""


class Unreachable(NotReady):
    """There was no connection, or it broke off without an answer."""


class Overloaded(ClientError):
    """The model takes no more requests now. `retry_after`: seconds until it may, None if it did not say."""

    def __init__(self, model: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(model, message)
        self.retry_after = retry_after


class DeadlineExceeded(ClientError, TimeoutError):
    """There was no answer in time. `seconds`: how long was waited."""

    def __init__(self, model: str, message: str, seconds: float) -> None:
        super().__init__(model, message)
        self.seconds = seconds


class CircuitOpen(ClientError):
    """Nothing was sent, because too many of the last requests failed.

    `until`: when a request will be let through again; `retry_after`: seconds until then.
    """

    def __init__(self, model: str, message: str, until: datetime, retry_after: float) -> None:
        super().__init__(model, message)
        self.until = until
        self.retry_after = retry_after


@dataclass(frozen=True)
class InputProblem:
    """One thing that is wrong with an input."""

    field: str
    """Where: tenure_months, or 3.tenure_months in the fourth row of a batch; empty if it is no single field."""
    message: str


class BadInput(ClientError):
    """The model refuses the input. `field`: the first wrong field; `problems`: all of them."""

    def __init__(self, model: str, message: str, problems: tuple[InputProblem, ...] = ()) -> None:
        super().__init__(model, message)
        self.problems = problems
        self.field = problems[0].field if problems else ""


class Refused(ClientError):
    """The request was refused for another reason than its input: a missing key, a body that is too large.

    `status`: the HTTP status.
    """

    def __init__(self, model: str, message: str, status: int) -> None:
        super().__init__(model, message)
        self.status = status


class ModelFailed(ClientError):
    """The model was asked and could not answer. `status`: the HTTP status."""

    def __init__(self, model: str, message: str, status: int) -> None:
        super().__init__(model, message)
        self.status = status
