"""One scoring: from the input's pieces to files of answers, and from these to the output."""

from __future__ import annotations

import asyncio
import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2i.scoring.asking import Asking
from e2i.scoring.errors import ScoringError
from e2i.scoring.outcomes import Bad, Outcome, Scored, from_text, to_text
from e2i.scoring.places import Folder
from e2i.scoring.tables import SURPLUS, Piece, Table, Writer, ending_of, open_writer

PIECES_AT_ONCE = 4
"""Pieces of the input in memory, so that the model has work while one of them ends."""
ABOUT = "about.json"


@dataclass(frozen=True)
class Plan:
    """The input, the model and the size of pieces. Only the same plan goes on with what an earlier run left."""

    source: str
    mark: str
    """Changes when the input does."""
    model: str
    rows_in_piece: int
    rows_in_request: int

    @property
    def text(self) -> bytes:
        return json.dumps(self.__dict__, indent=2).encode()


@dataclass
class Counts:
    """How far it is. `kept`: rows that an earlier run scored."""

    rows: int = 0
    bad: int = 0
    kept: int = 0
    _numbers: set[str] = field(default_factory=set)
    _empty: Counter[str] = field(default_factory=Counter)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count the outcomes of a piece."""
        self.rows += len(outcomes)
        self.bad += sum(isinstance(one, Bad) for one in outcomes)
        for one in outcomes:
            for name, value in one.columns.items() if isinstance(one, Scored) else ():
                if value is None or value != value:
                    self._empty[name] += 1
                elif isinstance(value, int | float):
                    self._numbers.add(name)

    def lost_numbers(self) -> dict[str, int]:
        """Return in how many rows a column is empty, for each that has numbers in others: BentoML sends NaN as null."""
        return {name: count for name, count in sorted(self._empty.items()) if name in self._numbers}


Progress = Callable[[Counts], None]


def begin(folder: Folder, plan: Plan) -> set[int]:
    """Return the pieces that an earlier run of the same plan has finished; ScoringError if it was another plan."""
    names = folder.names()
    if ABOUT not in names:
        folder.write(ABOUT, plan.text)
        return set()
    if folder.read(ABOUT) != plan.text:
        earlier: Mapping[str, Any] = json.loads(folder.read(ABOUT))
        differing = [key for key, value in plan.__dict__.items() if earlier.get(key) != value]
        raise ScoringError(
            f"An earlier run had another {' and another '.join(differing)}, so this one cannot go on with its results. "
            "Choose another --out, or remove what is beside the output (.progress)."
        )
    return {int(name.split(".")[0]) for name in names if name != ABOUT}


async def score(table: Table, folder: Folder, plan: Plan, asking: Asking, progress: Progress) -> Counts:
    """Score all pieces that are not finished; OutOfPatience or ScoringError if the model cannot."""
    done, counts = begin(folder, plan), Counts()
    under_way: set[asyncio.Task[None]] = set()

    async def finish(piece: Piece) -> None:
        outcomes = await _outcomes(piece, plan.rows_in_request, asking)
        await asyncio.to_thread(folder.write, _name(piece.number), to_text(outcomes))
        counts.add(outcomes)
        progress(counts)

    try:
        for piece in table.pieces(plan.rows_in_piece):
            if piece.number in done:
                kept = from_text(folder.read(_name(piece.number)))
                counts.add(kept)
                counts.kept += len(kept)
                continue
            under_way.add(asyncio.create_task(finish(piece)))
            if len(under_way) == PIECES_AT_ONCE:
                under_way = await _some_end(under_way)
        while under_way:
            under_way = await _some_end(under_way)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ScoringError(
            f"{plan.source} cannot be read: {error}. Correct the file; what is scored is kept."
        ) from error
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    return counts


def assemble(table: Table, folder: Folder, plan: Plan, output: str, place: Path) -> tuple[Path, Path | None]:
    """Return the finished output, and the list of bad rows, None if there is none; both as files in `place`."""
    made, bad = place / "output", place / "bad.csv"
    kinds = _kinds(folder)
    writer = open_writer(made, ending_of(output), table, kinds)
    with bad.open("w", newline="", encoding="utf-8") as file:
        refused = csv.writer(file)
        refused.writerow(["row", "field", "message", *table.columns])
        some = [_write(piece, folder, plan, writer, refused) for piece in table.pieces(plan.rows_in_piece)]
    writer.close()
    return made, bad if any(some) else None


def _write(piece: Piece, folder: Folder, plan: Plan, writer: Writer, refused: Any) -> bool:
    """Write the rows of a piece where they belong; return whether one was bad."""
    outcomes = from_text(folder.read(_name(piece.number)))
    good, some = [], False
    for number, (row, outcome) in enumerate(zip(piece.rows, outcomes, strict=True)):
        if isinstance(outcome, Scored):
            good.append({**row, **outcome.columns})
        else:
            some = True
            values = [value for name, value in row.items() if name != SURPLUS]
            at = piece.number * plan.rows_in_piece + number + 1
            refused.writerow([at, outcome.field, outcome.message, *values])
    writer.write(good)
    return some


async def _outcomes(piece: Piece, rows_in_request: int, asking: Asking) -> list[Any]:
    parts = [
        asyncio.create_task(asking.outcomes(piece.rows[start : start + rows_in_request]))
        for start in range(0, len(piece.rows), rows_in_request)
    ]
    try:
        return [outcome for part in await asyncio.gather(*parts) for outcome in part]
    finally:
        for part in parts:
            part.cancel()


async def _some_end(tasks: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Wait until a task has ended and return the others; raise what one raised."""
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return others


def _kinds(folder: Folder) -> dict[str, type]:
    """Return the columns of all answers with the type that holds each of their values."""
    kinds: dict[str, type] = {}
    for columns in _all_columns(folder):
        for name, value in columns.items():
            if value is None:
                kinds.setdefault(name, type(None))
            else:
                kinds[name] = _wider(kinds.get(name, type(None)), type(value))
    return {name: str if kind is type(None) else kind for name, kind in kinds.items()}


def _all_columns(folder: Folder) -> Iterator[Mapping[str, Any]]:
    for name in sorted(folder.names() - {ABOUT}):
        for outcome in from_text(folder.read(name)):
            if isinstance(outcome, Scored):
                yield outcome.columns


def _wider(known: type, new: type) -> type:
    if known in (type(None), new):
        return new
    return float if {known, new} == {int, float} else str


def _name(number: int) -> str:
    return f"{number:010}.jsonl"
