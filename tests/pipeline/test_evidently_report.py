"""Drift between real tables, measured with Evidently."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from e2i.pipeline.drift_verdict import Shape, judge_drift
from e2i.pipeline.evidently_report import compare
from e2i.pipeline.project import Drift

SHAPES: dict[str, Shape] = {"age": "number", "city": "category", "member": "category", "prediction": "number"}


def people(count: int, seed: int, older: float = 0.0, missing: float = 0.0) -> list[dict[str, Any]]:
    chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return [
        {
            "age": chance.gauss(40 + older, 10),
            "city": None if chance.random() < missing else chance.choice(["a", "b", "c"]),
            "member": chance.random() < 0.5,
            "prediction": chance.random(),
        }
        for _ in range(count)
    ]


def drifted(current: list[dict[str, Any]], html: Path, reference: int = 600) -> list[str]:
    columns = compare(people(reference, 1), current, SHAPES, html)
    assert [column.name for column in columns] == list(SHAPES)
    return [column.name for column in columns if column.drifted]


def test_the_same_population_does_not_drift_with_few_rows_nor_with_many(tmp_path: Path) -> None:
    assert drifted(people(250, 2), tmp_path / "few.html") == []
    assert drifted(people(900, 3), tmp_path / "many.html") == []


def test_what_moved_drifts_with_few_rows_and_with_many(tmp_path: Path) -> None:
    assert drifted(people(250, 4, older=6, missing=0.3), tmp_path / "few.html") == ["age", "city"]
    assert drifted(people(900, 5, older=6, missing=0.3), tmp_path / "many.html") == ["age", "city"]


def test_the_report_has_plots_and_the_verdict_follows(tmp_path: Path) -> None:
    html = tmp_path / "reports" / "drift.html"
    columns = compare(people(300, 1), people(300, 6, older=20), SHAPES, html)
    assert "plotly" in html.read_text().lower()
    verdict = judge_drift("m:1", columns, 300, 300, Drift(share=0.3))
    assert verdict.drifted
    assert "1 of 3 features drifted (age)" in verdict.sentence
