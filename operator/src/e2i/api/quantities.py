"""Arithmetic on Kubernetes quantities: 500m, 1Gi, 2, 1e3.

The `kubernetes` package parses them too, but not without loading its whole client into the pure core.
"""

from __future__ import annotations

import re
from decimal import Decimal

_FACTORS = {
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for unit, power in zip("num", (-3, -2, -1), strict=True)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i))?")


def value(amount: str) -> Decimal:
    """500m -> 0.5, 1Gi -> 1073741824, 1e3 -> 1000; ValueError for what is no quantity."""
    match = _QUANTITY.fullmatch(amount)
    if match is None:
        raise ValueError(f"{amount!r} is not a quantity: write for instance 500m, 2 or 1Gi")
    return Decimal(match[1]) * _FACTORS[match[3] or ""] * Decimal(10) ** int(match[2] or 0)


def canonical(amount: str) -> str:
    """One text for each amount: "1", "1000m" and "1e0" are all "1"."""
    return f"{value(amount).normalize():f}"


def times(amount: str, factor: int) -> str:
    """The amount multiplied, in the unit it was written in: 1Gi, 4 -> 4Gi"""
    match = _QUANTITY.fullmatch(amount)
    if match is None or match[2]:
        return f"{value(amount) * factor:f}"
    return f"{(Decimal(match[1]) * factor).normalize():f}{match[3] or ''}"
