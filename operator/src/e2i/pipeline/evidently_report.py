"""Compares tables with Evidently. The only module that imports it, and only when it is used: it takes 10 s."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2i.pipeline.drift_verdict import Column, Method, Shape, method_for
from e2i.pipeline.errors import PipelineError


def compare(
    reference: Sequence[Mapping[str, Any]],
    current: Sequence[Mapping[str, Any]],
    shapes: Mapping[str, Shape],
    html: Path,
) -> list[Column]:
    """One Column for each name in `shapes`, and a report with plots in `html`."""
    methods = {name: method_for(shape, len(reference), len(current)) for name, shape in shapes.items()}
    # Evidently tells its makers of each use unless this is set.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        # They speak of Evidently's own parts and of single bins.
        warnings.simplefilter("ignore")
        snapshot = _snapshot(_frame(reference, shapes), _frame(current, shapes), shapes, methods)
        html.parent.mkdir(parents=True, exist_ok=True)
        snapshot.save_html(str(html))
        scores = {item["config"]["column"]: float(item["value"]) for item in snapshot.dict()["metrics"]}
    return [
        Column(name, how.name, scores[name], how.threshold, how.says_drift(scores[name]))
        for name, how in methods.items()
    ]


def _snapshot(
    reference: Any, current: Any, shapes: Mapping[str, Shape], methods: Mapping[str, Method]
) -> Any:
    try:
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift
    except ModuleNotFoundError as error:
        raise PipelineError(
            f"The package {error.name} is missing: install e2i-operator[pipeline]."
        ) from error
    definition = DataDefinition(
        numerical_columns=[name for name, shape in shapes.items() if shape == "number"],
        categorical_columns=[name for name, shape in shapes.items() if shape == "category"],
    )
    report = Report(
        [ValueDrift(column=name, method=how.name, threshold=how.threshold) for name, how in methods.items()]
    )
    return report.run(
        *(Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference))
    )


def _frame(rows: Sequence[Mapping[str, Any]], shapes: Mapping[str, Shape]) -> Any:
    import pandas

    columns = {}
    for name, shape in shapes.items():
        values = [row.get(name) for row in rows]
        if shape == "number":
            columns[name] = pandas.Series(values, dtype="float64")
        else:
            # A missing value is a value of its own: that more of them come is drift too.
            columns[name] = pandas.Series(["missing" if value is None else str(value) for value in values])
    return pandas.DataFrame(columns)
