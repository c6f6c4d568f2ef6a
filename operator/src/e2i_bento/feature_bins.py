"""Counts values by the bins of the training data, and measures how far the last rows are from it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Sequence

from e2i_bento.card import Feature, Reference, Row, Value

WINDOW_ROWS = 500
"""Rows over which drift is measured. With fewer, chance alone looks like drift: about (bins - 1) / rows."""
SMALLEST_SHARE = 1e-4
"""What an empty bin counts as: the logarithm of zero would make one odd row look like a landslide."""
MISSING = "missing"
NUMBERS = ("integer", "number")


def bin_names(reference: Reference, kind: str) -> tuple[str, ...]:
    """Return the name of each bin, in the order of the shares: intervals or categories, last `missing`."""
    return (*(intervals(reference.edges) if kind in NUMBERS else reference.categories), MISSING)


def intervals(edges: Sequence[float]) -> tuple[str, ...]:
    """Return the names of the bins between inner bounds: (1, 2.5) -> ("(-inf, 1)", "[1, 2.5)", "[2.5, inf)")"""
    lows = ["(-inf", *(f"[{edge:.10g}" for edge in edges)]
    highs = [*(f"{edge:.10g})" for edge in edges), "inf)"]
    return tuple(f"{low}, {high}" for low, high in zip(lows, highs, strict=True))


def bin_function(feature: Feature) -> Callable[[Value], int] | None:
    """Return the function from a value to the number of its bin; None for a feature without a reference."""
    if (reference := feature.reference) is None:
        return None
    last = len(reference.shares) - 1
    edges = reference.edges
    if feature.kind in NUMBERS:
        return lambda value: last if value is None else bisect_right(edges, value)
    places = {category: place for place, category in enumerate(reference.categories)}
    return lambda value: places.get(str(value), last)


def population_stability(expected: Sequence[float], counts: Sequence[int]) -> float:
    """Return the population stability index of counted rows against shares that sum to one.

    0 is no difference; by custom, up to 0.1 is small and above 0.25 is a shift.
    """
    total = sum(counts)
    index = 0.0
    for share, count in zip(expected, counts, strict=True):
        before, now = max(share, SMALLEST_SHARE), max(count / total, SMALLEST_SHARE)
        index += (now - before) * math.log(now / before)
    return index


class Window:
    """The bins of the last rows of one model, for each of its features that has a reference."""

    def __init__(self, features: Sequence[Feature], rows: int = WINDOW_ROWS) -> None:
        self._rows = rows
        self._binnings = {feature.name: bin_of for feature in features if (bin_of := bin_function(feature))}
        self._shares = {feature.name: feature.reference.shares for feature in features if feature.reference}
        self._last: dict[str, deque[int]] = {name: deque(maxlen=rows) for name in self._binnings}

    def add(self, rows: Sequence[Row]) -> dict[str, Counter[int]]:
        """Take in rows; returns how many of them are in which bin, for each feature."""
        found = {name: [bin_of(row[name]) for row in rows] for name, bin_of in self._binnings.items()}
        for name, numbers in found.items():
            self._last[name].extend(numbers)
        return {name: Counter(numbers) for name, numbers in found.items()}

    def stability(self) -> dict[str, float]:
        """Return the population stability index of each feature; empty until the window is full."""
        full = {name: Counter(last) for name, last in self._last.items() if len(last) == self._rows}
        return {
            name: population_stability(shares, [full[name][number] for number in range(len(shares))])
            for name, shares in self._shares.items()
            if name in full
        }
