"""Parses the single texts of a check: each returns its value, or raises ValueError with a clause. Pure."""

from __future__ import annotations

import re
from decimal import Decimal

from e2i.controller.core.verification import jsontext

_PATH = re.compile(r"/([^/?#\s\\][^?#\s\\]*)?(\?[^#\s\\]*)?")
_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,10})?")


def json_value(text: str) -> jsontext.Value:
    """Return the value of a JSON text in which all numbers are finite."""
    try:
        value = jsontext.read(text)
    except jsontext.JsonInvalid as error:
        raise ValueError(f"is not JSON ({error})") from None
    if jsontext.may_be_infinite(text) and (place := _place_of_infinity(value)):
        raise ValueError(f"is not JSON (NaN or an infinity at {place})")
    return value


def _place_of_infinity(value: jsontext.Value) -> str | None:
    return next((place for place, _ in jsontext.not_finite(value)), None)


def json_text(text: str) -> str:
    """Return the text, if it is JSON."""
    json_value(text)
    return text


def path(text: str) -> str:
    """Return the path of a request, with its query."""
    if _PATH.fullmatch(text) is None:
        raise ValueError(
            "is not a path such as /predict or /predict?verbose=true, without host, fragment or spaces"
        )
    return text


def decimal(text: str) -> Decimal:
    """Return the number with all its digits."""
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError("is not a decimal number such as 0.5")
    return Decimal(text)


def tolerance(text: str) -> Decimal:
    """Return the number, if it is not below zero."""
    number = decimal(text)
    if number < 0:
        raise ValueError("is below zero")
    return number
