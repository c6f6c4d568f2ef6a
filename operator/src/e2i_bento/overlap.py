"""Tells which inputs of a causal model lie outside of its overlap: where training saw only treated, or only untreated.

The treatment of a request is not known, and need not be: the chance of being treated depends on the features alone. It
was fitted in training, where the treatment was known, and travels in the card.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from e2i_bento.card import Feature, FeatureWeight, Overlap, Propensity, Row, Value
from e2i_bento.feature_bins import WINDOW_ROWS, Window

PROPENSITY = "propensity"
_LARGEST_LOG_ODDS = 500.0
"""math.exp has no number for more than about 700."""


def propensity_score(propensity: Propensity, row: Row) -> float:
    """Return the chance that a row like this one was treated, 0 to 1."""
    log_odds = propensity.intercept + sum(
        _added(weight, row[weight.feature]) for weight in propensity.weights
    )
    return 1 / (1 + math.exp(-max(-_LARGEST_LOG_ODDS, min(_LARGEST_LOG_ODDS, log_odds))))


def _added(weight: FeatureWeight, value: Value) -> float:
    if value is None:
        return weight.missing
    if weight.categories or isinstance(value, str):
        return weight.categories.get(str(value), weight.missing)
    bends = zip(weight.knots, weight.bends, strict=True)
    return weight.slope * value + sum(bend * max(0.0, value - knot) for knot, bend in bends)


class OverlapWindow:
    """The scores of the last rows."""

    def __init__(self, overlap: Overlap) -> None:
        self._overlap = overlap
        self._outside: deque[bool] = deque(maxlen=WINDOW_ROWS)
        self._scores = Window([Feature(name=PROPENSITY, kind="number", reference=overlap.reference)])

    def add(self, rows: Sequence[Row]) -> None:
        """Take in rows."""
        overlap = self._overlap
        scores = [propensity_score(overlap.propensity, row) for row in rows]
        self._outside.extend(not overlap.low <= score <= overlap.high for score in scores)
        self._scores.add([{PROPENSITY: score} for score in scores])

    def outside(self) -> float | None:
        """Return the share of the last rows outside of the overlap; None until the window is full."""
        return sum(self._outside) / WINDOW_ROWS if len(self._outside) == WINDOW_ROWS else None

    def stability(self) -> float | None:
        """Return the population stability index of the scores against those of training; None as above."""
        return self._scores.stability().get(PROPENSITY)
