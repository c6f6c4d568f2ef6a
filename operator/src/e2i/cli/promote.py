"""`e2i promote`: copy a release that served in one environment into the folder of the next one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from e2i.cli.plugin.session import Session, Target, in_session, is_name
from e2i.clock import now

if TYPE_CHECKING:
    from e2i.promotion.kustomization import Manifest

FOLDER = click.Path(file_okay=False, path_type=Path)
_SPAN = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Span(click.ParamType[timedelta]):
    """A length of time: 90s, 30m, 24h, 7d."""

    name = "time"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = _SPAN.fullmatch(value)
        if not found:
            self.fail(f"{value!r} is no time: write for instance 30m, 24h or 7d", parameter, context)
        return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not is_name(value):
        raise click.BadParameter(f"{value!r} is not a valid name: use lower-case letters, digits and '-'")
    return value


class CommandRefused(click.ClickException):
    """The sentence, and the stable reason; exit code 1."""


@click.command()
@click.argument("model", callback=_name)
@click.option(
    "--from", "source", type=FOLDER, required=True, help="Folder of the environment where it serves."
)
@click.option("--to", "target", type=FOLDER, required=True, help="Folder of the next environment.")
@click.option(
    "--min-served", type=Span(), default="0s", help="Refuse what has served for less, for instance 24h."
)
@click.option("-n", "--namespace", help="The model's namespace.  [default: that of its manifest]")
@click.option("--context", help="Context of the source's cluster.  [default: the current one]")
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path), help="[default: $KUBECONFIG or ~/.kube/config]"
)
@click.option("--dry-run", is_flag=True, help="Print the change and the commit's message; change nothing.")
@click.option("--git-push", is_flag=True, help="Push the commit.")
def promote(
    model: str,
    source: Path,
    target: Path,
    min_served: timedelta,
    namespace: str | None,
    context: str | None,
    kubeconfig: Path | None,
    dry_run: bool,
    git_push: bool,
) -> None:
    """Copy the release of MODEL that serves in one environment into the folder of the next one, and commit it.

    The digest and the checks are copied, and nothing else of the manifest. What never served in the source's cluster,
    or failed there, is refused.
    """
    from e2i.promotion.environment_folder import promoted
    from e2i.promotion.evidence import commit_message, evidence_of
    from e2i.promotion.kustomization import read_environment

    with _report_errors():
        manifest, found = _source(source, target, model, Target(namespace, context, kubeconfig))
        evidence = evidence_of(found, manifest.spec, min_served, now())
        files = promoted(read_environment(target), model, evidence, found["metadata"]["namespace"])
        message = commit_message(model, source.resolve().name, target.resolve().name, evidence)
        if dry_run:
            _show(files, message)
            changed = True
        else:
            changed = _commit(target, files, message, git_push)
    if changed and "archive" in evidence.bento and "archive" not in found["spec"]["bento"]:
        _say_where_archives_are(target, evidence.digest)


def _source(source: Path, target: Path, model: str, place: Target) -> tuple[Manifest, Mapping[str, Any]]:
    """Return what the source's folder says of the model, and the model as its cluster has it."""
    from e2i.promotion.errors import PromotionRefused, Reason
    from e2i.promotion.kustomization import find, inherited, read_environment

    if source.resolve() == target.resolve():
        raise PromotionRefused(
            Reason.FolderUnusable, f"--from and --to both name {target.resolve()}. Name two environments."
        )
    environment = read_environment(source)
    manifest = find(environment, model)
    if manifest is None or "bento" not in manifest.spec:
        manifest = inherited(environment, model) or manifest
    if manifest is None:
        raise PromotionRefused(
            Reason.FolderUnusable, f"No file that {environment.file} lists is a manifest of {model}."
        )
    chosen = place.namespace or environment.namespace or manifest.namespace
    return manifest, _read(Target(chosen, place.context, place.kubeconfig), environment.name_of(model))


def _say_where_archives_are(target: Path, digest: str) -> None:
    click.echo(
        f"Note: the operator of {target.resolve().name} takes the bento from its archive {digest} in its "
        "own bucket. If that is another bucket, bring it there: e2i pipeline push",
        err=True,
    )


@contextlib.contextmanager
def _report_errors() -> Iterator[None]:
    """End the command with a sentence instead of a traceback."""
    from e2i.pipeline.errors import PipelineError
    from e2i.promotion.errors import PromotionRefused

    try:
        yield
    except PromotionRefused as refused:
        raise CommandRefused(f"{refused.message} [{refused.reason}]") from refused
    except PipelineError as error:
        raise CommandRefused(error.message) from error
    except OSError as error:
        raise CommandRefused(f"{error.filename}: {error.strerror}. Nothing was changed.") from error


def _read(place: Target, model: str) -> Mapping[str, Any]:
    async def read(session: Session) -> Mapping[str, Any]:
        from e2i.cli.plugin.read import read_model

        return await read_model(session, model)

    return in_session(place, read)


def _show(files: Mapping[Path, str], message: str) -> None:
    import difflib

    for file, text in files.items():
        before = file.read_text().splitlines(keepends=True) if file.exists() else []
        after = text.replace("\r\n", "\n").splitlines(keepends=True)
        lines = difflib.unified_diff(before, after, f"a/{file}", f"b/{file}")
        click.echo("".join(lines), nl=False)
    click.echo(f"\n{message}", nl=False)


def _commit(folder: Path, files: Mapping[Path, str], message: str, git_push: bool) -> bool:
    """Return whether there was something to commit."""
    from e2i.pipeline import git
    from e2i.promotion.environment_folder import saved

    git.require_committable(folder)
    git.require_unchanged(folder, list(files))
    with saved(files) as changed:
        if not changed:
            click.echo(f"{folder} has this release already.")
            return False
        commit = git.commit(folder, list(files), message)
    click.echo(f"Committed {commit[:12]} in {folder}:\n\n{message}", nl=False)
    if git_push:
        git.push(folder)
        click.echo("Pushed.")
    return True
