"""A model and its card: rows in, answers out.

    predictor = load_predictor(Path("trained"))
    predictor.answers([{"tenure_months": 3, ...}])  ->  [{"label": "leaves", "probabilities": {...}}]

Nothing here knows of BentoML or HTTP: it is the same in training, in packaging, in the service and in a notebook.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2i_bento.card import BACKGROUND_FILE, Card, Row, read_card
from e2i_bento.model_input import Column, columns_from_rows, table_from_columns, table_from_rows

Answer = dict[str, Any]


class ModelDamaged(Exception):
    """The model's file is not the one that its card speaks of."""


class NotFinite(Exception):
    """The model predicted NaN or an infinity, which no caller may get as if it were a number."""

    def __init__(self, row: int, field: str, value: float) -> None:
        self.row, self.field, self.value = row, field, value
        super().__init__(
            f"row {row}: the model's {field} is {value}, not a finite number; "
            "look for values of this row that are far from all it was trained with"
        )


class Predictor:
    """A loaded model with its card. May be called from several threads, as far as the model itself may."""

    def __init__(self, card: Card, model: Any, background: Sequence[Row] = ()) -> None:
        self.card, self.model, self.background = card, model, tuple(background)
        self._outputs: Callable[[Any], list[Answer]] = _READERS[card.type](card, model)

    def table(self, rows: Sequence[Row]) -> Any:
        """Return the model's input for these rows: DataFrame, list of dicts or matrix (rows_as of the card)."""
        return table_from_rows(self.card, rows)

    def answers(self, rows: Sequence[Row]) -> list[Answer]:
        """Return one answer for each row, in their order; raises NotFinite."""
        return require_finite(self._outputs(self.table(rows)))

    def explain(self, row: Row) -> Answer:
        """Return what each feature adds to this row's prediction. Raises NotFinite, and ExplanationUnavailable with the
        reason."""
        from e2i_bento.shapley import explanation

        number = _EXPLAINED_NUMBERS[self.card.type](self.card, self.model)
        answer = self.answers([row])[0]
        field = explained_field(self.card, answer)
        columns = columns_from_rows(self.card, [row, *self.background])
        parts = explanation(columns, lambda mixed: number(table_from_columns(self.card, mixed), field[-1]))
        return require_finite([{"explained": describe_field(self.card, field), **parts}])[0]


def load_predictor(folder: Path) -> Predictor:
    """Return the model in this folder, with its card; raises ModelDamaged before anything of the file is executed.

    The modules that a pickled model refers to must be importable.
    """
    card = read_card(folder)
    file = folder / card.model.name
    if not file.is_file():
        raise ModelDamaged(
            f"{card.name}: {card.model.name} is not in the model's folder; package the model again"
        )
    found = _digest(file)
    if found != card.model.digest:
        raise ModelDamaged(
            f"{card.name}: {card.model.name} has the digest {found}, its card says {card.model.digest}; "
            "the file was changed or copied incompletely: package the model again"
        )
    background = folder / BACKGROUND_FILE
    rows = json.loads(background.read_bytes()) if background.exists() else []
    return Predictor(card, _LOADERS[card.model.format](file), rows)


def require_finite(answers: list[Answer]) -> list[Answer]:
    """Return the same answers; raises NotFinite for the first number that is not finite."""
    for row, answer in enumerate(answers):
        for name, value in answer.items():
            inner = value.items() if isinstance(value, dict) else ((None, value),)
            for key, number in inner:
                if isinstance(number, float) and not math.isfinite(number):
                    raise NotFinite(row, name if key is None else f"{name}.{key}", number)
    return answers


def decision_for(card: Card, probabilities: dict[str, float]) -> str | None:
    """Return the decision for these probabilities: the first band that the probability of the label is below."""
    if card.decisions is None:
        return None
    chance = probabilities[card.decisions.label]
    return next((band.decision for band in card.decisions.bands if chance < band.below), None)


def explained_field(card: Card, answer: Answer) -> tuple[str, ...]:
    """Return where in an answer the explained number is; of the labels, the one that is decided by or was predicted."""
    if card.type == "Classification":
        return ("probabilities", card.decisions.label if card.decisions else answer["label"])
    return ("value",) if card.type == "Regression" else ("effect",)


def describe_field(card: Card, field: tuple[str, ...]) -> str:
    if card.causal is not None and card.type == "Causal":
        return f"effect of {card.causal.treatment} on {card.causal.outcome}"
    return f"probability of {field[1]}" if field[0] == "probabilities" else field[0]


def _classification(card: Card, model: Any) -> Callable[[Any], list[Answer]]:
    def answer(probabilities: Sequence[float]) -> Answer:
        by_label = dict(zip(card.labels, probabilities, strict=True))
        answer_: Answer = {"label": max(by_label, key=by_label.__getitem__), "probabilities": by_label}
        decision = decision_for(card, by_label)
        return answer_ if decision is None else {**answer_, "decision": decision}

    return lambda table: [
        answer(row) for row in np.asarray(model.predict_proba(table), dtype=np.float64).tolist()
    ]


def _regression(_: Card, model: Any) -> Callable[[Any], list[Answer]]:
    return lambda table: [{"value": value} for value in _one_each(model.predict(table))]


def _causal(card: Card, model: Any) -> Callable[[Any], list[Answer]]:
    confidence = card.causal.confidence if card.causal else 0.9

    def outputs(table: Any) -> list[Answer]:
        low, high = model.effect_interval(table, alpha=1 - confidence)
        numbers = zip(_one_each(model.effect(table)), _one_each(low), _one_each(high), strict=True)
        return [
            {"effect": effect, "lower": lower, "upper": upper, "confidence": confidence}
            for effect, lower, upper in numbers
        ]

    return outputs


def _one_each(numbers: Any) -> list[float]:
    """Return one float for each row of an array of shape (rows,) or (rows, 1)."""
    return np.asarray(numbers, dtype=np.float64).reshape(-1).tolist()


def _probability_of(card: Card, model: Any) -> Callable[[Any, str], Column]:
    return lambda table, label: np.asarray(model.predict_proba(table), dtype=np.float64)[
        :, card.labels.index(label)
    ]


def _value(_: Card, model: Any) -> Callable[[Any, str], Column]:
    return lambda table, _: np.array(_one_each(model.predict(table)))


def _effect(_: Card, model: Any) -> Callable[[Any, str], Column]:
    # Without the interval, which takes most of the time and is not explained.
    return lambda table, _: np.array(_one_each(model.effect(table)))


_READERS = {"Classification": _classification, "Regression": _regression, "Causal": _causal}
_EXPLAINED_NUMBERS = {"Classification": _probability_of, "Regression": _value, "Causal": _effect}
"""The one number of each row that is explained, shape (rows,)."""


class _Booster:
    """An xgboost Booster that is asked like a scikit-learn model. It takes a matrix in the order of the features."""

    def __init__(self, file: Path) -> None:
        self._xgboost = importlib.import_module("xgboost")
        self._booster = self._xgboost.Booster(model_file=file)

    def predict(self, table: Any) -> Column:
        matrix = np.asarray(table, dtype=np.float64)
        names = self._booster.feature_names
        predicted: Column = self._booster.predict(self._xgboost.DMatrix(matrix, feature_names=names))
        return predicted

    def predict_proba(self, table: Any) -> Column:
        predicted = self.predict(table).astype(np.float64)
        # A binary objective predicts the second label only, shape (rows,).
        return predicted if predicted.ndim == 2 else np.column_stack([1 - predicted, predicted])


def _load_joblib(file: Path) -> Any:
    return importlib.import_module("joblib").load(file)


_LOADERS: dict[str, Callable[[Path], Any]] = {"joblib": _load_joblib, "xgboost": _Booster}


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
