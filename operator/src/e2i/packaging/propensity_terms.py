"""The terms of the propensity's regression, made of the features: lines that bend, and one term for each category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2i_bento.card import Feature, FeatureWeight, Row, Value
from e2i_bento.feature_bins import NUMBERS

Numbers = np.ndarray[Any, np.dtype[np.float64]]

QUARTILES = (0.25, 0.5, 0.75)
"""Where the line of a number bends: whoever is treated in the middle alone needs it."""


@dataclass(frozen=True)
class _FeatureTerms:
    """The columns of one feature, one row each: shape (rows, columns). The last is 1 where it has no value."""

    feature: Feature
    knots: tuple[float, ...]
    columns: Numbers


@dataclass(frozen=True)
class Terms:
    """All columns, made comparable: mean 0 and deviation 1, so that the penalty treats them alike."""

    parts: tuple[_FeatureTerms, ...]
    means: Numbers
    deviations: Numbers
    standardized: Numbers

    def weights(self, coefficients: Numbers) -> tuple[float, tuple[FeatureWeight, ...]]:
        """Return a constant, and the weights of the features in their own units."""
        raw = coefficients / self.deviations
        constant, begun, weights = 0.0, 0, []
        for part in self.parts:
            width = part.columns.shape[1]
            of, means = raw[begun : begun + width], self.means[begun : begun + width]
            begun += width
            constant -= float(of @ means)
            weights.append(_weight(part, of, means))
        return constant, tuple(weights)


def feature_terms(rows: Sequence[Row], features: Sequence[Feature]) -> Terms:
    """Return the terms of all features that can be counted: of free text there are none."""
    parts = tuple(_parts(rows, features))
    empty = np.zeros((len(rows), 0))
    columns = np.hstack([empty, *(part.columns for part in parts)])
    means, deviations = columns.mean(axis=0), columns.std(axis=0)
    # A column that is the same everywhere tells nothing, and 0 / 0 less.
    deviations = np.where(deviations > 0, deviations, 1.0)
    return Terms(parts, means, deviations, (columns - means) / deviations)


def _parts(rows: Sequence[Row], features: Sequence[Feature]) -> Iterator[_FeatureTerms]:
    for feature in features:
        if feature.reference is None:
            continue
        values = [row[feature.name] for row in rows]
        absent = np.array([[float(value is None)] for value in values])
        if feature.kind in NUMBERS:
            knots, columns = _lines(values)
        else:
            knots, columns = (), _indicators(values, feature.reference.categories)
        yield _FeatureTerms(feature, knots, np.hstack([columns, absent]))


def _lines(values: Sequence[Value]) -> tuple[tuple[float, ...], Numbers]:
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    present = numbers[~np.isnan(numbers)]
    inner = {float(knot) for knot in np.quantile(present, QUARTILES)} - {present.min(), present.max()}
    knots = tuple(sorted(inner))
    columns = np.column_stack([numbers, *(np.maximum(0, numbers - knot) for knot in knots)])
    # Whoever has no value is an average one, and has the indicator beside it.
    return knots, np.where(np.isnan(columns), np.nanmean(columns, axis=0), columns)


def _indicators(values: Sequence[Value], categories: Sequence[str]) -> Numbers:
    texts = np.array([str(value) for value in values], dtype=object)
    return np.column_stack([texts == category for category in categories]).astype(float)


def _weight(part: _FeatureTerms, raw: Numbers, means: Numbers) -> FeatureWeight:
    own, absent = raw[:-1], float(raw[-1])
    average = float(own @ means[:-1])
    if part.feature.kind in NUMBERS:
        slope, *bends = (rounded(each) for each in own)
        return FeatureWeight(
            feature=part.feature.name,
            slope=slope,
            knots=part.knots,
            bends=tuple(bends),
            missing=rounded(average + absent),
        )
    categories = part.feature.reference.categories if part.feature.reference else ()
    weights = {category: rounded(each) for category, each in zip(categories, own, strict=True)}
    # A category that training never saw counts as an average one; a missing value that it saw has its own weight.
    missing = absent if means[-1] > 0 else average
    return FeatureWeight(feature=part.feature.name, categories=weights, missing=rounded(missing))


def rounded(number: float) -> float:
    """Return so many digits that the same data give the same card again."""
    return float(f"{number:.9g}")
