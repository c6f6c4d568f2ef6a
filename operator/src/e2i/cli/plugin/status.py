"""`status`: a model with everything made for it, as a tree; once, or as it changes."""

from __future__ import annotations

import sys
from typing import Any

import click

from e2i.cli.plugin.output import dump
from e2i.cli.plugin.screen import StatusWriter, show_once, status_writer
from e2i.cli.plugin.session import Session, Target, in_session, model_name, with_target

_CALM = 2.0
"""Seconds after which a model that neither is ready nor goes on has come to its end: a wish given by annotation
takes the operator a moment to see."""

_INTERRUPTED = 130


@click.command()
@model_name
@click.option(
    "-w", "--watch", is_flag=True, help="Go on with every change until it is Ready or cannot go on."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml"]),
    help="For machines; with -w JSON lines.",
)
@with_target
def status(target: Target, name: str, watch: bool, output: str | None) -> None:
    """Show a model with its releases, images and pods, and why each is as it is.

    With --watch the exit code is 0 when the model is Ready and 1 when it cannot get there by itself.
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

        family = await read_objects(session, name)
        return document(family.model, family.parts, family.notes)

    found = in_session(target, read)
    if output:
        click.echo(dump(found, output))
    else:
        show_once(sys.stdout, found)


async def _follow(session: Session, name: str, writer: StatusWriter) -> bool:
    """Show every change until the model has come to an end; whether that is Ready."""
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
