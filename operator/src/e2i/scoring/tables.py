"""Reads and writes tables in pieces: CSV by the standard library, which keeps every text, and Parquet by pyarrow."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from e2i.csv_separator import other_separator
from e2i.scoring.errors import ScoringError

Row = Mapping[str, Any]
ENDINGS = (".csv", ".parquet")
SURPLUS = ""
"""The name under which a line of a CSV file has the values that no column has room for."""


@dataclass(frozen=True)
class Piece:
    """Some rows in a row. `number` counts the pieces of the file from 0."""

    number: int
    rows: Sequence[Row]


class Table(Protocol):
    """A file of rows."""

    columns: list[str]
    total: int | None
    """Number of rows, if the file says it."""

    def pieces(self, size: int) -> Iterator[Piece]:
        """Yield all rows in pieces of `size`; the last one may be shorter."""
        ...


def open_table(path: Path, name: str) -> Table:
    """Open the table at `path`; ScoringError if it cannot be read. `name`: as the user wrote it, with its ending."""
    try:
        return CsvTable(path) if ending_of(name) == ".csv" else ParquetTable(path)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise ScoringError(
            f"{name} cannot be read: {error}. Give a CSV file in UTF-8, or a Parquet file."
        ) from error


def ending_of(name: str) -> str:
    """Return the ending, which tells the form of a file; ScoringError if it is none of ours."""
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise ScoringError(f"{name} ends neither with .csv nor with .parquet: give a name that does.")
    return ending


class CsvTable:
    """A CSV file with a line of names; its values stay texts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.total: int | None = None
        with path.open(newline="", encoding="utf-8-sig") as file:
            self.columns = next(csv.reader(file), [])
        if not self.columns:
            raise ValueError("it has no line with the names of columns")
        if wrong := other_separator(self.columns):
            raise ValueError(wrong)
        if len(set(self.columns)) != len(self.columns):
            raise ValueError(f"two columns have the same name: {', '.join(self.columns)}")

    def pieces(self, size: int) -> Iterator[Piece]:
        with self._path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey=SURPLUS)
            rows: list[Row] = []
            number = 0
            for row in reader:
                rows.append(row)
                if len(rows) == size:
                    yield Piece(number, rows)
                    rows, number = [], number + 1
            if rows:
                yield Piece(number, rows)


class ParquetTable:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self._path = path
        with parquet.ParquetFile(path) as file:
            self.columns = list(file.schema_arrow.names)
            self.total = file.metadata.num_rows
            self.schema = file.schema_arrow

    def pieces(self, size: int) -> Iterator[Piece]:
        from pyarrow import parquet

        with parquet.ParquetFile(self._path) as file:
            # A batch ends at the end of a row group, a piece does not.
            rows: list[Row] = []
            number = 0
            for batch in file.iter_batches(batch_size=size):
                rows += batch.to_pylist()
                while len(rows) >= size:
                    yield Piece(number, rows[:size])
                    rows, number = rows[size:], number + 1
            if rows:
                yield Piece(number, rows)


class Writer(Protocol):
    """A table that grows."""

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def open_writer(path: Path, ending: str, source: Table, kinds: Mapping[str, type]) -> Writer:
    """Begin a table of the source's columns and of those in `kinds`, each with the type of its values."""
    if ending == ".csv":
        return CsvWriter(path, [*source.columns, *kinds])
    return ParquetWriter(path, source, kinds)


class CsvWriter:
    """Writes CSV; None is an empty value."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, columns, extrasaction="ignore")
        self._writer.writeheader()

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.writerows(rows)

    def close(self) -> None:
        self._file.close()


class ParquetWriter:
    """Writes Parquet. Columns of a Parquet source keep their types, those of a CSV file are texts."""

    def __init__(self, path: Path, source: Table, kinds: Mapping[str, type]) -> None:
        import pyarrow
        from pyarrow import parquet

        types = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
        of_source = (
            list(source.schema)
            if isinstance(source, ParquetTable)
            else [pyarrow.field(name, pyarrow.string()) for name in source.columns]
        )
        self._kinds = kinds
        self._schema = pyarrow.schema(
            [*of_source, *(pyarrow.field(name, types[kind]) for name, kind in kinds.items())]
        )
        self._pyarrow = pyarrow
        self._writer = parquet.ParquetWriter(path, self._schema)

    def write(self, rows: Sequence[Row]) -> None:
        plain = [{**row, **self._typed(row)} for row in rows]
        self._writer.write_table(self._pyarrow.Table.from_pylist(plain, schema=self._schema))

    def close(self) -> None:
        self._writer.close()

    def _typed(self, row: Row) -> dict[str, Any]:
        return {
            name: None if row.get(name) is None else kind(row[name]) for name, kind in self._kinds.items()
        }
