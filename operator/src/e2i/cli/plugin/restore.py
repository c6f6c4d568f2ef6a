"""`restore`: creates the models of a backup; what served before serves again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.output import printable
from e2i.cli.plugin.session import Session, Target, in_session, is_name, with_target

if TYPE_CHECKING:
    from e2i.inspection.backup.reading import Backup, Saved


def _mapping(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parse --map: ("models=models-new",) -> {"models": "models-new"}"""
    pairs = [value.partition("=") for value in values]
    for before, equals, after in pairs:
        if not (equals and is_name(before) and is_name(after)):
            raise click.BadParameter("write it as OLD=NEW, with names of namespaces")
    return {before: after for before, _, after in pairs}


@click.command()
@click.argument("file", type=click.Path(allow_dash=True, path_type=Path))
@click.option(
    "--dry-run", is_flag=True, help="Ask the API server whether it would take the models; write nothing."
)
@click.option("--map", "places", multiple=True, metavar="OLD=NEW", callback=_mapping,
              help="Restore the models of one namespace into another. Repeat it for more.")  # fmt: skip
@click.option("--replace", is_flag=True, help="Overwrite models that are there with another spec.")
@click.option(
    "--as-served", is_flag=True, help="Write the spec of the release that served, if another was asked for."
)
@with_target
def restore(
    target: Target, file: Path, dry_run: bool, places: dict[str, str], replace: bool, as_served: bool
) -> None:
    """Create the models of a backup (- is standard input). The release that served comes back before others are tried.

    With -n only the models that the backup has in that namespace. A model that is there already with the same spec is
    left as it is, so the command can be repeated. If one is there with another spec, nothing is written.
    """
    from e2i.inspection.backup.restoring import Wish

    saved = _read(file)
    chosen = [each for each in saved.models if target.namespace in (None, each.namespace)]
    if not chosen:
        known = ", ".join(sorted({each.namespace for each in saved.models}))
        raise CommandError(f"{file} has no models of namespace {target.namespace}. It has {known}.")
    click.echo(printable(f"Backup of {saved.cluster or 'an unknown cluster'}, taken at {saved.taken_at}."))

    async def run(session: Session) -> int:
        from e2i.cli.plugin.restore_models import read_steps, refuse_different, refuse_same_place, restore_all

        def wish(each: Saved) -> Wish:
            namespace = places.get(each.namespace, each.namespace)
            return Wish(namespace=namespace, as_served=as_served, replace=replace)

        wanted = [(each, wish(each)) for each in chosen]
        refuse_same_place(wanted)
        steps = await read_steps(session, wanted)
        refuse_different(steps)
        return await restore_all(session, steps, dry_run)

    raise SystemExit(in_session(target, run))


def _read(file: Path) -> Backup:
    from e2i.inspection.backup.reading import BackupInvalid, read_backup

    try:
        with click.open_file(str(file)) as stream:
            return read_backup(stream.read(), str(file))
    except BackupInvalid as error:
        raise CommandError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
