"""Scores one file: fetches it, asks the model, and puts the output in its place."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from e2i.client import Endpoints
from e2i.scoring.asking import Asking
from e2i.scoring.errors import ScoringError
from e2i.scoring.features import BATCH_ROUTE, Features
from e2i.scoring.files import files_of
from e2i.scoring.job import Counts, Plan, assemble, score
from e2i.scoring.model import ClusterModel, asking
from e2i.scoring.options import Options
from e2i.scoring.tables import Table, ending_of, open_table

REQUESTS_IN_PIECE = 50
"""If the user does not say how many rows are kept together. A killed run loses the work of four pieces at most."""


@dataclass(frozen=True)
class Done:
    """A finished scoring. `bad_file`: where the bad rows are listed, empty if there is none."""

    counts: Counts
    bad_file: str


class Watched:
    """The state of the work, for a display."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.total: int | None = None
        self.at_once = 1
        self.release = ""


async def run(options: Options, endpoints: Endpoints, cluster: ClusterModel | None, show: Watched) -> Done:
    """Score all rows; ScoringError if it cannot be done, OutOfPatience if not now."""
    ending_of(options.output)
    files = files_of(options.source)
    with tempfile.TemporaryDirectory(prefix="e2i-score-") as temporary:
        place = Path(temporary)
        table = open_table(files.fetch(options.source, place), options.source)
        show.total = table.total
        mark = files.mark(options.source)
        async with asking(endpoints, options, cluster) as model:
            _require_columns(table, model.features, options)
            together = options.rows_in_request if model.route == BATCH_ROUTE else 1
            in_piece = options.rows_in_piece or together * REQUESTS_IN_PIECE
            plan = Plan(options.source, mark, options.model, in_piece, together)
            return await _scored(table, plan, model, options, show, place)


async def _scored(
    table: Table, plan: Plan, model: Asking, options: Options, show: Watched, place: Path
) -> Done:
    def progress(counts: Counts) -> None:
        show.counts, show.at_once, show.release = counts, model.pace.limit, model.release

    places = files_of(options.output)
    with closing(places.folder(options.output)) as folder:
        counts = await score(table, folder, plan, model, progress)
        made, bad = assemble(table, folder, plan, options.output, place)
        bad_file = f"{options.output}.bad.csv" if bad else ""
        if bad:
            places.publish(bad, bad_file)
        places.publish(made, options.output)
        folder.remove()
    return Done(counts, bad_file)


def _require_columns(table: Table, features: Features, options: Options) -> None:
    missing = features.missing_from(table.columns)
    if missing:
        raise ScoringError(
            f"{options.source} has no column {', '.join(missing)}, which {options.model} needs. It has: "
            f"{', '.join(table.columns)}."
        )
