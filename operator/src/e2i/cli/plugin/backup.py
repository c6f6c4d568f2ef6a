"""`backup`: writes what is known of the models of a namespace, or of the cluster, as one document."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from e2i.api import naming
from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.output import dump
from e2i.cli.plugin.session import Session, Target, in_session, with_target
from e2i.clock import now

if TYPE_CHECKING:
    from e2i.inspection.backup.document import Source
    from e2i.kube import Resource

    Children = Mapping[tuple[str, str], tuple[Mapping[str, Any], ...]]


@click.command()
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="The models of all namespaces.")
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@with_target
def backup(target: Target, everywhere: bool, output: str) -> None:
    """Print what is known of the models: spec, release that serves, history. Restore it with `restore`.

    Redirect it into a file: kubectl e2i backup -A > models.yaml. It has no values of Secrets, no bentos and no images.
    """
    if everywhere and target.namespace:
        raise click.UsageError("Choose -n or -A, not both.")

    async def read(session: Session) -> dict[str, Any]:
        return await _document(session, None if everywhere else session.namespace)

    from e2i.inspection.backup.document import BEGIN, END

    found = in_session(target, read)
    text = dump(found, output).rstrip("\n") + "\n"
    click.echo(f"{BEGIN}{text}{END}" if output == "yaml" else text, nl=False)
    waiting = sum(not entry["serving"] for entry in found["models"])
    count = len(found["models"])
    told = f"The backup has {count} model{'s' if count > 1 else ''} of {found['cluster']['server']}"
    click.echo(f"{told}; without a release that serves: {waiting}." if waiting else f"{told}.", err=True)
    for note in found["notes"]:
        click.echo(f"Note: {note}", err=True)


async def _document(session: Session, namespace: str | None) -> dict[str, Any]:
    from e2i.api.conditions import timestamp
    from e2i.inspection.backup.document import document
    from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, BENTOES, E2I_MODELS, PODS

    models, _ = await session.kube.list(E2I_MODELS, namespace)
    if not models:
        where = (
            f"namespace {namespace}: choose another one with -n, or all with -A" if namespace else "cluster"
        )
        raise CommandError(f"There are no E2IModels in the {where}.")
    kinds = (BENTO_REQUESTS, BENTOES, BENTO_DEPLOYMENTS, PODS)
    answers = await asyncio.gather(*(_children(session, kind, namespace) for kind in kinds))
    requests, bentoes, deployments, pods = (children for children, _ in answers)
    notes = [note for _, note in answers if note]
    sources = []
    for model in models:
        place = (model["metadata"]["namespace"], model["metadata"]["name"])
        source, note = _source(
            model,
            requests=(*requests.get(place, ()), *bentoes.get(place, ())),
            deployments=deployments.get(place, ()),
            pods=pods.get(place, ()),
        )
        sources.append(source)
        notes += [note] if note else []
    cluster = {"server": session.kube.server, "kubernetes": await _version(session)}
    return document(sources, cluster=cluster, taken_at=timestamp(now()), notes=notes)


async def _children(session: Session, kind: Resource, namespace: str | None) -> tuple[Children, str]:
    """Return the children of a kind by their model, and a note if they cannot be read."""
    from e2i.kube import ApiError

    try:
        found, _ = await session.kube.list(kind, namespace, labels=naming.MODEL_LABEL)
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        return {}, f"{kind.plural} cannot be read here: what they know is left out."
    by_model: dict[tuple[str, str], tuple[Mapping[str, Any], ...]] = {}
    for body in found:
        place = (body["metadata"]["namespace"], body["metadata"]["labels"][naming.MODEL_LABEL])
        by_model[place] = (*by_model.get(place, ()), {"kind": kind.kind, **body})
    return by_model, ""


def _source(
    model: Mapping[str, Any],
    *,
    requests: tuple[Mapping[str, Any], ...],
    deployments: tuple[Mapping[str, Any], ...],
    pods: tuple[Mapping[str, Any], ...],
) -> tuple[Source, str]:
    """Return the model with what serves, and a note if the spec that serves cannot be found."""
    from e2i.cli.plugin import previous_specs
    from e2i.inspection.backup.document import Source, serving_entry

    entry = serving_entry(model)
    if not entry.get("bentoTag"):
        return Source(model=model, requests=requests, pods=pods), ""
    asked = previous_specs.with_bento(model, entry)
    is_asked = (
        asked["bento"] == model["spec"]["bento"]
        and previous_specs.release_of(model, asked, entry.get("digest", "")) == entry["release"]
    )
    if is_asked:
        return Source(model=model, requests=requests, pods=pods), ""
    spec = _served_spec(model, deployments, entry, asked)
    name = f"{model['metadata']['namespace']}/{model['metadata']['name']}"
    note = (
        f"{name}: the spec of release {entry['release']}, which serves, cannot be found. It comes back by the ledger "
        "in the bucket, if its environment is that of the spec."
    )
    source = Source(model=model, requests=requests, pods=pods, asks_for_other=True, served_spec=spec)
    return source, "" if spec else note


def _served_spec(
    model: Mapping[str, Any],
    deployments: tuple[Mapping[str, Any], ...],
    entry: Mapping[str, Any],
    asked: dict[str, Any],
) -> dict[str, Any] | None:
    from e2i.cli.plugin import previous_specs

    then = previous_specs.with_restart(model, entry.get("restartAt", ""))
    if previous_specs.release_of(then, asked, entry.get("digest", "")) == entry["release"]:
        return asked
    for body in deployments:
        if (body["metadata"].get("labels") or {}).get(naming.RELEASE_LABEL) == entry["release"]:
            return previous_specs.earlier_spec(then, body, entry)
    return None


async def _version(session: Session) -> str | None:
    """Return the version of the API server; None if it does not say it."""
    from e2i.kube import ApiError

    try:
        return str((await session.kube.request("GET", "/version")).get("gitVersion"))
    except ApiError:
        return None
