"""Describes a model that somebody else trained, from its file and its data: the short way of `e2i package`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from e2i.packaging.data import read_table
from e2i.packaging.dependency_check import CODE
from e2i.packaging.describe import copy_code, describe, read_pins
from e2i.packaging.inference import RowFormat
from e2i.packaging.modelfile import importable, load_model
from e2i.packaging.names import check_name
from e2i_bento.card import Card, Kind


def describe_model_file(
    name: str,
    out: Path,
    *,
    model: Path,
    data: Path,
    target: str,
    kind: Kind,
    requirements: Path,
    treatment: str | None = None,
    features: str | None = None,
    labels: str | None = None,
    preprocessing: Path | None = None,
    code: Sequence[Path] = (),
    rows_as: RowFormat | None = None,
    confidence: float | None = None,
    description: str | None = None,
    synthetic: bool = False,
    predictions: str | None = None,
    accept_guessing: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Card:
    """Write the trained folder `out` and return its card; lists are words with commas. Refused as in describe."""
    # What costs nothing comes before what takes seconds.
    check_name(name)
    read_pins(requirements)
    table = read_table(data)
    if preprocessing and not predictions:
        say(
            "whether the preprocessing is that of the training can only be seen from how good the model is; "
            "--predictions with a column of what training predicted proves it"
        )
    with tempfile.TemporaryDirectory(prefix="e2i-code-") as folder:
        copy_code(code, Path(folder))
        with importable(Path(folder, CODE)):
            before = load_model(preprocessing).model if preprocessing else None
            _report_row_count(before, len(table), say)
            return describe(
                load_model(model),
                table,
                name=name,
                kind=kind,
                target=target,
                out=out,
                requirements=requirements,
                model_file=model,
                preprocessing=before,
                treatment=treatment,
                features=_names(features) or None,
                labels=_names(labels),
                code=code,
                rows_as=rows_as,
                confidence=confidence or 0.9,
                description=description or "",
                synthetic=synthetic,
                source=data,
                predictions=predictions,
                accept_guessing=accept_guessing,
                say=say,
            )


def _report_row_count(preprocessing: Any, rows: int, say: Callable[[str], None]) -> None:
    """Some transformers remember how many rows they were fitted on: other data shows."""
    seen = getattr(preprocessing, "n_samples_seen_", None)
    # One number for all columns, or, when values are missing, one for each.
    fitted = (
        {int(count) for count in (seen if hasattr(seen, "__len__") else [seen])}
        if seen is not None
        else set()
    )
    if fitted and max(fitted) != rows:
        say(
            f"the preprocessing was fitted on {max(fitted)} rows, and the data has {rows}: is it that of the training?"
        )


def _names(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]
