"""Describes a model that somebody else trained, from its file and its data: the short way of `e2i package`."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2i.packaging.data import read_table
from e2i.packaging.dependency_check import CODE
from e2i.packaging.describe import copy_code, describe, read_pins
from e2i.packaging.missing_texts import as_learned
from e2i.packaging.model_declaration import ModelDeclaration
from e2i.packaging.modelfile import importable, load_model
from e2i.packaging.names import check_name
from e2i_bento.card import Card


@dataclass(frozen=True, kw_only=True)
class ExternalModel:
    """The files of a model that was trained elsewhere."""

    model: Path
    data: Path
    requirements: Path
    preprocessing: Path | None = None


def describe_external(
    files: ExternalModel,
    declaration: ModelDeclaration,
    out: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Card:
    """Write the trained folder `out` and return its card. PackagingError as in describe."""
    # What costs nothing comes before what takes seconds.
    check_name(declaration.name)
    read_pins(files.requirements)
    table = read_table(files.data)
    is_csv = files.data.suffix.lower() == ".csv"
    declaration = dataclasses.replace(declaration, source=files.data, csv=files.data if is_csv else None)
    if files.preprocessing and not declaration.predictions:
        say(
            "only the model's quality shows whether the preprocessing is that of the training; "
            "--predictions with a column of recorded predictions proves it"
        )
    with tempfile.TemporaryDirectory(prefix="e2i-code-") as folder:
        copy_code(declaration.code, Path(folder))
        with importable(Path(folder, CODE)):
            preprocessing = load_model(files.preprocessing).model if files.preprocessing else None
            _report_row_count(preprocessing, len(table), say)
            model = load_model(files.model)
            return describe(
                model,
                as_learned(table, [each for each in (preprocessing, model.model) if each is not None]),
                out=out,
                requirements=files.requirements,
                preprocessing=preprocessing,
                say=say,
                **vars(declaration),
            )


def _report_row_count(preprocessing: Any, rows: int, say: Callable[[str], None]) -> None:
    """Say when the preprocessing was fitted on another number of rows, which some transformers remember."""
    seen: Any = getattr(preprocessing, "n_samples_seen_", 0)
    # One number for all columns, or, when values are missing, one for each.
    fitted = max(int(count) for count in (seen if hasattr(seen, "__len__") else [seen]))
    if fitted and fitted != rows:
        say(
            f"the preprocessing was fitted on {fitted} rows, and the data has {rows}: is it that of the training?"
        )
