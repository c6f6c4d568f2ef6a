"""Decide from the score of each feature whether the inputs of the served model have drifted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from e2i.api.drift_bounds import OVERLAP_BOUND
from e2i.pipeline.project import Drift
from e2i_bento.card import Feature, Kind, Overlap
from e2i_bento.overlap import propensity_score

Shape = Literal["number", "category"]

ENOUGH_FOR_DISTANCES = 500
"""Rows on the smaller side from which distances are used, not tests. With few rows distances are noise; with many
rows a test finds differences that do not matter."""
PREDICTION = "prediction"


@dataclass(frozen=True)
class Method:
    """How a column is compared. It drifted if its p-value is below, or its distance at or above, the threshold."""

    name: str
    threshold: float
    is_test: bool

    def says_drift(self, score: float) -> bool:
        return score < self.threshold if self.is_test else score >= self.threshold


def method_for(shape: Shape, reference_rows: int, rows: int) -> Method:
    """Return how to compare a column.

    number,   300 rows   -> Kolmogorov-Smirnov, p < 0.01
    number,   1000 rows  -> Wasserstein distance in standard deviations of the reference, 0.15
    category, 300 rows   -> chi squared, p < 0.01
    category, 1000 rows  -> Jensen-Shannon distance, 0.15
    """
    if min(reference_rows, rows) < ENOUGH_FOR_DISTANCES:
        return Method("ks" if shape == "number" else "chisquare", 0.01, is_test=True)
    return Method("wasserstein" if shape == "number" else "jensenshannon", 0.15, is_test=False)


@dataclass(frozen=True)
class Column:
    """Score of one compared column."""

    name: str
    method: str
    score: float
    threshold: float
    drifted: bool


@dataclass(frozen=True)
class Outside:
    """The share of rows outside of a causal model's overlap, where its effects are guesses."""

    share: float
    training: float

    @property
    def too_many(self) -> bool:
        """As the operator judges the pods."""
        return self.share - self.training > OVERLAP_BOUND

    def __str__(self) -> str:
        return (
            f"{self.share:.0%} of the requests lie outside of the overlap, {self.training:.0%} in training "
            f"(at most {OVERLAP_BOUND:.0%} more)"
        )


def outside_overlap(overlap: Overlap, inputs: Sequence[Mapping[str, Any]]) -> Outside:
    """Return how many of these inputs are like treated rows alone or untreated rows alone."""
    scores = [propensity_score(overlap.propensity, dict(row)) for row in inputs]
    outside = sum(not overlap.low <= score <= overlap.high for score in scores)
    return Outside(outside / len(scores), overlap.outside)


@dataclass(frozen=True)
class DriftResult:
    """Result for all columns. Features, and the overlap of a causal model, decide `drifted`; `prediction_drifted` is
    for information."""

    model: str
    rows: int
    reference_rows: int
    enough: bool
    drifted: bool
    share: float
    allowed: float
    columns: tuple[Column, ...]
    prediction_drifted: bool
    sentence: str
    outside: Outside | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def too_few(model: str, rows: int, reference_rows: int, limits: Drift) -> DriftResult:
    """Return the result when fewer than drift.rows requests were collected."""
    sentence = f"{rows} requests to {model} were collected: too few, drift.rows is {limits.rows}."
    return DriftResult(model, rows, reference_rows, False, False, 0.0, limits.share, (), False, sentence)


def judge_drift(
    model: str,
    columns: Sequence[Column],
    rows: int,
    reference_rows: int,
    limits: Drift,
    outside: Outside | None = None,
) -> DriftResult:
    """Return the result: drifted if the share of drifted features is at least drift.share, or if too many rows lie
    outside of the overlap."""
    features = [column for column in columns if column.name != PREDICTION]
    moved = [column.name for column in features if column.drifted]
    share = len(moved) / len(features) if features else 0.0
    drifted = share >= limits.share or (outside is not None and outside.too_many)
    prediction = any(column.drifted for column in columns if column.name == PREDICTION)
    return DriftResult(
        model=model,
        rows=rows,
        reference_rows=reference_rows,
        enough=True,
        drifted=drifted,
        share=share,
        allowed=limits.share,
        columns=tuple(columns),
        prediction_drifted=prediction,
        sentence=_sentence(moved, len(features), limits.share, rows, prediction)
        + (f" {outside}." if outside else ""),
        outside=outside,
    )


def _sentence(moved: Sequence[str], features: int, allowed: float, rows: int, prediction: bool) -> str:
    named = f" ({', '.join(moved)})" if moved else ""
    bound = f"drift.share is {allowed:g}"
    predictions = "predictions drifted too" if prediction else "predictions did not"
    return f"{len(moved)} of {features} features drifted{named} in {rows} requests; {bound}; {predictions}."


def prediction_of(kind: Kind, answer: Mapping[str, Any]) -> tuple[float | str, Shape]:
    """Return the value of an answer that is compared, and its shape.

    two labels        -> probability of the first, by name
    more labels       -> the label
    a value           -> the value; an effect -> the effect
    """
    if kind == "Classification":
        shares = answer["probabilities"]
        return (
            (float(shares[min(shares)]), "number") if len(shares) == 2 else (str(answer["label"]), "category")
        )
    return float(answer["value" if kind == "Regression" else "effect"]), "number"


def shapes_of(features: Iterable[Feature]) -> dict[str, Shape]:
    """Return how each feature is compared. Free text is not compared, because its values hardly ever repeat."""
    shapes: dict[str, Shape] = {}
    for feature in features:
        if feature.kind != "text":
            shapes[feature.name] = "number" if feature.kind in ("integer", "number") else "category"
    return shapes


def latest(rows: Iterable[dict[str, Any]], model: str, most: int) -> list[dict[str, Any]]:
    """Return the captured rows of this model, the last `most` of them by time."""
    own = [row for row in rows if row.get("model") == model]
    return sorted(own, key=lambda row: str(row.get("time", "")))[-most:]
