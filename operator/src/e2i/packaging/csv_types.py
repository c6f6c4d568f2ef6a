"""Finds values of a CSV that pandas reads as something else than the model learned.

A CSV has no types: 01234 is read as the number 1234, the country NA as a missing value, the category 1 as a number.
A model that was trained on the texts answers such rows wrongly, and nothing fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.inference import OriginalModel, RowFormat, answers_in_training, as_table
from e2i.packaging.known_categories import known_categories
from e2i.packaging.text_files import encoding_of

if TYPE_CHECKING:
    from pandas import DataFrame, Series

ROWS_ASKED = 50
_ZEROS = r"[+-]?0\d"
_LONG = r"[+-]?\d{16,}"
"""Whole numbers that a float may not keep to the last digit."""
NEXT_STEP = (
    "Save the data as Parquet or JSON lines, which keep texts as texts, and give that file with --data"
)


@dataclass(frozen=True)
class ChangedValue:
    """A cell of the CSV that was read as something else: its row, its text, and the value in the table."""

    row: int
    text: str
    value: Any


ChangedValues = Mapping[str, Sequence[ChangedValue]]
"""The changed cells of each column."""


def read_texts(file: Path) -> DataFrame:
    """Return the cells of the CSV as they are written."""
    import pandas

    with file.open("rb") as stream:
        encoding = encoding_of(stream.read(4))
    return pandas.read_csv(file, dtype=str, keep_default_na=False, encoding=encoding).rename(columns=str)


def check_learned_texts(
    texts: DataFrame, data: DataFrame, model: Any, columns: Sequence[str]
) -> dict[str, list[ChangedValue]]:
    """PackagingError if a cell was read as no text and its text is a category that the model learned.

    Returns the doubtful cells of the columns of which the model does not show what it learned: it must be asked.
    """
    known = known_categories(model, columns)
    doubtful: dict[str, list[ChangedValue]] = {}
    for name in columns:
        categories = {value for value in known.get(name, ()) if isinstance(value, str)}
        if found := _changed(texts[name], data[name], texts[name].isin(categories)):
            raise _lost(name, found[0], f"the model learned {found[0].text!r} as a category")
        if name not in known and (
            found := _changed(texts[name], data[name], is_doubtful(texts[name], data[name]))
        ):
            doubtful[name] = found
    return doubtful


def check_target_texts(texts: Series, values: Series, classes: Sequence[Any]) -> None:
    """PackagingError if a cell of the target was read as no text and its text is one of the model's labels."""
    labels = {label for label in classes if isinstance(label, str)}
    for each in _changed(texts, values, texts.isin(labels)):
        if str(each.value) != each.text:
            raise _lost(str(values.name), each, f"the model has the label {each.text!r}")


def _changed(texts: Series, values: Series, chosen: Series) -> list[ChangedValue]:
    """Return the first chosen cells that are not empty in the CSV, and no texts in the table."""
    chosen = chosen & (texts != "") & ~values.map(lambda value: isinstance(value, str))
    rows = chosen.to_numpy().nonzero()[0][:ROWS_ASKED]
    return [ChangedValue(int(row), texts.iloc[row], values.iloc[row]) for row in rows]


def is_doubtful(texts: Series, values: Series) -> Series:
    """Return whether a text was probably meant: leading zeros, a word for nothing, more digits than a float keeps."""
    doubtful = values.isna() | texts.str.match(_ZEROS)
    if values.dtype.kind == "f":
        doubtful |= texts.str.fullmatch(_LONG)
    return doubtful


def check_by_asking(
    doubtful: ChangedValues, original: OriginalModel, inputs: DataFrame, row_format: RowFormat
) -> None:
    """PackagingError if the model answers a row differently when it gets the text instead of the value."""
    for name, values in doubtful.items():
        rows = [each.row for each in values]
        as_read = inputs.iloc[rows]
        as_written = as_read.assign(**{name: [each.text for each in values]})
        try:
            answers = original.answers(as_table(as_written, row_format))
        # A model that takes no text here was trained on numbers, whatever it raises.
        except Exception:  # noqa: S112
            continue
        for each, old, new in zip(
            values, answers_in_training(original, as_read, row_format), answers, strict=False
        ):
            if old != new:
                raise _lost(name, each, "the model answers the text otherwise than that")


def _lost(name: str, changed: ChangedValue, why: str) -> PackagingError:
    missing = changed.value is None or changed.value != changed.value
    read = "a missing value" if missing else f"the {type(changed.value).__name__} {changed.value}"
    return PackagingError(
        ErrorReason.ColumnUnusable,
        f"Column {name} of the CSV has {changed.text!r} in row {changed.row} (counted from 0). It is read as "
        f"{read}, and {why}. {NEXT_STEP}.",
    )
