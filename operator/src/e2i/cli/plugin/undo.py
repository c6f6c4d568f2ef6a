"""`undo`: back to an earlier release, by its bento's tag; or the change to commit where Git decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from e2i.cli.plugin import previous_specs
from e2i.cli.plugin.advice import follow
from e2i.cli.plugin.errors import ERROR, MANAGED_ELSEWHERE, Fault
from e2i.cli.plugin.session import Session, Target, ask, model_name, with_target
from e2i.inspection import gitops

if TYPE_CHECKING:
    from e2i.cli.plugin.undo_target import Way


@click.command()
@model_name
@click.option(
    "--to", metavar="RELEASE|TAG", help="The release or bento to go back to.  [default: what served before]"
)
@with_target
def undo(target: Target, name: str, to: str | None) -> None:
    """Go back to an earlier release by writing its bento's tag into the spec.

    Where Argo CD or Flux keeps the model as Git has it, nothing is written: the change to commit is printed, and the
    exit code is 3. The same with exit code 2 where more than the tag must change.
    """

    async def go_back(session: Session) -> int:
        from e2i.cli.plugin.patching import set_bento
        from e2i.cli.plugin.read import read_deployments, read_model
        from e2i.cli.plugin.undo_target import find_way

        model = await read_model(session, name)
        way = find_way(model, await read_deployments(session, name), to)
        if way.by_tag and model["spec"]["bento"] == way.bento:
            click.echo(f"{name} asks for release {way.release} ({way.tag}) already: nothing to undo.")
            return 0
        if sentence := hindrance(model, way):
            return _tell(model, way, sentence)
        await set_bento(session, model, way.bento)
        click.echo(
            f"{name}: spec.bento.tag is {way.tag} again (it was {model['spec']['bento']['tag']}), which asks for "
            f"release {way.release}. Follow it: {follow(model['metadata'])}"
        )
        return 0

    raise SystemExit(ask(target, go_back))


def hindrance(model: Mapping[str, Any], way: Way) -> str | None:
    """Why the tag alone cannot be written; None when it can."""
    name = model["metadata"]["name"]
    if keeper := gitops.keeper(model):
        return f"{name} is kept by {keeper}, which would undo a change by hand."
    if way.by_tag:
        return None
    return f"Release {way.release} of {name} differs in more than the bento, and undo writes nothing else."


def _tell(model: Mapping[str, Any], way: Way, sentence: str) -> int:
    """Say what to do instead: the sentence on stderr, the lines of the manifest on stdout. The exit code."""
    if way.spec is None:
        raise Fault(
            f"{sentence} The cluster no longer knows what else it had: find the commit with {way.tag} in Git "
            f"(git log -S {way.tag}) and go back to that manifest."
        )
    lines = previous_specs.manifest_diff(model, way.spec)
    advice = "Commit this instead:" if gitops.keeper(model) else "Change the manifest and apply it:"
    click.echo(f"Error: {sentence} {advice}", err=True)
    click.echo("\n".join(lines))
    return MANAGED_ELSEWHERE if gitops.keeper(model) else ERROR
