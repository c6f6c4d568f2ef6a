"""Metrics of a model for Prometheus: predictions by label, inputs by bin, drift of each feature.

prometheus_client is imported when the first model is loaded, not with this module: BentoML sets
PROMETHEUS_MULTIPROC_DIR after it has imported the service, and a client imported earlier counts where nobody looks.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from e2i_bento.card import Card, Feature, Reference, Row
from e2i_bento.feature_bins import Window, bin_names, intervals
from e2i_bento.input_capture import Captured
from e2i_bento.overlap import OverlapWindow

DRIFT_INTERVAL_ROWS = 50
"""Rows between two calculations of drift."""
VALUE_BINS = 10
WIDER = 2
"""Bins of values in one bin of their drift. A hundred background rows in ten bins are by chance about 0.1 away from the
next 500 rows, and of one model in a hundred more than the customary bound; in five bins, of one in thousands."""
PREDICTION = "prediction"
LEAST_BACKGROUND = 50
"""Background predictions below which their distribution is too coarse to compare others with it."""


@dataclass(frozen=True)
class _Instruments:
    predictions: Any
    values: Any
    not_finite: Any
    inputs: Any
    drift: Any
    prediction_drift: Any
    propensity_drift: Any
    outside: Any
    outside_in_training: Any
    captured: Any


@functools.cache
def _instruments() -> _Instruments:
    """Return the metrics of this process; prometheus_client refuses a second metric of the same name."""
    from prometheus_client import Counter as Total
    from prometheus_client import Gauge

    model = ("model", "version")
    # Each worker has a window of its own; the newest figure is as good as any other.
    newest = functools.partial(Gauge, multiprocess_mode="mostrecent")
    return _Instruments(
        predictions=Total("bentoml_model_predict", "Rows predicted, by label.", (*model, "label")),
        values=Total(
            "e2i_prediction_values", "Rows predicted, by bin of the predicted number.", (*model, "bin")
        ),
        not_finite=Total(
            "e2i_prediction_not_finite", "Requests refused because the model gave NaN or an infinity.", model
        ),
        inputs=Total(
            "e2i_input_values", "Values of a feature, by bin of its reference.", (*model, "feature", "bin")
        ),
        drift=newest(
            "e2i_input_drift_psi",
            "Population stability index of a feature over the last rows against the training data.",
            (*model, "feature"),
        ),
        prediction_drift=newest(
            "e2i_prediction_drift_psi",
            "The same for the last predicted numbers (values, effects) against those for the background rows.",
            model,
        ),
        propensity_drift=newest(
            "e2i_propensity_drift_psi",
            "The same for the chances of being treated, which the features of the last rows give.",
            model,
        ),
        outside=newest(
            "e2i_overlap_outside_ratio",
            "Share of the last rows that are not like both treated and untreated rows of the training data.",
            model,
        ),
        outside_in_training=newest(
            "e2i_overlap_outside_training_ratio",
            "The same share of the training data.",
            model,
        ),
        captured=Total(
            "e2i_captured_rows",
            "Rows chosen to be captured: written to the log, or lost because it took no lines.",
            (*model, "result"),
        ),
    )


class ModelMetrics:
    """Counts for one model. Not safe for several threads: the service counts in the one that predicts."""

    def __init__(self, card: Card, version: str, background_values: Sequence[float] = ()) -> None:
        """`background_values` are the model's predictions for its background rows: they give the bins of values."""
        self._model, instruments = (card.name, version), _instruments()
        self._window = Window(card.features)
        self._since_drift = 0
        self._edges = value_edges(background_values)
        self._instruments = instruments
        self._predicted = Window(_as_feature(background_values, self._edges))
        self._inputs = {
            feature.name: [
                instruments.inputs.labels(*self._model, feature.name, name)
                for name in bin_names(feature.reference, feature.kind)
            ]
            for feature in card.features
            if feature.reference
        }
        self._labels = {
            label: instruments.predictions.labels(*self._model, label) for label in card.labels or ("",)
        }
        numbers = () if card.type == "Classification" else intervals(self._edges)
        self._values = [instruments.values.labels(*self._model, name) for name in numbers]
        self._not_finite = instruments.not_finite.labels(*self._model)
        overlap = card.causal.overlap if card.causal else None
        self._overlap = OverlapWindow(overlap) if overlap else None
        if overlap:
            instruments.outside_in_training.labels(*self._model).set(overlap.outside)
        self._written, self._lost = (
            instruments.captured.labels(*self._model, result) for result in ("written", "lost")
        )

    def count(self, rows: Sequence[Row], answers: Sequence[dict[str, Any]]) -> None:
        """Count rows and their answers."""
        for label, number in Counter(answer.get("label", "") for answer in answers).items():
            self._labels[label].inc(number)
        values = [
            value for answer in answers if (value := answer.get("value", answer.get("effect"))) is not None
        ]
        for place, number in Counter(bisect_right(self._edges, value) for value in values).items():
            self._values[place].inc(number)
        self._predicted.add([{PREDICTION: value} for value in values])
        for feature, bins in self._window.add(rows).items():
            for place, number in bins.items():
                self._inputs[feature][place].inc(number)
        if self._overlap:
            self._overlap.add(rows)
        self._update_drift(len(rows))

    def count_not_finite(self) -> None:
        """Count a request that was refused for a row whose prediction is not finite."""
        self._not_finite.inc()

    def count_captured(self, captured: Captured) -> None:
        """Count rows that were chosen to be captured."""
        self._written.inc(captured.written)
        self._lost.inc(captured.lost)

    def _update_drift(self, rows: int) -> None:
        self._since_drift += rows
        if self._since_drift < DRIFT_INTERVAL_ROWS:
            return
        self._since_drift = 0
        told = self._instruments
        for feature, index in self._window.stability().items():
            told.drift.labels(*self._model, feature).set(index)
        for index in self._predicted.stability().values():
            told.prediction_drift.labels(*self._model).set(index)
        if self._overlap and (outside := self._overlap.outside()) is not None:
            told.outside.labels(*self._model).set(outside)
            told.propensity_drift.labels(*self._model).set(self._overlap.stability())


def _as_feature(background_values: Sequence[float], edges: Sequence[float]) -> tuple[Feature, ...]:
    """Return the predicted number as a feature whose training data are the background predictions."""
    if len(background_values) < LEAST_BACKGROUND:
        return ()
    edges = edges[WIDER - 1 :: WIDER]
    counts = Counter(bisect_right(edges, value) for value in background_values)
    shares = [counts[place] / len(background_values) for place in range(len(edges) + 1)]
    reference = Reference(edges=tuple(edges), shares=(*shares, 0.0))
    return (Feature(name=PREDICTION, kind="number", reference=reference),)


def value_edges(background_values: Sequence[float]) -> tuple[float, ...]:
    """Return the inner bounds of VALUE_BINS bins that hold about as many of the usual numbers each; () without any."""
    ordered = sorted(background_values)
    places = (len(ordered) * part // VALUE_BINS for part in range(1, VALUE_BINS))
    return tuple(sorted({ordered[place] for place in places})) if ordered else ()
