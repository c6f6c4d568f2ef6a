"""Keep the texts of a CSV as they are written: 01234 is no number, and the country NA is no missing value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2i.packaging.csv_types import is_doubtful, read_texts
from e2i.pipeline.errors import PipelineError

Frame = Any
"""A pandas DataFrame."""
TEXT_KINDS = ("category", "text")


def keep_texts(frame: Frame, file: Path, kinds: Mapping[str, str | None]) -> Frame:
    """Return the table of a CSV with its columns of texts as they are written; an empty cell has no value.

    `kinds`: the declared kind of each column that is used, or None. PipelineError if a column without a kind may have
    texts that were read as something else.
    """
    texts = read_texts(file)
    frame = frame.copy()
    for name, kind in kinds.items():
        if kind in TEXT_KINDS:
            frame[name] = texts[name].where(texts[name] != "", None).astype(object)
        elif kind is None:
            _refuse_doubtful(frame[name], texts[name])
    return frame


def _refuse_doubtful(values: Any, texts: Any) -> None:
    doubtful = is_doubtful(texts, values) & (texts != "")
    if values.dtype.kind in "iuf":
        # A word for nothing among numbers is a missing number.
        doubtful &= values.notna()
    if not doubtful.any():
        return
    row = int(doubtful.to_numpy().argmax())
    value = values.iloc[row]
    read = "a missing value" if value != value else f"the number {value}"
    raise PipelineError(
        f"{texts.name} is {texts.iloc[row]!r} in row {row} of the CSV (counted from 0), and was read as {read}. "
        "Declare `kind: category` or `kind: number` for it in project.yaml, or save the data as Parquet."
    )
