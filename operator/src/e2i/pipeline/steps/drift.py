"""drift: compare the collected inputs with the rows that the served model was measured on; write a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from e2i.pipeline import champion
from e2i.pipeline.context import Loop, StepResult
from e2i.pipeline.drift_verdict import (
    PREDICTION,
    DriftResult,
    Shape,
    judge_drift,
    latest,
    outside_overlap,
    prediction_of,
    shapes_of,
    too_few,
)
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.evidently_report import compare
from e2i.pipeline.workspace import read_lines, write_atomically
from e2i.registry import client as registry
from e2i_bento.card import CARD_FILE, Card, read_card

MOST_ROWS = 5000
"""Number of the latest requests that are compared; older ones say nothing about today."""


def run(loop: Loop) -> StepResult:
    bento = champion.serving_name(loop)
    if bento is None:
        return StepResult("nothing serves, so nothing can have drifted", {"drifted": False}, skipped=True)
    # A bento with one model has the version of the model.
    model = f"{loop.project.name}:{bento.rpartition(':')[2]}"
    rows = latest(read_lines(loop.workspace.stream), model, MOST_ROWS)
    limits = loop.project.drift
    if len(rows) < limits.rows:
        verdict = too_few(model, len(rows), 0, limits)
        return StepResult(verdict.sentence, {"bento": bento, **verdict.to_json()})
    card, reference = _card_and_reference(loop, bento)
    report = loop.workspace.reports / f"drift-{model.partition(':')[2]}.html"
    verdict = _compare_inputs(card, model, rows, reference, report, loop)
    write_atomically(report.with_suffix(".json"), json.dumps({"bento": bento, **verdict.to_json()}, indent=1))
    word = "DRIFTED: " if verdict.drifted else ""
    outputs = {"bento": bento, **verdict.to_json(), "report": str(report)}
    return StepResult(f"{word}{verdict.sentence} Report {report}", outputs, (report,))


def _compare_inputs(
    card: Card,
    model: str,
    rows: list[dict[str, Any]],
    reference: list[dict[str, Any]],
    report: Path,
    loop: Loop,
) -> DriftResult:
    shapes: dict[str, Shape] = shapes_of(card.features)
    predictions = [prediction_of(card.type, row["answer"]) for row in rows]
    shapes[PREDICTION] = predictions[0][1]
    current = [{**row["input"], PREDICTION: said} for row, (said, _) in zip(rows, predictions, strict=True)]
    columns = compare(reference, current, shapes, report)
    overlap = card.causal.overlap if card.causal else None
    outside = outside_overlap(overlap, [row["input"] for row in rows]) if overlap else None
    return judge_drift(model, columns, len(rows), len(reference), loop.project.drift, outside)


def _card_and_reference(loop: Loop, bento: str) -> tuple[Card, list[dict[str, Any]]]:
    """Return card and reference rows of the served model, from the workspace or the registry."""
    folder = loop.workspace.release_folder(bento.rpartition(":")[2])
    if (folder / CARD_FILE).exists():
        return read_card(folder), read_lines(folder / loop.workspace.reference.name)
    tracking = registry.tracking_uri(loop.workspace.registry)
    uri = registry.uri_of_bento(tracking, loop.project.name, bento)
    if uri is None:
        raise PipelineError(
            f"{bento} serves, but neither {folder} nor the MLflow registry has the rows that it was measured on. "
            "Release it with `e2i pipeline run`, or set MLFLOW_TRACKING_URI to the registry that has it."
        )
    place = loop.workspace.root / "serving"
    trained = registry.fetch(uri, place, tracking)
    reference = registry.fetch(uri, place, tracking, registry.REFERENCE)
    return read_card(trained.folder), read_lines(reference.folder / loop.workspace.reference.name)
