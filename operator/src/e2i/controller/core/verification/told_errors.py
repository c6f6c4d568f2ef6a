"""Finds the error that an answer tells about itself, whatever its HTTP status. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from e2i.controller.core.verification.answer_fields import Group, recognise
from e2i.controller.core.verification.checks import Check, Contract
from e2i.controller.core.verification.comparison import Difference
from e2i.controller.core.verification.jsontext import Value, parts, show

_ERRORS = ("error", "errors", "exception", "traceback")
"""Keys that only an error has."""
_FAILED = ("error", "failed", "failure")
"""Values of a key status that say the same."""
_WORDS = ("message", "detail", "reason")
"""Keys under which an error has its words; a prediction may have them as well."""


def told_error(answer: Value) -> tuple[str, str] | None:
    """Return (place, JSON text) of the first error or of its words in the answer; None if it tells none.

    {"error": "no connection", "value": null} -> ("$.error", '"no connection"')
    """
    return next(_told(answer, (*_ERRORS, *_WORDS)), None)


def error_instead(check: Check, contract: Contract, kind: str, answer: Value) -> Iterator[Difference]:
    """Return the error that stands where a prediction should be.

    The check expects nothing of the content, and the answer has an error and no part that the contract knows.
    """
    if check.expect.reads_content or contract.paths or _has_parts(recognise(kind, answer, {})):
        return
    failed = [("$.status", show(answer["status"]))] if _has_failed(answer) else []
    for place, words in (*failed, *_told(answer, _ERRORS)):
        yield Difference(
            place=place,
            wanted="absent from a prediction",
            found=words,
            hint=f"Correct the service; if this is a prediction, write what it must have into {check.place}.expect.",
        )


def _has_parts(groups: list[Group]) -> bool:
    return any(nodes for group in groups for nodes in group.values())


def _has_failed(answer: Value) -> bool:
    status = answer.get("status") if isinstance(answer, dict) else None
    return isinstance(status, str) and status.lower() in _FAILED


def _told(answer: Value, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not isinstance(answer, dict):
        return
    places: dict[str, Any] = dict(zip(answer, parts(answer, "$"), strict=True))
    for key in keys:
        # null, false, "" and [] say that there is no error.
        if answer.get(key):
            place, value = places[key]
            yield place, show(value)
