"""Parses spec.rollout.verify and spec.rollout.contract. Pure.

The spec holds JSON as text (decision 7). It is parsed here within bounds, and errors name the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from e2i.api.fields import FieldInvalid, Fields
from e2i.controller.core.evidence.excerpts import excerpt
from e2i.controller.core.verification import jsonpaths, jsontext

Raw = Mapping[str, Any]
T = TypeVar("T")

_PATH = re.compile(r"/([^/?#\s\\][^?#\s\\]*)?")
_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,10})?")
_SHOWN = 80
LARGEST = 256 << 10
"""Bytes of all checks as JSON text. Parsed between the passes of other models, they take about a tenth of a second."""


class CheckInvalid(ValueError):
    """A field of spec.rollout.verify or spec.rollout.contract is invalid. The message names the field and its value."""


@dataclass(frozen=True)
class Wanted:
    """An expected JSON value. A wrapper, because null can be expected too."""

    value: jsontext.Value = field(hash=False)


@dataclass(frozen=True, kw_only=True)
class FieldRule:
    """The value expected at every place that `path` finds. Bounds are inclusive; None: no bound."""

    path: str
    equals: Wanted | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """The expected answer; None: not checked."""

    status: int = 200
    body: Wanted | None = None
    subset: Wanted | None = None
    tolerance: Decimal = Decimal(0)
    """Largest absolute difference of a number from body, subset and fields[].equals."""
    fields: tuple[FieldRule, ...] = ()

    @property
    def reads_content(self) -> bool:
        return self.body is not None or self.subset is not None or bool(self.fields)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One golden prediction."""

    place: str
    """Its field in the spec: spec.rollout.verify[0]"""
    name: str = ""
    method: str = "POST"
    path: str
    body: str | None = None
    """JSON text to send."""
    timeout: int = 5
    """Seconds of one try, from the first byte sent to the last byte received."""
    retries: int = 2
    """Tries after the first one."""
    expect: Expectation = Expectation()

    @property
    def request(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def title(self) -> str:
        """Return: spec.rollout.verify[0] (known customer), POST /predict"""
        return f"{self.place} ({self.name}), {self.request}" if self.name else f"{self.place}, {self.request}"


@dataclass(frozen=True, kw_only=True)
class Contract:
    """spec.rollout.contract. A part without a path is looked for by its usual name."""

    labels: frozenset[str] = frozenset()
    """Allowed labels; empty: any label."""
    paths: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Paths by part (label, probabilities, value, effect, lower, upper): {"label": "$.label"}"""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """All golden predictions of a release, and the contract."""

    checks: tuple[Check, ...] = ()
    contract: Contract | None = None


CONTRACT_PARTS = ("label", "probabilities", "value", "effect", "lower", "upper")


def parse_verification(rollout: Raw) -> Verification:
    """Parse spec.rollout from the API server. CheckInvalid if a field is invalid, or if all are too large."""
    size = len(json.dumps([rollout.get("verify"), rollout.get("contract")]))
    if size > LARGEST:
        raise CheckInvalid(
            f"spec.rollout.verify and contract have {size} bytes of JSON, and {LARGEST} at most are read; "
            "ask for fewer predictions, or for smaller ones"
        )
    try:
        fields = Fields(rollout, "spec.rollout")
        return Verification(
            checks=tuple(_check(check) for check in fields.objects("verify")),
            contract=_contract(fields.inside("contract")) if rollout.get("contract") else None,
        )
    except FieldInvalid as invalid:
        raise CheckInvalid(f"{invalid}; correct it") from None


def _check(fields: Fields) -> Check:
    defaults = Check(place=fields.place, path="/")
    return Check(
        place=fields.place,
        name=fields.text("name", defaults.name),
        method=fields.text("method", defaults.method),
        path=_parsed(fields, "path", _path) or defaults.path,
        body=_parsed(fields, "body", _json_text),
        timeout=fields.number("timeoutSeconds", defaults.timeout, least=1, most=60),
        retries=fields.number("retries", defaults.retries, least=0, most=10),
        expect=_expectation(fields.inside("expect")),
    )


def _expectation(fields: Fields) -> Expectation:
    return Expectation(
        status=fields.number("status", Expectation.status),
        body=_parsed(fields, "body", _wanted),
        subset=_parsed(fields, "subset", _wanted),
        tolerance=_parsed(fields, "tolerance", _tolerance) or Decimal(0),
        fields=tuple(_field_rule(field) for field in fields.objects("fields")),
    )


def _field_rule(fields: Fields) -> FieldRule:
    rule = FieldRule(
        path=_parsed(fields, "jsonPath", jsonpaths.check_path) or "$",
        equals=_parsed(fields, "equals", _wanted),
        minimum=_parsed(fields, "minimum", _decimal),
        maximum=_parsed(fields, "maximum", _decimal),
    )
    if rule.minimum is not None and rule.maximum is not None and rule.minimum > rule.maximum:
        raise CheckInvalid(
            f"{fields.place}.minimum {rule.minimum} is above maximum {rule.maximum}; correct one of them"
        )
    return rule


def _contract(fields: Fields) -> Contract:
    found = ((part, _parsed(fields, f"{part}Path", jsonpaths.check_path)) for part in CONTRACT_PARTS)
    return Contract(
        labels=frozenset(fields.text_items("labels")),
        paths={part: path for part, path in found if path is not None},
    )


def _parsed(fields: Fields, key: str, parse: Callable[[str], T]) -> T | None:
    """Parse the text under `key`; None if there is none. A ValueError of `parse` becomes a CheckInvalid."""
    if key not in fields:
        return None
    text = fields.text(key)
    try:
        return parse(text)
    except ValueError as error:
        raise CheckInvalid(f"{fields.place_of(key)} {error}: {excerpt(text, _SHOWN)}; correct it") from None


def _wanted(text: str) -> Wanted:
    try:
        value = jsontext.read(text)
    except jsontext.JsonInvalid as error:
        raise ValueError(f"is not JSON ({error})") from None
    if jsontext.may_be_infinite(text) and (place := _place_of_infinity(value)):
        raise ValueError(f"is not JSON (NaN or an infinity at {place})")
    return Wanted(value)


def _place_of_infinity(value: jsontext.Value) -> str | None:
    return next((place for place, _ in jsontext.not_finite(value)), None)


def _json_text(text: str) -> str:
    _wanted(text)
    return text


def _path(text: str) -> str:
    if _PATH.fullmatch(text) is None:
        raise ValueError("is not a plain path such as /predict, without host, query or spaces")
    return text


def _decimal(text: str) -> Decimal:
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError("is not a decimal number such as 0.5")
    return Decimal(text)


def _tolerance(text: str) -> Decimal:
    tolerance = _decimal(text)
    if tolerance < 0:
        raise ValueError("is below zero")
    return tolerance
