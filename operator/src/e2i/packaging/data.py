"""Reads tables of training data."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from e2i.csv_separator import other_separator
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.text_files import encoding_of, read_text

if TYPE_CHECKING:
    from pandas import DataFrame

FORMS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def read_table(file: Path) -> DataFrame:
    """Return the rows of a .csv, .parquet or .jsonl file; PackagingError if it cannot be read or has no rows."""
    import pandas

    form = FORMS.get(file.suffix.lower())
    if form is None:
        raise PackagingError(
            ErrorReason.FileUnreadable,
            f"{file} is none of {', '.join(FORMS)}: save the data in one of these forms.",
        )
    if not file.is_file():
        raise PackagingError(
            ErrorReason.FileMissing, f"There is no file {file}. Name the file with the training data."
        )
    try:
        if form == "csv":
            with file.open("rb") as stream:
                frame = pandas.read_csv(file, encoding=encoding_of(stream.read(4)))
        else:
            frame = pandas.read_parquet(file) if form == "parquet" else _read_json_lines(file)
    except Exception as error:
        raise PackagingError(
            ErrorReason.FileUnreadable,
            f"{file} cannot be read as {form} ({type(error).__name__}: {str(error)[:200]}). Look at its first lines.",
        ) from error
    if form == "csv" and (wrong := other_separator([*frame.columns])):
        raise PackagingError(ErrorReason.FileUnreadable, f"{file} cannot be read: {wrong}.")
    if frame.empty:
        raise PackagingError(
            ErrorReason.DataEmpty, f"{file} has no rows. Give the data that the model was trained on."
        )
    return frame.rename(columns=str)


def _read_json_lines(file: Path) -> DataFrame:
    """Return the rows as JSON has them; pandas' own reader takes the text "01234" for a number."""
    import pandas

    return pandas.DataFrame([json.loads(line) for line in read_text(file).splitlines() if line.strip()])


def table_digest(frame: DataFrame) -> str:
    """Return the digest, sha256:…, over names, types and values; it does not depend on the format of the file."""
    import pandas

    digest = hashlib.sha256()
    digest.update("\n".join(f"{name}\t{dtype}" for name, dtype in frame.dtypes.items()).encode())
    digest.update(pandas.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


def file_digest(file: Path) -> str:
    """Return the digest of the bytes, as `sha256sum` prints it, after sha256:."""
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
