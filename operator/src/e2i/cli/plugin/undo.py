"""`undo`: returns to an earlier release by its bento's tag, or prints the change to commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from e2i.api.model import RESTART_ANNOTATION
from e2i.api.model_body import restart_of
from e2i.api.naming import CLI_FIELD_MANAGER
from e2i.cli.plugin import previous_specs
from e2i.cli.plugin.advice import command, follow
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
    """Go back to an earlier release by writing its bento's tag into the spec, and the restart that it was made for.

    If Argo CD or Flux manages the model, nothing is written: the change to commit is printed, and the exit code is 3.
    If more than the tag must change, the change is printed as well, and the exit code is 2.
    """

    async def go_back(session: Session) -> int:
        from e2i.cli.plugin.patching import set_bento
        from e2i.cli.plugin.read import read_deployments, read_model
        from e2i.cli.plugin.undo_target import find_undo_target

        model = await read_model(session, name)
        chosen = find_undo_target(model, await read_deployments(session, name), to)
        if chosen.by_tag and is_asked_for(model, chosen):
            click.echo(
                printable(f"{name} asks for release {chosen.release} ({chosen.tag}): nothing to undo.")
            )
            return 0
        if sentence := obstacle(model, chosen):
            return _print_advice(model, chosen, sentence)
        await set_bento(session, model, chosen.bento, chosen.restart)
        said = f"{done(model, chosen)} {by_steps(model, chosen)}Follow it: {follow(model['metadata'])}"
        click.echo(printable(said))
        return 0

    raise SystemExit(in_session(target, go_back))


def is_asked_for(model: Mapping[str, Any], chosen: UndoTarget) -> bool:
    """Return whether the model asks for this release already."""
    asked = model["spec"]["bento"], restart_of(model["metadata"].get("annotations") or {})
    return asked == (chosen.bento, chosen.restart)


def done(model: Mapping[str, Any], chosen: UndoTarget) -> str:
    """Return what undo has written."""
    name, tag = model["metadata"]["name"], model["spec"]["bento"]["tag"]
    if tag == chosen.tag:
        value = f"is {chosen.restart} again" if chosen.restart else "is removed"
        return f"{name}: the annotation {RESTART_ANNOTATION} {value}, as it was for release {chosen.release}."
    return (
        f"{name}: spec.bento.tag is {chosen.tag} again (it was {tag}), the tag of release {chosen.release}."
    )


def by_steps(model: Mapping[str, Any], chosen: UndoTarget) -> str:
    """Return that it takes steps until the release has all requests, as a sentence; empty if it takes none."""
    rollout = model["spec"].get("rollout") or {}
    serves = model.get("status", {}).get("servingRelease") == chosen.release
    if rollout.get("strategy") != "Canary" or serves:
        return ""
    promote = command("promote", model["metadata"])
    return f"It gets requests by spec.rollout.steps, as each release does; {promote} ends a pause. "


def obstacle(model: Mapping[str, Any], chosen: UndoTarget) -> str | None:
    """Return why undo cannot write the tag, or None if it can."""
    name = model["metadata"]["name"]
    managing_tool = gitops.managing_tool(model)
    in_git = model["spec"]["bento"] != chosen.bento or not chosen.by_tag or _restart_is_in_git(model)
    if managing_tool and in_git:
        return f"{name} is managed by {managing_tool}, which would revert a change by hand."
    if chosen.by_tag:
        return None
    return f"Release {chosen.release} of {name} differs in more than bento and restart, and undo writes nothing else."


def _restart_is_in_git(model: Mapping[str, Any]) -> bool:
    """Return whether the annotation restart-at is the manifest's: that of `kubectl e2i restart` is not in Git."""
    return gitops.is_set_by_others(model, RESTART_ANNOTATION, CLI_FIELD_MANAGER)


def _print_advice(model: Mapping[str, Any], chosen: UndoTarget, sentence: str) -> int:
    """Print the error on stderr and the change of the manifest on stdout; return the exit code."""
    if chosen.spec is None:
        raise CommandError(
            f"{sentence} The cluster no longer has the rest of its spec: find the commit with {chosen.tag} in "
            f"Git (git log -S {chosen.tag}) and return to that manifest."
        )
    shown = gitops.managing_tool(model) is None or _restart_is_in_git(model)
    lines = previous_specs.manifest_diff(model, chosen.spec, chosen.restart if shown else None)
    advice = "Commit this instead:" if gitops.managing_tool(model) else "Change the manifest and apply it:"
    click.echo(printable(f"Error: {sentence} {advice}"), err=True)
    click.echo("\n".join(map(visible, lines)))
    return MANAGED_ELSEWHERE if gitops.managing_tool(model) else ERROR
