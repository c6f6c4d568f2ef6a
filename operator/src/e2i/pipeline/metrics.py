"""How good answers are, by the names that scikit-learn gives its metrics. Values in, values out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from e2i.packaging.schema import TRUTH
from e2i_bento.card import Kind

Answers = Sequence[dict[str, Any]]
Array = np.ndarray[Any, Any]
RESAMPLES = 100
SEED = 0


def metrics_of(kind: Kind, answers: Answers, frame: Any, target: str) -> dict[str, float]:
    """Classification: accuracy, roc_auc, log_loss. Regression: r2 and two errors. Causal: ate, and against a known
    truth ate_error, effect_error (root of the mean square) and interval_coverage.

    `frame` is the DataFrame of the same rows. A metric that has no meaning there, such as roc_auc of one label, is
    left out.
    """
    return _MEASURES[kind](_columns(kind, answers, frame, target), np.arange(len(answers)))


def noise_of(kind: Kind, answers: Answers, others: Answers, frame: Any, target: str) -> dict[str, float]:
    """The standard error of the difference of each metric between two models that answered the same rows.

    By drawing the rows again, with replacement; the same rows for both models, so that easy and hard ones cancel.
    """
    one, other = (_columns(kind, given, frame, target) for given in (answers, others))
    random = np.random.default_rng(SEED)
    differences: dict[str, list[float]] = {}
    for _ in range(RESAMPLES):
        drawn = random.integers(0, len(answers), len(answers))
        there = _MEASURES[kind](other, drawn)
        for name, value in _MEASURES[kind](one, drawn).items():
            if name in there:
                differences.setdefault(name, []).append(value - there[name])
    return {name: float(np.std(values)) for name, values in differences.items() if len(values) > 1}


def _columns(kind: Kind, answers: Answers, frame: Any, target: str) -> dict[str, Array]:
    if kind == "Classification":
        return _classified(answers, np.array([str(value) for value in frame[target]]))
    if kind == "Regression":
        predicted = np.array([answer["value"] for answer in answers], dtype=float)
        return {"predicted": predicted, "truth": frame[target].to_numpy(dtype=float)}
    found = {name: np.array([a[name] for a in answers], dtype=float) for name in ("effect", "lower", "upper")}
    if TRUTH in frame.columns:
        found["truth"] = frame[TRUTH].to_numpy(dtype=float)
    return found


def _classified(answers: Answers, truth: Array) -> dict[str, Array]:
    labels = np.array(sorted(answers[0]["probabilities"]))
    shares = np.array([[answer["probabilities"][label] for label in labels] for answer in answers])
    said = np.array([answer["label"] for answer in answers])
    # A label that the model has never seen has no column: it gave it no probability.
    right = np.where(truth[:, None] == labels[None, :], shares, 0.0).sum(axis=1)
    return {"labels": labels, "shares": shares, "said": said, "truth": truth, "right": right}


def _classification(columns: dict[str, Array], rows: Array) -> dict[str, float]:
    truth, shares = columns["truth"][rows], columns["shares"][rows]
    found = {
        "accuracy": float((columns["said"][rows] == truth).mean()),
        "log_loss": float(-np.log(np.clip(columns["right"][rows], 1e-15, None)).mean()),
    }
    labels = columns["labels"]
    areas = [
        area
        for place, label in enumerate(labels)
        if (area := _area(truth == label, shares[:, place])) is not None
    ]
    # Of two labels both areas are the same; of more their mean is roc_auc, one against the rest.
    return found | ({"roc_auc": float(np.mean(areas))} if len(areas) == len(labels) else {})


def _area(positive: Array, score: Array) -> float | None:
    """The area under the ROC curve, by ranks; None when all rows are of one side."""
    n = int(positive.sum())
    if n in (0, len(positive)):
        return None
    _, places, counts = np.unique(score, return_inverse=True, return_counts=True)
    # Equal scores share the mean of their ranks.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def _regression(columns: dict[str, Array], rows: Array) -> dict[str, float]:
    truth, error = columns["truth"][rows], (columns["predicted"] - columns["truth"])[rows]
    found = {
        "mean_absolute_error": float(np.abs(error).mean()),
        "root_mean_squared_error": float(np.sqrt((error**2).mean())),
    }
    spread = float(((truth - truth.mean()) ** 2).sum())
    return {"r2": 1 - float((error**2).sum()) / spread, **found} if spread > 0 else found


def _causal(columns: dict[str, Array], rows: Array) -> dict[str, float]:
    effect = columns["effect"][rows]
    found = {"ate": float(effect.mean())}
    if "truth" not in columns:
        return found
    truth, lower, upper = (columns[name][rows] for name in ("truth", "lower", "upper"))
    return found | {
        "ate_error": float(abs(effect.mean() - truth.mean())),
        "effect_error": float(np.sqrt(((effect - truth) ** 2).mean())),
        "interval_coverage": float(((lower <= truth) & (truth <= upper)).mean()),
    }


_MEASURES: dict[Kind, Callable[[dict[str, Array], Array], dict[str, float]]] = {
    "Classification": _classification,
    "Regression": _regression,
    "Causal": _causal,
}
