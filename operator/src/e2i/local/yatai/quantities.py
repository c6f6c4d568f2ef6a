"""Kubernetes quantities: read, and written in the one form that the API server stores.

The controllers compare what they want with what is stored. `1000m` is stored as `1`: without the canonical
form they would see a difference for ever.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

FORM = re.compile(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)")
WRONG_FORM = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
NANO = Decimal("1e-9")


def canonical(text: str) -> str:
    """`1000m` -> `1`, `1024Mi` -> `1Gi`, `0.5` -> `500m`; ValueError with the API's own sentence."""
    value, suffix = _parse(text)
    if suffix in BINARY and abs(value) >= 1024:
        return _in_binary(value)
    if re.fullmatch(r"[eE][-+]?[0-9]+", suffix):
        return _in_steps(value, {f"e{3 * power}" if power else "": power for power in range(-3, 7)})
    return _in_steps(value, DECIMAL)


def half_in_binary(text: str) -> str:
    """Half of a quantity, in powers of 1024: `1Gi` -> `512Mi`."""
    value, _ = _parse(text)
    half = value / 2
    return _in_binary(half) if abs(half) >= 1024 else _in_steps(half, DECIMAL)


def is_zero(text: str) -> bool:
    return _parse(text)[0] == 0


def _parse(text: str) -> tuple[Decimal, str]:
    match = FORM.fullmatch(text)
    if match is None:
        raise ValueError(WRONG_FORM)
    number, suffix = match.groups()
    if number.count(".") > 1 or not any(digit.isdigit() for digit in number):
        raise ValueError("unable to parse numeric part of quantity")
    if suffix in BINARY:
        scale = Decimal(1024) ** BINARY[suffix]
    elif suffix in DECIMAL:
        scale = Decimal(1000) ** DECIMAL[suffix]
    elif re.fullmatch(r"[eE][-+]?[0-9]{1,2}", suffix):
        scale = Decimal(10) ** int(suffix[1:])
    else:
        raise ValueError("unable to parse quantity's suffix")
    return (Decimal(number) * scale).quantize(NANO, ROUND_CEILING), suffix


def _in_binary(value: Decimal) -> str:
    whole = int(value.to_integral_value(ROUND_CEILING))
    suffix = ""
    for larger in BINARY:
        if whole == 0 or whole % 1024:
            break
        whole, suffix = whole // 1024, larger
    return f"{whole}{suffix}"


def _in_steps(value: Decimal, suffixes: dict[str, int]) -> str:
    """The largest power of 1000 that leaves a whole number."""
    if value == 0:
        return "0"
    for suffix, power in sorted(suffixes.items(), key=lambda item: -item[1]):
        scaled = value / Decimal(1000) ** power
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{suffix}"
    raise AssertionError(f"{value} is finer than a billionth")  # _parse() rounds up to billionths
