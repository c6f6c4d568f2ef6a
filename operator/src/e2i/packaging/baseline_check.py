"""Compares a model on its own data with always giving the same answer, and with the predictions of its training. Pure.

A preprocessing of other data, columns in another order or swapped labels leave a model that answers, finitely and
wrongly. Nothing in the model shows it; its data does.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from e2i.packaging.errors import ErrorReason, PackagingError

SMALLEST_PROBABILITY = 1e-15
"""What a probability of zero counts as in a logarithm."""
CAUSES = (
    "Its preprocessing may be of other data, its columns in another order, or its labels swapped. Give what belongs "
    "to it, or accept it with --accept-guessing"
)
Answers = Sequence[Mapping[str, Any]]


def training_metrics(
    answers: Answers, truths: Sequence[Any], label_by_class: Mapping[str, str]
) -> dict[str, float]:
    """Return how well the answers meet the truths of the same rows; rows without a truth do not count.

    Classification: training_accuracy, training_log_loss; Regression: training_r2. Nothing when there is no truth to
    compare with, as for an effect. `words` are the labels by the classes that the data names.
    """
    known = [(answer, truth) for answer, truth in zip(answers, truths, strict=True) if truth is not None]
    if not known or "effect" in known[0][0]:
        return {}
    if "value" in known[0][0]:
        return {
            "training_r2": _r2([float(truth) for _, truth in known], [answer["value"] for answer, _ in known])
        }
    labels = [label_by_class.get(str(truth), str(truth)) for _, truth in known]
    right = sum(answer["label"] == label for (answer, _), label in zip(known, labels, strict=True))
    shares = [
        answer["probabilities"].get(label, 0.0) for (answer, _), label in zip(known, labels, strict=True)
    ]
    return {
        "training_accuracy": right / len(known),
        "training_log_loss": -sum(math.log(max(tolerance, SMALLEST_PROBABILITY)) for tolerance in shares)
        / len(known),
    }


def check_beats_baseline(
    name: str, answers: Answers, truths: Sequence[Any], label_by_class: Mapping[str, str]
) -> str:
    """Return one sentence on how good the model is; PackagingError if it is no better than saying always the same."""
    measured = training_metrics(answers, truths, label_by_class)
    if "training_r2" in measured:
        r2 = measured["training_r2"]
        if r2 <= 0:
            raise PackagingError(
                ErrorReason.WorseThanGuessing,
                f"On its own data {name} is no better than always saying the mean (r2 {r2:.3f}, and the mean has 0). "
                f"{CAUSES}.",
            )
        return f"on its own data its r2 is {r2:.3f}, and that of always saying the mean 0"
    if not measured:
        return "an effect has no truth in the data that it could be compared with"
    labels = [label_by_class.get(str(truth), str(truth)) for truth in truths if truth is not None]
    usual, count = Counter(labels).most_common(1)[0]
    usual_share, prior = count / len(labels), _entropy(labels)
    accuracy, loss = measured["training_accuracy"], measured["training_log_loss"]
    result = (
        f"{accuracy:.1%} of its own labels, and always saying {usual!r} would be right in {usual_share:.1%}"
    )
    # A model that was trained to find a rare label says it too often on purpose: then each label is found often.
    if (
        accuracy <= usual_share
        and loss >= prior
        and _macro_recall(answers, truths, label_by_class) < _halfway_recall(labels)
    ):
        raise PackagingError(
            ErrorReason.WorseThanGuessing,
            f"{name} predicts {result} (log loss {loss:.3f}, and {prior:.3f} for saying always the same). {CAUSES}.",
        )
    return f"it predicts {result}"


def check_recorded_predictions(
    name: str,
    answers: Answers,
    recorded: Sequence[tuple[int, Any]],
    label_by_class: Mapping[str, str],
    tolerance: float = 1e-6,
) -> None:
    """Raise PackagingError at the first recorded prediction that the model does not give any more, with its row.

    `recorded` has for each answer the row of the data and the label, value or effect that training had; numbers may
    differ by `share`, relative for large ones.
    """
    for answer, (row, was) in zip(answers, recorded, strict=True):
        now = answer.get("label", answer.get("value", answer.get("effect")))
        if not _same(now, was, label_by_class, tolerance):
            raise PackagingError(
                ErrorReason.PreprocessingDiffers,
                f"Row {row} of the data (counted from 0) was predicted as {was} in training, and {name} predicts "
                f"{now} now. The model or its preprocessing is another than in training: give those that made the "
                "predictions.",
            )


def _same(now: Any, was: Any, label_by_class: Mapping[str, str], tolerance: float) -> bool:
    if isinstance(now, str):
        return now == label_by_class.get(str(was), str(was))
    try:
        return math.isclose(float(now), float(was), rel_tol=tolerance, abs_tol=tolerance)
    except (TypeError, ValueError):
        return False


def _r2(truths: Sequence[float], values: Sequence[float]) -> float:
    mean = sum(truths) / len(truths)
    total = sum((truth - mean) ** 2 for truth in truths)
    rest = sum((truth - value) ** 2 for truth, value in zip(truths, values, strict=True))
    return 1 - rest / total if total else (1.0 if rest == 0 else 0.0)


def _entropy(labels: Sequence[str]) -> float:
    """Return the log loss of saying every time how frequent each label is."""
    return -sum(count / len(labels) * math.log(count / len(labels)) for count in Counter(labels).values())


def _macro_recall(answers: Answers, truths: Sequence[Any], label_by_class: Mapping[str, str]) -> float:
    """Return the share of its rows in which each label is found, averaged over the labels."""
    found: dict[str, list[bool]] = {}
    for answer, truth in zip(answers, truths, strict=True):
        if truth is not None:
            label = label_by_class.get(str(truth), str(truth))
            found.setdefault(label, []).append(answer["label"] == label)
    return sum(sum(right) / len(right) for right in found.values()) / len(found)


def _halfway_recall(labels: Sequence[str]) -> float:
    """Return the recall halfway between chance and perfection."""
    return (1 + 1 / len(set(labels))) / 2
