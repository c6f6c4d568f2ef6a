"""One model as a service holds it: loaded, checked against its golden inputs, counted; or the reasons why not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2i_bento.card import Card, Row
from e2i_bento.golden_check import check_golden
from e2i_bento.input_capture import InputCapture
from e2i_bento.metrics import ModelMetrics
from e2i_bento.predicting import Answer, ModelDamaged, Predictor, load_predictor

log = logging.getLogger("bentoml.e2i")


class NotReady(Exception):
    """The model was not loaded; says why."""


class ServedModel:
    """A model in a running service. Making one never raises: BentoML would start the worker again for ever."""

    def __init__(self, tag: str, folder: Path, card: Card, capture_share: float = 0.0) -> None:
        """`tag` is the name:version in the answers, `captured` the share of rows that is written to the log."""
        self.tag, self.card = tag, card
        self.predictor, self.problems = load_checked_predictor(folder)
        background = [] if self.predictor is None or self.problems else background_predictions(self.predictor)
        self.metrics = ModelMetrics(card, tag.partition(":")[2], background)
        self._capture = InputCapture(tag, capture_share)
        for problem in self.problems:
            log.error("%s stays unready: %s", tag, problem)

    def answers(self, rows: Sequence[Row]) -> list[Answer]:
        """Predicted, counted and captured; raises NotReady and NotFinite."""
        answers = self._loaded().answers(rows)
        self.metrics.count(rows, answers)
        self.metrics.count_captured(self._capture.write(rows, answers))
        return answers

    def explain(self, row: Row) -> dict[str, Any]:
        """Raises NotReady, NotFinite and ExplanationUnavailable."""
        return self._loaded().explain(row)

    def health(self) -> str:
        return f"not ready: {'; '.join(self.problems)}" if self.problems else "ready"

    def _loaded(self) -> Predictor:
        if self.predictor is None:
            raise NotReady(f"{self.tag} is {self.health()}")
        return self.predictor


def load_checked_predictor(folder: Path) -> tuple[Predictor | None, list[str]]:
    """Return the model in this folder, None if it cannot be loaded, and what keeps it from being ready: [] if
    nothing."""
    try:
        predictor = load_predictor(folder)
    except ModelDamaged as damaged:
        return None, [str(damaged)]
    # Whatever is raised while somebody's pickle is read must end in a sentence.
    except Exception as error:
        return None, [
            f"the model cannot be loaded: {type(error).__name__}: {error}; "
            "serve it with the packages and recipe modules it was trained with"
        ]
    return predictor, check_golden(predictor)


def background_predictions(predictor: Predictor) -> list[float]:
    """Return the predictions of a regression or causal model for its background rows."""
    if predictor.card.type == "Classification" or not predictor.background:
        return []
    name = "value" if predictor.card.type == "Regression" else "effect"
    try:
        return [answer[name] for answer in predictor.answers(predictor.background)]
    # Only the bins of a metric depend on it: no reason not to serve.
    except Exception as error:
        log.warning("%s: its background rows cannot be predicted: %s", predictor.card.name, error)
        return []
