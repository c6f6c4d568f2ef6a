"""Compare tables with Evidently. Only this module imports it, and only on use, because the import takes 10 s."""

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
    """Return a Column for each name in `shapes`, and write a report with plots to `html`."""
    methods = {name: method_for(shape, len(reference), len(current)) for name, shape in shapes.items()}
    # Otherwise Evidently sends usage data to its makers.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        # Evidently warns about its own internals and about single bins.
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
            # Missing is a category of its own, because a change in the share of missing values is drift too.
            columns[name] = pandas.Series(["missing" if value is None else str(value) for value in values])
    return pandas.DataFrame(columns)
