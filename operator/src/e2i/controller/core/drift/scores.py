"""The drift of each feature, as the pods of a release show it in their metrics. Pure.

A bento of e2i compares its last rows with the training data, and shows the population stability index:

    e2i_input_drift_psi{feature="tenure_months",model="churn_model",version="1.2.0"} 0.31
    e2i_prediction_drift_psi{model="ltv_model",version="1.2.0"} 0.02

The second is that of predicted numbers, such as the effects of a causal model. Each pod compares the rows that it got
itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice

from e2i.api.plain_text import clean
from e2i.controller.core.exposition import LABELS, NUMBER, label_value

MOST_FEATURES = 2000
"""Features of a bento that are read. Metrics are written by whoever wrote the bento."""
LONGEST_NAME = 128
"""Bytes."""
PREDICTION = "prediction"
"""The name under which predicted numbers stand beside the features."""
Scores = Mapping[str, float]
"""The index of each feature by its name."""

_LINE = re.compile(rf"^e2i_(input|prediction)_drift_psi\{{({LABELS})\}} ({NUMBER})(?:\s|$)", re.M)
_MODEL = re.compile(r'^e2i_prediction_not_finite_total\{model="((?:[^"\\\n]|\\.)*)"', re.M)
"""There for each model of a bento from the start: its figures of drift come only with enough rows."""
_LABEL = re.compile(r'(feature|model)="((?:[^"\\\n]|\\.)*)"')


def parse_scores(text: str) -> Scores:
    """Parse an answer of /metrics; empty if the bento shows no drift, or not yet.

    Where a bento has several models, their names stand before those of the features: churn.tenure_months
    """
    found = [
        ({"feature": PREDICTION * (line[1] == PREDICTION)} | dict(_LABEL.findall(line[2])), float(line[3]))
        for line in islice(_LINE.finditer(text), MOST_FEATURES)
    ]
    models = {line[1] for line in islice(_MODEL.finditer(text), MOST_FEATURES)}
    several = len(models | {labels.get("model", "") for labels, _ in found}) > 1
    scores: dict[str, float] = {}
    for labels, score in found:
        names = [labels.get("model", "")] * several + [labels["feature"]]
        name = clean(label_value(".".join(names)), LONGEST_NAME)
        if name:
            scores[name] = max(score, scores.get(name, 0.0))
    return scores


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
