"""Parses spec.rollout.verify and spec.rollout.contract. Pure.

The spec holds JSON as text (decision 7). It is parsed here within bounds, and errors name the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from e2i.controller.core.evidence.excerpts import excerpt
from e2i.controller.core.verification import jsonpaths, jsontext

Raw = Mapping[str, Any]
T = TypeVar("T")

_PATH = re.compile(r"/([^/?#\s\\][^?#\s\\]*)?")
_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,10})?")
_SHOWN = 80


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
    timeout: float = 5
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
    """Parse spec.rollout from the API server. CheckInvalid if a field is invalid."""
    return _parse(json.dumps([rollout.get("verify"), rollout.get("contract")]))


@lru_cache(maxsize=256)
def _parse(text: str) -> Verification:
    """Parse the two fields as JSON. Cached: every pass asks, and a spec at its size limit takes a second."""
    verify, contract = json.loads(text)
    return Verification(
        checks=tuple(
            _check(raw, place) for raw, place in _items({"verify": verify}, "verify", "spec.rollout")
        ),
        contract=_contract(contract) if contract else None,
    )


def _items(raw: Raw, key: str, place: str) -> Iterator[tuple[Raw, str]]:
    return ((item, f"{place}.{key}[{index}]") for index, item in enumerate(raw.get(key) or ()))


def _check(raw: Raw, place: str) -> Check:
    defaults = Check(place=place, path="/")
    return Check(
        place=place,
        name=raw.get("name", defaults.name),
        method=raw.get("method", defaults.method),
        path=_parsed(raw, "path", place, _path) or defaults.path,
        body=_parsed(raw, "body", place, _json_text),
        timeout=raw.get("timeoutSeconds", defaults.timeout),
        retries=raw.get("retries", defaults.retries),
        expect=_expectation(raw.get("expect") or {}, f"{place}.expect"),
    )


def _expectation(raw: Raw, place: str) -> Expectation:
    return Expectation(
        status=raw.get("status", Expectation.status),
        body=_parsed(raw, "body", place, _wanted),
        subset=_parsed(raw, "subset", place, _wanted),
        tolerance=_parsed(raw, "tolerance", place, _tolerance) or Decimal(0),
        fields=tuple(_field_rule(item, where) for item, where in _items(raw, "fields", place)),
    )


def _field_rule(raw: Raw, place: str) -> FieldRule:
    rule = FieldRule(
        path=_parsed(raw, "jsonPath", place, jsonpaths.check_path) or "$",
        equals=_parsed(raw, "equals", place, _wanted),
        minimum=_parsed(raw, "minimum", place, _decimal),
        maximum=_parsed(raw, "maximum", place, _decimal),
    )
    if rule.minimum is not None and rule.maximum is not None and rule.minimum > rule.maximum:
        raise CheckInvalid(
            f"{place}.minimum {rule.minimum} is above maximum {rule.maximum}; correct one of them"
        )
    return rule


def _contract(raw: Raw) -> Contract:
    found = (
        (part, _parsed(raw, f"{part}Path", "spec.rollout.contract", jsonpaths.check_path))
        for part in CONTRACT_PARTS
    )
    return Contract(
        labels=frozenset(raw.get("labels") or ()),
        paths={part: path for part, path in found if path is not None},
    )


def _parsed(raw: Raw, key: str, place: str, parse: Callable[[str], T]) -> T | None:
    """Parse the text under `key`; None if there is none. A ValueError of `parse` becomes a CheckInvalid."""
    text = raw.get(key)
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise CheckInvalid(f"{place}.{key} {error}: {excerpt(text, _SHOWN)}; correct it") from None


def _wanted(text: str) -> Wanted:
    try:
        value = jsontext.read(text)
    except jsontext.JsonInvalid as error:
        raise ValueError(f"is not JSON ({error})") from None
    if place := next((place for place, _ in jsontext.not_finite(value)), None):
        raise ValueError(f"is not JSON (NaN or an infinity at {place})")
    return Wanted(value)


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
