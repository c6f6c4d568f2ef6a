"""Kubernetes quantities: "500m", "1Gi", "2e3"."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation

SUFFIXES = {
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
}


def parse(text: str) -> Decimal:
    """Return the number: "500m" -> 0.5, "1Gi" -> 1073741824; ValueError for anything else."""
    for suffix, factor in SUFFIXES.items():
        if text.endswith(suffix):
            return _decimal(text, text.removesuffix(suffix)) * factor
    return _decimal(text, text)


def divided(value: Decimal, divisor: str) -> str:
    """Return how often `divisor` goes into `value`, rounded up, as a container's variable shows it.

    0.25 by "1" -> "1";  0.25 by "1m" -> "250";  1073741824 by "1Mi" -> "1024"
    """
    unit = parse(divisor) or Decimal(1)
    return str(int((value / unit).to_integral_value(ROUND_CEILING)))


def _decimal(text: str, number: str) -> Decimal:
    try:
        return Decimal(number)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a quantity; write a number such as 500m or 1Gi") from None
