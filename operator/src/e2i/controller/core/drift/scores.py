"""The drift of each feature, as the pods of a release show it in their metrics. Pure.

A bento of e2i compares its last rows with the training data, and shows the population stability index:

    e2i_input_drift_psi{feature="tenure_months",model="churn_model",version="1.2.0"} 0.31
    e2i_prediction_drift_psi{model="ltv_model",version="1.2.0"} 0.02
    e2i_propensity_drift_psi{model="cate_model",version="1.2.0"} 0.05
    e2i_overlap_outside_ratio{model="cate_model",version="1.2.0"} 0.43
    e2i_overlap_outside_training_ratio{model="cate_model",version="1.2.0"} 0.02

The second is that of predicted numbers, such as the effects of a causal model; the third that of the chances of being
treated. The last two are shares of rows that are like treated rows alone or untreated ones alone: what counts is how
much larger the share is than in training. Each pod compares the rows that it got itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from e2i.api.drift_bounds import OVERLAP
from e2i.api.plain_text import clean
from e2i.controller.core.exposition import LABELS, NUMBER, label_value

MOST_FEATURES = 2000
"""Features of a bento that are read. Metrics are written by whoever wrote the bento."""
LONGEST_NAME = 128
"""Bytes."""
PREDICTION = "prediction"
"""The name under which predicted numbers stand beside the features."""
PROPENSITY = "propensity"
"""The name of the chance of being treated."""
Scores = Mapping[str, float]
"""The index of each feature by its name."""

_LINE = re.compile(
    rf"^e2i_(input_drift_psi|prediction_drift_psi|propensity_drift_psi|overlap_outside_ratio)"
    rf"\{{({LABELS})\}} ({NUMBER})(?:\s|$)",
    re.M,
)
_IN_TRAINING = re.compile(rf"^e2i_overlap_outside_training_ratio\{{({LABELS})\}} ({NUMBER})(?:\s|$)", re.M)
_NAMED = {
    "prediction_drift_psi": PREDICTION,
    "propensity_drift_psi": PROPENSITY,
    "overlap_outside_ratio": OVERLAP,
}
"""The figures of a whole model, by the name under which each stands beside the features."""
_OF_A_FEATURE = " (feature)"
"""Follows the name of a feature that is named as one of these figures is."""
_MODEL = re.compile(r'^e2i_prediction_not_finite_total\{model="((?:[^"\\\n]|\\.)*)"', re.M)
"""There for each model of a bento from the start: its figures of drift come only with enough rows."""
_LABEL = re.compile(r'(feature|model)="((?:[^"\\\n]|\\.)*)"')


def parse_scores(text: str) -> Scores:
    """Parse an answer of /metrics; empty if the bento shows no drift, or not yet.

    Where a bento has several models, their names stand before those of the features: churn.tenure_months
    """
    found = [_figure(*line.groups()) for line in islice(_LINE.finditer(text), MOST_FEATURES)]
    in_training = {
        dict(_LABEL.findall(line[1])).get("model", ""): float(line[2])
        for line in islice(_IN_TRAINING.finditer(text), MOST_FEATURES)
    }
    models = {line[1] for line in islice(_MODEL.finditer(text), MOST_FEATURES)}
    several = len(models | {figure.model for figure in found}) > 1
    scores: dict[str, float] = {}
    for figure in found:
        score = figure.score
        if figure.of_overlap:
            score = max(0.0, score - in_training.get(figure.model, 0.0))
        name = clean(label_value(_shown_name(figure, several)), LONGEST_NAME)
        if name:
            scores[name] = max(score, scores.get(name, 0.0))
    return scores


class _Figure(NamedTuple):
    model: str
    feature: str
    score: float
    of_model: bool
    """Whether it is of a whole model, and not of a feature of it."""

    @property
    def of_overlap(self) -> bool:
        return self.of_model and self.feature == OVERLAP


def _shown_name(figure: _Figure, several: bool) -> str:
    """Return the name in the status. No column of the data can take that of a figure of ours, or its bound."""
    name = ".".join([figure.model] * several + [figure.feature])
    mistakable = not figure.of_model and name.rpartition(".")[2] in _NAMED.values()
    return f"{name}{_OF_A_FEATURE}" if mistakable else name


def _figure(metric: str, labels: str, score: str) -> _Figure:
    of = dict(_LABEL.findall(labels))
    feature = _NAMED.get(metric) or of.get("feature", "")
    return _Figure(of.get("model", ""), feature, float(score), metric in _NAMED)


def mean(pods: Iterable[Scores]) -> Scores:
    """Return the mean of each feature over the pods that show it.

    It is never below the index of all rows together, so that pods cannot hide a shift from each other. The largest
    would be that of a pod which got no rows any more.
    """
    of: defaultdict[str, list[float]] = defaultdict(list)
    for scores in pods:
        for name, score in scores.items():
            of[name].append(score)
    return {name: sum(each) / len(each) for name, each in of.items()}
