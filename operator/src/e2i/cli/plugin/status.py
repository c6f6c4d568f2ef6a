"""`status`: a model and its children as a tree, once or continuously."""

from __future__ import annotations

import sys
from typing import Any

import click

from e2i.cli.plugin.output import dump
from e2i.cli.plugin.screen import StatusWriter, show_once, status_writer
from e2i.cli.plugin.session import Session, Target, in_session, model_name, with_target

_CALM = 2.0
"""Seconds without a change after which a model that is neither Ready nor in progress counts as final: the operator
needs a moment to see a new annotation."""

_INTERRUPTED = 130


@click.command()
@model_name
@click.option("-w", "--watch", is_flag=True, help="Show every change until the model is Ready or stuck.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml"]),
    help="Print a document; with -w one JSON document a line.",
)
@with_target
def status(target: Target, name: str, watch: bool, output: str | None) -> None:
    """Show a model with its releases, images and pods, each with its state and the cause.

    With --watch the exit code is 0 if the model gets Ready and 1 if it cannot get Ready by itself.
    """
    if not watch:
        _print_once(target, name, output)
        return
    chosen = status_writer(sys.stdout, machine=output is not None)
    try:
        is_ready = in_session(target, lambda session: _follow(session, name, chosen))
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    raise SystemExit(0 if is_ready else 1)


def _print_once(target: Target, name: str, output: str | None) -> None:
    async def read(session: Session) -> dict[str, Any]:
        from e2i.cli.plugin.read import read_objects
        from e2i.inspection.document import document
        from e2i.inspection.protection import unprotected, unseen

        family = await read_objects(session, name)
        notes = [*family.notes, *unseen(family.model), *unprotected(family.model)]
        return document(family.model, family.parts, notes)

    found = in_session(target, read)
    if output:
        click.echo(dump(found, output))
    else:
        show_once(sys.stdout, found)


async def _follow(session: Session, name: str, writer: StatusWriter) -> bool:
    """Show every change until the model is Ready or stuck; return whether it is Ready."""
    from e2i.cli.plugin.follow import following
    from e2i.inspection.outcome import outcome

    async with following(session, name) as follower:
        while True:
            end = outcome(follower.model)
            found = await follower.next(None if end is None else _CALM)
            if found is not None:
                writer.show(found)
                if outcome(follower.model) is True:
                    return True
            elif end is not None:
                return end
