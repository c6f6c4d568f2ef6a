"""Read the project's data, convert them to the declared kinds, and split them.

An error has the column, row and value that do not fit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2i.packaging.data import read_table
from e2i.packaging.errors import PackagingError
from e2i.packaging.schema import TRUE_EFFECT, listed
from e2i.pipeline.csv_texts import keep_texts
from e2i.pipeline.errors import PipelineError, describe_error
from e2i.pipeline.project import FeatureDeclaration, Project
from e2i.pipeline.recipe import load_function

Frame = Any
"""A pandas DataFrame. pandas is imported in functions, because its import takes a second."""
BUCKETS = 10_000


def read_rows(folder: Path, project: Project, given: Path | None) -> Frame:
    """Return all rows of the file `given`, else of data.file, else from the function data.load."""
    import pandas

    file = given or (folder / project.data.file if project.data.file else None)
    if file:
        try:
            frame = read_table(file)
            is_csv = file.suffix.lower() == ".csv"
            return keep_texts(frame, file, _kinds(frame, project)) if is_csv else frame
        except PackagingError as refused:
            raise PipelineError(refused.message) from refused
    place = str(project.data.load)
    function = load_function(folder, place)
    try:
        frame = function()
    except Exception as error:
        raise PipelineError(
            f"data.load: {place} failed: {describe_error(error, folder)}. Correct it."
        ) from error
    if not isinstance(frame, pandas.DataFrame) or frame.empty:
        raise PipelineError(
            f"data.load: {place} returned {type(frame).__name__}, not a DataFrame with rows. Correct it."
        )
    return frame.rename(columns=str).reset_index(drop=True)


def _kinds(frame: Frame, project: Project) -> dict[str, str | None]:
    """Return the declared kind, or None, of each feature; also of the target if it has labels."""
    labels = [project.target] if project.type == "Classification" else []
    names = [*features_of(frame, project), *labels]
    return {name: project.declaration(name).kind for name in names if name in frame.columns}


def features_of(frame: Frame, project: Project) -> list[str]:
    """Return the declared features, or all columns except target, treatment and true effect."""
    others = {project.target, project.treatment, TRUE_EFFECT}
    return list(project.features or [name for name in frame.columns if name not in others])


def in_declared_kinds(frame: Frame, project: Project) -> Frame:
    """Return the table with its features converted to their declared kinds; PipelineError if a value does not fit."""
    features = features_of(frame, project)
    needed = [*features, project.target, *([project.treatment] if project.treatment else [])]
    if missing := [name for name in needed if name not in frame.columns]:
        known = listed(frame.columns, near=missing[0])
        raise PipelineError(
            f"The data have no column {missing[0]}; they have {known}. Correct project.yaml or the data."
        )
    if not features:
        raise PipelineError("The data have no column besides the target: there is nothing to learn from.")
    frame = frame.copy()
    for name in features:
        declared = project.declaration(name)
        frame[name] = _in_kind(frame[name], name, declared)
        _check_limits(frame[name], name, declared)
    return frame


def _in_kind(column: Any, name: str, declared: FeatureDeclaration) -> Any:
    if declared.nullable is False and column.isna().any():
        raise PipelineError(
            f"{name} has no value in row {_first(column.isna())}, and it is declared not nullable."
        )
    if declared.kind in ("number", "integer"):
        return _number(column, name, whole=declared.kind == "integer")
    if declared.kind == "boolean":
        return _boolean(column, name)
    if declared.kind in ("category", "text"):
        # A file has no quotes around the category 1. As a number it would not match the text "1" of a request.
        return column.map(str, na_action="ignore").astype(object)
    return column


def _number(column: Any, name: str, whole: bool) -> Any:
    import pandas

    numbers = pandas.to_numeric(column, errors="coerce")
    _refuse(numbers.isna() & column.notna(), column, name, "not a number")
    if not whole:
        return numbers.astype("float64")
    _refuse((numbers % 1 != 0) & numbers.notna(), column, name, "not a whole number")
    return numbers.astype("float64" if numbers.isna().any() else "int64")


_WORDS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def _boolean(column: Any, name: str) -> Any:
    found = column.map(lambda value: _WORDS.get(str(value).strip().lower()), na_action="ignore")
    _refuse(found.isna() & column.notna(), column, name, "not true or false")
    return found.astype(object) if found.isna().any() else found.astype(bool)


def _check_limits(column: Any, name: str, declared: FeatureDeclaration) -> None:
    if declared.minimum is not None:
        _refuse(column < declared.minimum, column, name, f"below the minimum {declared.minimum:g}")
    if declared.maximum is not None:
        _refuse(column > declared.maximum, column, name, f"above the maximum {declared.maximum:g}")
    if declared.categories:
        listed = ", ".join(declared.categories)
        _refuse(column.notna() & ~column.isin(declared.categories), column, name, f"none of {listed}")


def _refuse(wrong: Any, column: Any, name: str, what: str) -> None:
    if wrong.any():
        row = _first(wrong)
        raise PipelineError(
            f"{name} is {literal(column.iloc[row])} in row {row} (of {int(wrong.sum())} such rows): {what}. "
            "Correct the data, or features in project.yaml."
        )


def literal(value: Any) -> str:
    """Return a value of a table as a user would write it: 'clear', 3 and not np.int64(3)."""
    return repr(value.item() if hasattr(value, "item") else value)


def _first(wrong: Any) -> int:
    return int(wrong.to_numpy().argmax())


def split(frame: Frame, share: float) -> tuple[Frame, Frame]:
    """Return (training rows, holdout). The content of a row decides, so it does not change sides when rows are added.

    Equal rows are on the same side: no row is in both.
    """
    import pandas

    values = frame.copy()
    for name in values.select_dtypes(include=["number"]).columns:
        # One missing value changes the type of a column of integers. That must not move any row.
        values[name] = values[name].astype("float64")
    buckets = pandas.util.hash_pandas_object(values, index=False) % BUCKETS
    held = buckets < share * BUCKETS
    return frame[~held].reset_index(drop=True), frame[held].reset_index(drop=True)


def training_columns(frame: Frame, project: Project) -> Frame:
    """Return the columns for training: features, treatment and target, without the true effect of synthetic data."""
    columns = [
        *features_of(frame, project),
        *([project.treatment] if project.treatment else []),
        project.target,
    ]
    return frame[columns]


def write_table(frame: Frame, file: Path) -> None:
    """Write a table atomically; PipelineError if a column has values of different types."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    try:
        frame.to_parquet(partial, index=False)
    except Exception as error:
        raise PipelineError(
            f"The data cannot be written: {' '.join(str(error).split())[:300]}. Give each column one type of values."
        ) from error
    partial.replace(file)


def read_stored(file: Path) -> Frame:
    """Read a table of `write_table`. A missing value is NaN, never None, as in the rows of a served model."""
    import numpy
    import pandas

    frame = pandas.read_parquet(file)
    for name in frame.select_dtypes(include=["object"]).columns:
        frame[name] = frame[name].where(frame[name].notna(), numpy.nan)
    return frame
