"""Writes the models of a backup, one after the other, with a line for each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import click

from e2i.api.naming import CLI_FIELD_MANAGER
from e2i.cli.plugin.advice import follow
from e2i.cli.plugin.errors import ERROR, CommandError, explained_error
from e2i.cli.plugin.output import printable
from e2i.cli.plugin.session import TRIES, Session
from e2i.clock import now
from e2i.inspection import gitops
from e2i.inspection.backup import restoring
from e2i.inspection.backup.reading import Saved
from e2i.inspection.backup.restoring import Step, Wish
from e2i.kube import ApiError, Object
from e2i.kube.e2i_kinds import E2I_MODELS

_AT_ONCE = 8
"""Models that are looked up at the same time."""
_MOST_NAMED = 10


async def read_steps(session: Session, wanted: Iterable[tuple[Saved, Wish]]) -> list[Step]:
    """Return each model with what the cluster has of it."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def look(saved: Saved, wish: Wish) -> Step:
        async with slots:
            live = await session.kube.get(E2I_MODELS, wish.namespace, saved.name)
        return Step(saved=saved, wish=wish, live=live)

    return await asyncio.gather(*(look(saved, wish) for saved, wish in wanted))


def refuse_different(steps: Iterable[Step]) -> None:
    """Refuse before anything is written."""
    names = [step.place for step in steps if step.verdict == restoring.DIFFERENT]
    if not names:
        return
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    raise CommandError(
        f"The cluster has these models with another spec: {', '.join(names[:_MOST_NAMED])}{more}. Nothing was written. "
        "--replace overwrites them; -n and --map choose other ones."
    )


def refuse_same_place(wanted: Sequence[tuple[Saved, Wish]]) -> None:
    """Refuse models of two namespaces that --map brings to one place."""
    sources: dict[str, str] = {}
    for saved, wish in wanted:
        place = f"{wish.namespace}/{saved.name}"
        if place in sources:
            raise CommandError(
                f"{sources[place]} and {saved.place} would both become {place}. Nothing was written: choose other "
                "namespaces with --map, or restore them one after the other with -n."
            )
        sources[place] = saved.place


async def restore_all(session: Session, steps: Sequence[Step], dry_run: bool) -> int:
    """Write the models; return the exit code. One that is refused does not hold up the next ones."""
    there: list[Step] = []
    for number, step in enumerate(steps, start=1):
        place = f"[{number}/{len(steps)}] {step.place}"
        try:
            line = await _write(session, step, dry_run)
        except ApiError as error:
            click.echo(printable(f"{place}: not restored. {_words(error, step)}"), err=True)
            continue
        there.append(step)
        click.echo(printable(f"{place}: {line}"))
    failed = len(steps) - len(there)
    if places := restoring.archive_places(there):
        click.echo(
            f"What served needs its archives in {printable(' and '.join(places))}. Has the operator another bucket or "
            "prefix? Then bring the bentos into its store, and give --as-served."
        )
    click.echo(printable(_end(there, failed, dry_run)))
    return ERROR if failed else 0


def _words(error: ApiError, step: Step) -> str:
    if error.status == 404 and "namespaces" in error.message:
        name = step.wish.namespace
        return (
            f"There is no namespace {name}: restore it with its Secrets, or kubectl create namespace {name}."
        )
    return explained_error(error.status, error.reason, error.message).message


async def _write(session: Session, step: Step, dry_run: bool) -> str:
    """Write one model; return what happens to it."""
    # As kubectl does: a field that the cluster does not know is named, and not dropped.
    strict = {"fieldManager": CLI_FIELD_MANAGER, "fieldValidation": "Strict"}
    query = {**strict, **({"dryRun": "All"} if dry_run else {})}
    would = "would be " if dry_run else ""
    if step.verdict == restoring.SAME:
        return "is there with the same spec, and is left as it is"
    if step.live is not None:
        await _replace(session, step, dict(step.live), query)
        tool = gitops.managing_tool(step.live)
        reverts = f", until {tool} writes its own" if tool else ""
        return f"{would}replaced by the spec of the backup{reverts}"
    body = restoring.with_note(step.manifest, step.saved, now())
    await session.kube.request("POST", E2I_MODELS.path(step.wish.namespace), body=body, query=query)
    return f"{would}created; {restoring.expectation(step.saved, step.wish)}"


async def _replace(session: Session, step: Step, live: Object, query: Mapping[str, str]) -> None:
    """Replace the model. The operator may write its status at any time, so it is read again after a conflict."""
    path = E2I_MODELS.path(step.wish.namespace, step.saved.name)
    for _ in range(TRIES - 1):
        try:
            await session.kube.request("PUT", path, body=restoring.replaced(live, step.manifest), query=query)
            return
        except ApiError as error:
            found = await session.kube.get(E2I_MODELS, step.wish.namespace, step.saved.name)
            if error.status != 409 or found is None:
                raise
            live = found
    await session.kube.request("PUT", path, body=restoring.replaced(live, step.manifest), query=query)


def _end(there: Sequence[Step], failed: int, dry_run: bool) -> str:
    again = f" {failed} failed: correct the causes, and run the command again." if failed else ""
    if not there:
        return f"Nothing was restored.{again}"
    count = f"{len(there)} of {len(there) + failed}"
    if dry_run:
        return f"Can be restored: {count}.{again} Nothing was written: leave out --dry-run to restore them."
    return (
        f"Restored: {count}.{again} Follow them: kubectl get e2im -A -w; one with all its parts: "
        f"{follow(there[0].manifest['metadata'])}"
    )
