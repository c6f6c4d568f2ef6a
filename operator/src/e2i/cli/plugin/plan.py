"""`plan`: the effects of applying a manifest, found by a dry run."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.output import as_yaml, dump, visible
from e2i.cli.plugin.session import Session, Target, in_session, with_target

if TYPE_CHECKING:
    from e2i.cli.plugin.documents import Manifests
    from e2i.cli.plugin.forecast import Forecast
    from e2i.cli.plugin.server_dry_run import DryRun

    Planned = tuple[DryRun, Forecast | None]

CHANGES = 1


@click.command()
@click.option(
    "-f", "--filename", "file", type=click.Path(allow_dash=True), help="Manifest; - is standard input."
)
@click.option(
    "-k", "--kustomize", "folder", type=click.Path(path_type=Path), help="Folder with a kustomization."
)
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="Print a document.")
@with_target
def plan(target: Target, file: str | None, folder: Path | None, output: str | None) -> None:
    """Show the effects of applying a manifest: releases, builds, pods and the room for them.

    The exit code is 0 if nothing changes, 1 if something does, and 2 on errors, such as a refusal by the API server.
    """
    if (file is None) == (folder is None):
        raise click.UsageError("Name a manifest with -f or a folder with -k.")
    from e2i.cli.plugin.documents import read_manifests

    manifests = read_manifests(file, folder)
    planned = in_session(target, lambda session: _plan_all(session, manifests, target.namespace))
    _print(planned, manifests.others, output)


async def _plan_all(session: Session, manifests: Manifests, namespace: str | None) -> list[Planned]:
    from e2i.cli.plugin.forecast import forecast, with_room
    from e2i.cli.plugin.server_dry_run import dry_run, read_nodes

    planned: list[Planned] = []
    nodes = None
    for body in manifests.models:
        one = await dry_run(session, body, namespace)
        made = forecast(one.live, one.after, one.requests, one.workloads) if one.after else None
        if made and one.after and made.extra.pods.least and not made.quarantine:
            nodes = nodes or await read_nodes(session)
            made = with_room(made, one.after, *nodes)
        planned.append((one, made))
    return planned


def _print(planned: list[Planned], others: int, output: str | None) -> None:
    from e2i.cli.plugin.forecast import NOTHING

    if output:
        click.echo(dump({"plans": [_document(*pair) for pair in planned], "otherObjects": others}, output))
    else:
        for result, made in planned:
            click.echo("\n".join(map(visible, lines(result, made))))
        if others:
            click.echo(f"{others} objects of other kinds were skipped")
    refused = [f"{one.namespace}/{one.name}: {one.refusal}" for one, _ in planned if one.refusal]
    if refused:
        raise CommandError("The API server refuses " + "; ".join(refused))
    raise SystemExit(CHANGES if any(made and made.change != NOTHING for _, made in planned) else 0)


def _document(result: DryRun, made: Forecast | None) -> dict[str, Any]:
    from e2i.cli.plugin.forecast import as_document

    return {
        "namespace": result.namespace,
        "name": result.name,
        "refused": result.refusal or None,
        **(as_document(made) if made else {}),
    }


def lines(result: DryRun, made: Forecast | None) -> Iterator[str]:
    """Yield the forecast for people, then the change of the spec as a diff."""
    title = f"E2IModel {result.namespace}/{result.name}"
    if made is None:
        yield f"{title}: refused"
        yield f"  {result.refusal}"
        return
    from e2i.cli.plugin.forecast import NOTHING

    yield f"{title}: {made.change}"
    if made.change == NOTHING:
        return
    yield from (f"  {name:<11}{text}" for name, text in _facts(result.after or {}, made))
    yield from (f"  {line}" for line in _diff(result.live, result.after or {}))


def _facts(after: Mapping[str, Any], made: Forecast) -> Iterator[tuple[str, str]]:
    from e2i.cli.plugin.forecast import REPLACING, SCALING, STARTING

    if made.change in STARTING:
        before = f"{made.release_before} -> " if made.release_before else ""
        yield "release", before + (made.release or "new: its id follows from the bento's content")
        yield "bento", f"{after['spec']['bento']['tag']}: {_IMAGES[made.image]}"
    if made.quarantine:
        failed = made.quarantine
        yield "quarantine", f"not tried: it failed with {failed['reason']} at {failed['failedAt']}"
    elif made.change in STARTING:
        yield "pods", f"{made.started} to start ({made.strategy})"
    if made.change == SCALING or (made.change in REPLACING and made.pods != made.pods_before):
        yield "size", f"{made.pods_before} -> {made.pods} pods"
    yield "capacity", _capacity(made)
    yield from (("note", note) for note in made.notes)


_IMAGES = {
    "kept": "its image is there, no export and no build",
    "building": "its image is being built",
    "failed": "its image could not be built, and is not tried again",
    "export and build": "export and build needed",
    "given": "its image was built elsewhere, no export and no build",
    "resolve": "the registry has to be asked for the digest of its image",
}


def _capacity(made: Forecast) -> str:
    from e2i.cli.plugin.forecast import REPLACING

    pods = made.extra.pods
    if made.quarantine or pods.most == 0:
        return "nothing beyond what runs now"
    amounts = ", ".join(f"{name} {amount}" for name, amount in made.extra.requests.items())
    amounts = f" requesting {amounts}" if amounts else ""
    more = f"{pods} more {'pod' if pods.most == 1 else 'pods'}{amounts}"
    if made.change not in REPLACING:
        return more
    if made.strategy == "InPlace":
        return f"{more}, while pods are replaced"
    return f"{'at most ' if made.strategy == 'Canary' else ''}{more}, until the earlier release is gone"


def _diff(live: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterator[str]:
    """Yield a diff of the fields that people write, without status and metadata of the API server."""
    now, applied = (as_yaml(_written(body)).splitlines() if body else [] for body in (live, after))
    yield from difflib.unified_diff(now, applied, "now", "applied", n=2, lineterm="")


def _written(body: Mapping[str, Any]) -> dict[str, Any]:
    from e2i.cli.plugin.forecast import user_metadata

    metadata = {key: value for key, value in user_metadata(body).items() if value}
    return {**({"metadata": metadata} if metadata else {}), "spec": body["spec"]}
