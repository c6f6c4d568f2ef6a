"""`e2i conformance`: does a cluster with a bucket keep what e2i promises?"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import click

from e2i.cli.plugin.output import printable
from e2i.cli.plugin.session import Session, Target, in_session, is_name
from e2i.cli.stopwatch import Stopwatch

if TYPE_CHECKING:
    from e2i.conformance.report import Report
    from e2i.conformance.subject import Subject

FOLDER = click.Path(file_okay=False, path_type=Path)


def _namespace(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value and not is_name(value):
        raise click.BadParameter(f"{value!r} is not a valid name: use lower-case letters, digits and '-'")
    return value or f"e2i-conformance-{uuid.uuid4().hex[:8]}"


@click.command()
@click.option(
    "--manifest",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An E2IModel of yours with a golden prediction.  [default: the demo's churn_model:1.0.0]",
)
@click.option(
    "--namespace", callback=_namespace, help="The namespace that is made and removed.  [default: a new one]"
)
@click.option(
    "--secret-from",
    default="models",
    show_default=True,
    help="Namespace whose Secret for the download of bentos is copied.",
)
@click.option(
    "--timeout", type=click.FloatRange(1), default=1800.0, show_default=True, help="Seconds for each step."
)
@click.option(
    "--report",
    "folder",
    type=FOLDER,
    default=Path("e2i-conformance"),
    show_default=True,
    help="Folder for the report.",
)
@click.option("--context", help="Context of the kubeconfig.  [default: its current one]")
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="The kubeconfig.  [default: $KUBECONFIG or ~/.kube/config]",
)
def conformance(
    manifest: Path | None,
    namespace: str,
    secret_from: str,
    timeout: float,
    folder: Path,
    context: str | None,
    kubeconfig: Path | None,
) -> None:
    """Release a small model on a cluster of yours, and see whether e2i keeps its promises there.

    In a namespace of its own, which is removed: Ready, answers, the next release under requests, a bad release, undo,
    parked and woken, deleted; and the operator's bucket. It takes some minutes, and writes report.md and report.json.
    The exit code is 1 if a promise does not hold.
    """
    from e2i.conformance.suite import Choices, run_suite

    say = Stopwatch()
    choices = Choices(
        subject=_subject(manifest), namespace=namespace, secret_from=secret_from, timeout=timeout
    )

    async def run(session: Session) -> Report:
        return await run_suite(session.kube, choices, lambda line: say(printable(line)))

    report = in_session(Target(None, context, kubeconfig), run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report.document(), indent=2) + "\n")
    (folder / "report.md").write_text(report.markdown())
    click.echo(f"\n{report.summary}. The report: {folder / 'report.md'}")
    raise SystemExit(0 if report.conforms else 1)


def _subject(manifest: Path | None) -> Subject:
    from e2i.conformance import subject

    file = manifest or Path(subject.__file__).with_name("demo.yaml")
    try:
        return subject.Subject.of_manifest(file.read_text())
    except subject.ManifestUnusable as error:
        raise click.BadParameter(f"{file}: {error}", param_hint="--manifest") from error
