"""Compute metrics of answers, with scikit-learn and by its names. Values in, values out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from e2i.packaging.schema import TRUE_EFFECT
from e2i_bento.card import Kind

Answers = Sequence[dict[str, Any]]
Array = np.ndarray[Any, Any]
RESAMPLES = 100
SEED = 0


def metrics_of(kind: Kind, answers: Answers, frame: Any, target: str) -> dict[str, float]:
    """Return the metrics of a model's answers. `frame` is the DataFrame of the same rows.

    Classification: accuracy, roc_auc, log_loss. Regression: r2 and two errors. Causal: ate; with a column of true
    effects also ate_error, effect_error (root of the mean square) and interval_coverage. A metric that is not defined
    for these rows, such as roc_auc with one label, is left out.
    """
    return _MEASURES[kind](_columns(kind, answers, frame, target), np.arange(len(answers)))


def noise_of(kind: Kind, answers: Answers, others: Answers, frame: Any, target: str) -> dict[str, float]:
    """Return the standard error of the difference of each metric between two models.

    Bootstrap: the rows are drawn again with replacement, the same rows for both models, so that the difficulty of the
    rows cancels out.
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
    if TRUE_EFFECT in frame.columns:
        found["truth"] = frame[TRUE_EFFECT].to_numpy(dtype=float)
    return found


def _classified(answers: Answers, truth: Array) -> dict[str, Array]:
    known = answers[0]["probabilities"]
    # A label that the model does not know has no probability.
    labels = np.array(sorted({*known, *truth.tolist()}))
    shares = np.array([[answer["probabilities"].get(label, 0.0) for label in labels] for answer in answers])
    said = np.array([answer["label"] for answer in answers])
    return {"labels": labels, "shares": shares, "said": said, "truth": truth}


def _classification(columns: dict[str, Array], rows: Array) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    labels, truth, shares = columns["labels"], columns["truth"][rows], columns["shares"][rows]
    found = {
        "accuracy": float(accuracy_score(truth, columns["said"][rows])),
        "log_loss": float(log_loss(truth, shares, labels=labels)),
    }
    if set(truth.tolist()) != set(labels.tolist()):
        return found
    # For more than two labels: the mean of one against the rest.
    score = shares[:, 1] if len(labels) == 2 else shares
    return found | {"roc_auc": float(roc_auc_score(truth, score, multi_class="ovr", labels=labels))}


def _regression(columns: dict[str, Array], rows: Array) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    truth, predicted = columns["truth"][rows], columns["predicted"][rows]
    found = {
        "mean_absolute_error": float(mean_absolute_error(truth, predicted)),
        "root_mean_squared_error": float(root_mean_squared_error(truth, predicted)),
    }
    # r2 is not defined if all rows have the same target.
    return {"r2": float(r2_score(truth, predicted)), **found} if np.ptp(truth) > 0 else found


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
