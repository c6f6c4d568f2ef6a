"""Kubernetes quantities: parse them, calculate with them, and write them as the API server stores them. Pure.

The `kubernetes` package parses them too, but it loads its whole client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_UP, Decimal

_BINARY = {f"{letter}i": power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0} | {
    letter: power for power, letter in enumerate("kMGTPE", start=1)
}
_SCIENTIFIC = {f"e{3 * power}" if power else "": power for power in range(-3, 7)}
_FACTORS = {suffix: Decimal(1000) ** power for suffix, power in _DECIMAL.items()} | {
    suffix: Decimal(1024) ** power for suffix, power in _BINARY.items()
}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i))?")
_LARGEST_EXPONENT = 99
"""A larger one is read as this one: no amount may cost time, and the API server keeps none that is so large."""
_LARGEST = Decimal(2**63 - 1)
"""The API server stores this for any larger amount."""
_NANO = Decimal("1e-9")
"""The API server stores nothing finer."""


def value(amount: str) -> Decimal:
    """Return the amount as a number: 500m -> 0.5, 1Gi -> 1073741824, 1e3 -> 1000.

    ValueError if the text is not a quantity.
    """
    number, exponent, suffix = _parts(amount)
    power = max(-_LARGEST_EXPONENT, min(_LARGEST_EXPONENT, int(exponent or 0)))
    return Decimal(number) * _FACTORS[suffix or ""] * Decimal(10) ** power


def plain(amount: str) -> str:
    """Return the amount without unit or exponent: "1", "1000m" and "1e0" -> "1".

    Part of every release's identity: another text for an amount gives all releases new names.
    """
    return f"{value(amount).normalize():f}"


def stored(amount: str) -> str:
    """Return the text that the API server stores: 1000m -> 1, 1024Mi -> 1Gi, 0.5 -> 500m."""
    _, exponent, suffix = _parts(amount)
    if suffix in _BINARY:
        return stored_in_binary(value(amount))
    return _in_steps(_storable(value(amount)), _SCIENTIFIC if exponent else _DECIMAL)


def stored_in_binary(number: Decimal) -> str:
    """Return the text that the API server stores for a number of bytes: 536870912 -> 512Mi, 1000 -> 1k."""
    if abs(number) < 1024:
        return _in_steps(_storable(number), _DECIMAL)
    whole, suffix = int(_storable(number).to_integral_value(ROUND_UP)), ""
    for larger in _BINARY:
        if whole % 1024:
            break
        whole, suffix = whole // 1024, larger
    return f"{whole}{suffix}"


def times(amount: str, factor: int) -> str:
    """Return the product in the unit of `amount`: 1Gi, 4 -> 4Gi"""
    number, exponent, suffix = _parts(amount)
    if exponent:
        return f"{value(amount) * factor:f}"
    return f"{(Decimal(number) * factor).normalize():f}{suffix or ''}"


def in_units(amount: str, unit: str) -> int:
    """Return how many of `unit` make up `amount`, rounded up: 250m, 1 -> 1; 1Gi, 1Mi -> 1024

    A unit of 0 counts as 1, as in a container's `resourceFieldRef`.
    """
    return int((value(amount) / (value(unit) or 1)).to_integral_value(ROUND_CEILING))


def _parts(amount: str) -> tuple[str, str | None, str | None]:
    """Return number, exponent and suffix: 1.5Gi -> 1.5, None, Gi"""
    match = _QUANTITY.fullmatch(amount)
    if match is None:
        raise ValueError(f"{amount!r} is not a quantity: write for instance 500m, 2 or 1Gi")
    return match[1], match[2], match[3]


def _storable(number: Decimal) -> Decimal:
    """Return the number within the bounds of what the API server stores."""
    return max(-_LARGEST, min(_LARGEST, number)).quantize(_NANO, ROUND_UP)


def _in_steps(number: Decimal, suffixes: Mapping[str, int]) -> str:
    """Return the number with the suffix of the largest power of 1000 that leaves a whole number."""
    for suffix, power in sorted(suffixes.items(), key=lambda item: -item[1]):
        scaled = number / Decimal(1000) ** power
        if number and scaled == scaled.to_integral_value():
            return f"{int(scaled)}{suffix}"
    return "0"  # Amounts are whole billionths, so only zero comes here.
