"""`undo`: returns to an earlier release by its bento's tag, or prints the change to commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from e2i.cli.plugin import previous_specs
from e2i.cli.plugin.advice import follow
from e2i.cli.plugin.errors import ERROR, MANAGED_ELSEWHERE, CommandError
from e2i.cli.plugin.output import printable, visible
from e2i.cli.plugin.session import Session, Target, in_session, model_name, with_target
from e2i.inspection import gitops

if TYPE_CHECKING:
    from e2i.cli.plugin.undo_target import UndoTarget


@click.command()
@model_name
@click.option(
    "--to",
    metavar="RELEASE|TAG",
    help="The release or bento to go back to.  [default: the one that served before]",
)
@with_target
def undo(target: Target, name: str, to: str | None) -> None:
    """Go back to an earlier release by writing its bento's tag into the spec.

    If Argo CD or Flux manages the model, nothing is written: the change to commit is printed, and the exit code is 3.
    If more than the tag must change, the change is printed as well, and the exit code is 2.
    """

    async def go_back(session: Session) -> int:
        from e2i.cli.plugin.patching import set_bento
        from e2i.cli.plugin.read import read_deployments, read_model
        from e2i.cli.plugin.undo_target import find_undo_target

        model = await read_model(session, name)
        chosen = find_undo_target(model, await read_deployments(session, name), to)
        if chosen.by_tag and model["spec"]["bento"] == chosen.bento:
            click.echo(
                printable(f"{name} asks for release {chosen.release} ({chosen.tag}): nothing to undo.")
            )
            return 0
        if sentence := obstacle(model, chosen):
            return _print_advice(model, chosen, sentence)
        await set_bento(session, model, chosen.bento)
        sentence = (
            f"{name}: spec.bento.tag is {chosen.tag} again (it was {model['spec']['bento']['tag']}), the tag of "
            f"release {chosen.release}. Follow it: {follow(model['metadata'])}"
        )
        click.echo(printable(sentence))
        return 0

    raise SystemExit(in_session(target, go_back))


def obstacle(model: Mapping[str, Any], chosen: UndoTarget) -> str | None:
    """Return why undo cannot write the tag, or None if it can."""
    name = model["metadata"]["name"]
    if managing_tool := gitops.managing_tool(model):
        return f"{name} is managed by {managing_tool}, which would revert a change by hand."
    if chosen.by_tag:
        return None
    return f"Release {chosen.release} of {name} differs in more than the bento, and undo writes nothing else."


def _print_advice(model: Mapping[str, Any], chosen: UndoTarget, sentence: str) -> int:
    """Print the error on stderr and the change of the manifest on stdout; return the exit code."""
    if chosen.spec is None:
        raise CommandError(
            f"{sentence} The cluster no longer has the rest of its spec: find the commit with {chosen.tag} in "
            f"Git (git log -S {chosen.tag}) and return to that manifest."
        )
    lines = previous_specs.manifest_diff(model, chosen.spec)
    advice = "Commit this instead:" if gitops.managing_tool(model) else "Change the manifest and apply it:"
    click.echo(printable(f"Error: {sentence} {advice}"), err=True)
    click.echo("\n".join(map(visible, lines)))
    return MANAGED_ELSEWHERE if gitops.managing_tool(model) else ERROR
