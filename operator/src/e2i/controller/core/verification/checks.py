"""Parses spec.rollout.verify and spec.rollout.contract. Pure.

The spec holds JSON as text (decision 7). It is parsed here within bounds, and errors name the field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeVar

from e2i.api.fields import FieldInvalid, Fields
from e2i.controller.core.evidence.excerpts import excerpt
from e2i.controller.core.verification import jsonpaths, jsontext, texts
from e2i.controller.core.verification.headers import Header, SecretKey, parse_headers, with_secrets

Raw = Mapping[str, Any]
T = TypeVar("T")

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
    headers: tuple[Header, ...] = ()
    body: str | None = None
    """JSON text to send."""
    form: tuple[tuple[str, str], ...] = ()
    """Fields to send as a form, (name, value), in place of a body."""
    prediction: bool = True
    """False: the answer is no prediction, so the contract says nothing about it."""
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

    @property
    def secrets(self) -> frozenset[SecretKey]:
        """The keys of Secrets whose values the checks send."""
        return frozenset(header.secret for header in self._headers if header.secret)

    @property
    def confidential(self) -> tuple[str, ...]:
        """Values in the spec of headers that carry credentials."""
        return tuple(
            header.value for header in self._headers if header.is_confidential and len(header.value) > 8
        )

    @property
    def _headers(self) -> tuple[Header, ...]:
        return tuple(header for check in self.checks for header in check.headers)

    def with_values(self, values: Mapping[SecretKey, str]) -> Verification:
        """Return the checks as they are sent, with the values of Secrets in their headers."""
        sent = (replace(check, headers=with_secrets(check.headers, values)) for check in self.checks)
        return replace(self, checks=tuple(sent))


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
        path=_parsed(fields, "path", texts.path) or defaults.path,
        headers=parse_headers(fields),
        body=_parsed(fields, "body", texts.json_text),
        form=tuple((item.needed_text("name"), item.text("value")) for item in fields.objects("form")),
        prediction=fields.truth("prediction", defaults.prediction),
        timeout=fields.number("timeoutSeconds", defaults.timeout, least=1, most=60),
        retries=fields.number("retries", defaults.retries, least=0, most=10),
        expect=_expectation(fields.inside("expect")),
    )


def _expectation(fields: Fields) -> Expectation:
    return Expectation(
        status=fields.number("status", Expectation.status),
        body=_parsed(fields, "body", _wanted),
        subset=_parsed(fields, "subset", _wanted),
        tolerance=_parsed(fields, "tolerance", texts.tolerance) or Decimal(0),
        fields=tuple(_field_rule(field) for field in fields.objects("fields")),
    )


def _field_rule(fields: Fields) -> FieldRule:
    rule = FieldRule(
        path=_parsed(fields, "jsonPath", jsonpaths.check_path) or "$",
        equals=_parsed(fields, "equals", _wanted),
        minimum=_parsed(fields, "minimum", texts.decimal),
        maximum=_parsed(fields, "maximum", texts.decimal),
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
    return Wanted(texts.json_value(text))
