"""`e2i score`: score the rows of a file with a model."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from e2i.cli.plugin.session import Session, Target, in_session, is_name, with_target

if TYPE_CHECKING:
    from e2i.client import Endpoints
    from e2i.scoring.model import ClusterModel
    from e2i.scoring.options import Options
    from e2i.scoring.run import Done, Watched

SOME_BAD = 3
"""Exit code when all rows were scored but those that are listed as bad."""
SECONDS = click.FloatRange(0.1)
EVERY = 2.0
EVERY_IN_A_LOG = 10.0
"""Seconds between two lines of progress; fewer where they stay."""


class NotScored(click.ClickException):
    """Why it ended before the last row; exit code 1."""


def _with_limits(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how much at a time, with defaults that rarely need a change."""
    rows, pieces = click.IntRange(1, 10_000), click.IntRange(1)
    for option in (
        click.option(
            "--piece", type=pieces, help="Rows that are kept together.  [default: those of 50 requests]"
        ),
        click.option("--patience", type=SECONDS, default=300.0, help="Seconds without any answer."),
        click.option("--deadline", type=SECONDS, default=30.0, help="Seconds for one request."),
        click.option("--at-once", type=click.IntRange(1, 1000), default=32, help="Most requests at once."),
        click.option("--rows", type=rows, default=100, help="Rows in one request."),
    ):
        command = option(command)
    return command


@click.command(context_settings={"show_default": True})
@click.argument("model")
@click.option("--in", "source", required=True, help="CSV or Parquet: a file, or s3://BUCKET/KEY.")
@click.option("--out", "output", required=True, help="Likewise; its ending chooses the form.")
@click.option(
    "--release", default="", show_default=False, help="Ask this release.  [default: the one that serves]"
)
@click.option("--address", default=None, help="Ask at this URL instead of looking in the cluster.")
@with_target
@_with_limits
def score(
    target: Target, model: str, source: str, output: str, release: str, address: str | None, **limits: Any
) -> None:
    """Score each row of a file with MODEL, as fast as it answers.

    The output has the input's columns and the prediction's, with the release and digest that gave it. Bad rows are
    listed in OUT.bad.csv. Killed or stopped, the same command goes on where it was.

    Exit code 0: all rows; 3: all but bad ones; 1: not finished, to be run again.
    """
    from e2i.scoring.options import Options

    if not is_name(model.replace("_", "-")):
        raise click.BadParameter(f"{model!r} is not a valid name: use lower-case letters, digits and '-'")
    if address and release:
        raise click.UsageError("--release is looked for in the cluster: leave --address away, or --release.")
    options = Options(
        model=model,
        source=source,
        output=output,
        rows_in_request=limits["rows"],
        rows_in_piece=limits["piece"],
        most=limits["at_once"],
        deadline=limits["deadline"],
        patience=limits["patience"],
    )
    done = _done(options, target, release, address)
    _say_done(done, output)
    if done.bad_file:
        sys.exit(SOME_BAD)


def _done(options: Options, target: Target, release: str, address: str | None) -> Done:
    """Score, and turn what prevents it into the command's error."""
    from e2i.client import Endpoints, EndpointsInvalid
    from e2i.scoring.errors import OutOfPatience, ScoringError

    try:
        if address:
            return asyncio.run(_shown(options, Endpoints.from_mapping({options.model: address}), None))
        return in_session(target, lambda session: _in_cluster(options, session, release))
    except EndpointsInvalid as error:
        raise NotScored(f"{error}.") from error
    except OutOfPatience as error:
        raise NotScored(f"{error.message} What is scored is kept: the same command goes on there.") from error
    except (ScoringError, OSError) as error:
        raise NotScored(str(error)) from error


async def _in_cluster(options: Options, session: Session, release: str) -> Done:
    from e2i.scoring.model import ClusterModel

    cluster = ClusterModel(session.kube, session.namespace, options.model, release)
    await cluster.refresh()
    return await _shown(options, cluster.endpoints, cluster)


async def _shown(options: Options, endpoints: Endpoints, cluster: ClusterModel | None) -> Done:
    """Score, and say how far it is."""
    from e2i.scoring.run import Watched, run

    show = Watched()
    showing = asyncio.create_task(_show(show))
    try:
        return await run(options, endpoints, cluster, show)
    finally:
        showing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await showing


async def _show(show: Watched) -> None:
    started, terminal = time.monotonic(), sys.stderr.isatty()
    while True:
        await asyncio.sleep(EVERY if terminal else EVERY_IN_A_LOG)
        counts = show.counts
        rate = (counts.rows - counts.kept) / (time.monotonic() - started)
        rows = f"{counts.rows:,} of {show.total:,} rows" if show.total else f"{counts.rows:,} rows"
        line = f"{rows}, {rate:,.0f} a second, {show.at_once} at once, {counts.bad} bad"
        line += f", release {show.release}" if show.release else ""
        click.echo(f"\r{line}\x1b[K" if terminal else line, err=True, nl=not terminal)


def _say_done(done: Done, output: str) -> None:
    counts = done.counts
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    kept = f" ({counts.kept:,} of them by an earlier run)" if counts.kept else ""
    click.echo(f"{counts.rows - counts.bad:,} rows scored{kept}: {output}")
    for column, rows in counts.lost_numbers().items():
        click.echo(
            f"{column} is empty in {rows:,} rows and a number in others: the model answered NaN there, or null. "
            "Ask it one of these rows.",
            err=True,
        )
    if done.bad_file:
        click.echo(f"{counts.bad:,} bad rows are listed, each with its reason: {done.bad_file}")
