"""`restart`, `retry`, `promote`, `pause` and `resume`: each sets or removes an annotation that the operator reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from e2i.cli.plugin import rollout_annotations
from e2i.cli.plugin.output import printable
from e2i.cli.plugin.session import Session, Target, in_session, model_name, with_target
from e2i.clock import now

Decision = Callable[[Mapping[str, Any]], rollout_annotations.Change]


@click.command()
@model_name
@with_target
def restart(target: Target, name: str) -> None:
    """Make a new release of the same spec: its pods read their Secrets again."""
    _steer(target, name, lambda model: rollout_annotations.restart(model, now()))


@click.command()
@model_name
@with_target
def retry(target: Target, name: str) -> None:
    """Try the release in quarantine again."""
    _steer(target, name, lambda model: rollout_annotations.retry(model, now()))


@click.command()
@model_name
@with_target
def promote(target: Target, name: str) -> None:
    """End the pause of a canary."""
    _steer(target, name, lambda model: rollout_annotations.promote(model, now()))


@click.command()
@model_name
@with_target
def pause(target: Target, name: str) -> None:
    """Pause the rollout; scaling and rollback continue."""
    _steer(target, name, rollout_annotations.pause)


@click.command()
@model_name
@with_target
def resume(target: Target, name: str) -> None:
    """Continue a paused rollout."""
    _steer(target, name, rollout_annotations.resume)


def _steer(target: Target, name: str, decide: Decision) -> None:
    async def steer(session: Session) -> str:
        from e2i.cli.plugin.patching import annotate
        from e2i.cli.plugin.read import read_model

        model = await read_model(session, name)
        change = decide(model)
        if change.annotations:
            await annotate(session, model, change.annotations)
        return change.sentence

    click.echo(printable(in_session(target, steer)))
