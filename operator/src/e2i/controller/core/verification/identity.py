"""The identity of what a release is judged by: the same for settings that mean the same. Pure.

It is made of parsed values, and only of those that differ from their defaults. So neither another way to write a
check nor a field that a later version adds makes another trial of a release that failed.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Any

from e2i.api.model import Rollout
from e2i.controller.core.guard.limits import parse_limits
from e2i.controller.core.verification.checks import Check, CheckInvalid, parse_verification

_REMEMBERED = 4096
_NOT_JUDGED = ("place",)
"""Fields that only messages need."""


@dataclass(frozen=True)
class Judged:
    """The part of the checks that every pass has to know."""

    checks: int
    """Number of golden predictions."""
    identity: str
    """Hex digits; equal for equal checks, however they are written."""
    problem: str = ""
    """Why the checks cannot be parsed."""


_known: OrderedDict[str, Judged] = OrderedDict()
"""By the digest of the checks as written. The values are small, so that many of the largest specs cost little."""


def judged_by(rollout: Rollout) -> Judged:
    """Return what the checks of spec.rollout mean. Parsed once: a spec of the largest size takes some time."""
    digest = rollout.checks_digest
    found = _known.pop(digest, None) or _judged_by(rollout)
    _known[digest] = found
    while len(_known) > _REMEMBERED:
        _known.popitem(last=False)
    return found


def _judged_by(rollout: Rollout) -> Judged:
    try:
        verification = parse_verification(rollout.checks)
    except CheckInvalid as refusal:
        return Judged(0, rollout.checks_digest, str(refusal))
    return Judged(len(verification.checks), _digest(plain(verification)))


def watch_identity(watch: Mapping[str, Any] | None) -> Any:
    """Return the limits of spec.rollout.watch in a form for JSON; what is wrong if they cannot be parsed."""
    return watch_problem(watch) or (plain(parse_limits(watch)) if watch else None)


def watch_problem(watch: Mapping[str, Any] | None) -> str:
    """Return why spec.rollout.watch cannot be parsed; empty if it can, or if there is none."""
    if watch:
        try:
            parse_limits(watch)
        except ValueError as invalid:
            return str(invalid)
    return ""


def plain(value: Any) -> Any:
    """Return a value in a form for JSON that is equal for equal values, without fields that have their defaults."""
    if is_dataclass(value):
        return {each.name: _field(value, each) for each in fields(value) if _counts(value, each)}
    if isinstance(value, Mapping):
        return ["object", {key: plain(item) for key, item in value.items()}]
    if isinstance(value, list | tuple):
        return ["list", *map(plain, value)]
    if isinstance(value, frozenset):
        return ["set", *sorted(map(str, value))]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return ["number", _number(value)]
    return value


def _number(value: float | Decimal) -> str:
    """Return the number without an exponent and without zeros at its end: 1, 1.0 and 1e0 -> 1"""
    digits = f"{Decimal(str(value)):f}"
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) if value else "0"


def _field(value: Any, field: Field[Any]) -> Any:
    found = getattr(value, field.name)
    return _as_sent(found) if isinstance(value, Check) and field.name == "body" else plain(found)


def _counts(value: Any, field: Field[Any]) -> bool:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return field.name not in _NOT_JUDGED and getattr(value, field.name) != default


def _as_sent(body: str) -> Any:
    """Return the body of a request without its white space. A model may tell 1 from 1.0, and the order of keys."""
    return json.loads(
        body,
        parse_int=lambda digits: ["number", digits],
        parse_float=lambda digits: ["number", digits],
        object_pairs_hook=lambda pairs: ["object", *map(list, pairs)],
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
