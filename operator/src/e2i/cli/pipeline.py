"""`e2i pipeline`: go from data to a released model, and retrain it when the data has changed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from e2i.cli.interruption import interruptible
from e2i.cli.local import report_errors
from e2i.cli.stopwatch import Stopwatch
from e2i.pipeline.step_order import NAMES, STEPS, Step

# The modules that do the work are imported when a command runs, so that help and completion are quick.

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
Decorator = Callable[[Any], Any]

_project = click.option(
    "--project", type=FOLDER, default=".", show_default=True, help="Folder with project.yaml."
)
_OPTIONS: dict[str, Decorator] = {
    "data": click.option(
        "--data", type=FILE, help="Read this file from now on; `project` for the project's own data."
    ),
    "store": click.option(
        "--store", type=FOLDER, help="BentoML store.  [default: $BENTOML_HOME or ~/bentoml]"
    ),
    "against": click.option(
        "--against",
        metavar="MODEL",
        help="Compare with this (models:/NAME/3, a folder, a bento's tag) or `none`.",
    ),
    "image": click.option(
        "--image", metavar="NAME", help="Name the image so, with its registry, and push it."
    ),
    "trial": click.option(
        "--trial/--no-trial", default=True, show_default=True, help="Serve the bento here before it is kept."
    ),
    "overlay": click.option(
        "--overlay", type=FOLDER, help="Commit the manifest there.  [default: deploy.overlay]"
    ),
    "git_push": click.option("--git-push", is_flag=True, help="Push the commit of the overlay as well."),
    "kubeconfig": click.option(
        "--kubeconfig", type=FILE, envvar="KUBECONFIG", show_envvar=True, help="The cluster where it serves."
    ),
    "context": click.option("--context", help="Context of the kubeconfig.  [default: the current one]"),
    "timeout": click.option(
        "--timeout",
        type=click.FloatRange(min=1),
        default=600.0,
        show_default=True,
        help="Seconds that a release may take.",
    ),
    "stream": click.option(
        "--stream", type=FILE, help="Take captured inputs from this file, not from the cluster."
    ),
    "force": click.option("--force", is_flag=True, help="Rerun even if nothing changed."),
}
_CLUSTER = ("kubeconfig", "context")
_STEP_OPTIONS: dict[str, tuple[str, ...]] = {
    "data": ("data",),
    "evaluate": ("against", "store", "overlay", *_CLUSTER),
    "build": ("store", "trial"),
    "containerize": ("store", "image"),
    "push": ("store", "image"),
    "deploy": ("overlay", "git_push", *_CLUSTER),
    "serve": ("timeout", *_CLUSTER),
    "monitor": ("stream", *_CLUSTER),
    "drift": ("overlay", *_CLUSTER),
    "retrain": tuple(name for name in _OPTIONS if name not in ("stream", "force")),
}
_ALL = tuple(name for name in _OPTIONS if name != "force")


def _options(*names: str) -> Decorator:
    def decorate(function: Any) -> Any:
        for name in reversed(names):
            function = _OPTIONS[name](function)
        return _project(function)

    return decorate


class LoopOrderGroup(click.Group):
    """Shows the commands in the order of the loop."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=LoopOrderGroup)
def pipeline() -> None:
    """Go from data to a released model, step by step, and back when the data has changed."""


@pipeline.command()
@_options(*_ALL, "force")
def run(project: Path, **given: Any) -> None:
    """Go through all steps; those that nothing has changed for are not done again."""
    _run_steps(project, given, NAMES)


def _add(step: Step) -> None:
    @pipeline.command(step.name, help=f"{step.does}{' Runs each time.' if step.always else ''}")
    @_options(*_STEP_OPTIONS.get(step.name, ()), "force")
    def command(project: Path, **given: Any) -> None:
        _run_steps(project, given, (step.name,))


for _step in STEPS:
    _add(_step)


@pipeline.command()
@_options(*_CLUSTER)
def status(project: Path, **given: Any) -> None:
    """Show what is done, what is to be done and why."""
    with _report_pipeline_errors():
        from e2i.pipeline.context import Options, open_loop
        from e2i.pipeline.overview import overview

        click.echo("\n".join(overview(open_loop(project, Options(**given), click.echo))))


@pipeline.command()
@click.option("--name", default="e2i", show_default=True, help="Name of the local cluster.")
@click.option("--work", type=FOLDER, help="Work folder.  [default: beside the cluster]")
def demo(name: str, work: Path | None) -> None:
    """Show the whole loop on the local cluster: release, drift, retraining, and a model that is refused."""
    with report_errors():
        from e2i.pipeline.demo import run_demo

        run_demo(name, work, Stopwatch())


def _run_steps(project: Path, given: dict[str, Any], steps: tuple[str, ...]) -> None:
    with _report_pipeline_errors():
        from e2i.pipeline.context import Options, open_loop
        from e2i.pipeline.runner import run as run_all
        from e2i.pipeline.runner import run_one
        from e2i.pipeline.workspace import Workspace

        with Workspace(project.resolve()).locked():
            loop = open_loop(project, Options(**given), Stopwatch())
            if len(steps) == 1:
                run_one(loop, steps[0])
            else:
                run_all(loop, steps)


@contextlib.contextmanager
def _report_pipeline_errors() -> Iterator[None]:
    """Print an error that stops the loop on stderr, and end with its exit code."""
    from e2i.pipeline.errors import PipelineError
    from e2i.pipeline.project import ProjectError

    try:
        with interruptible("The steps that are done are kept. Run the same command again: it continues."):
            yield
    except ProjectError as error:
        raise click.ClickException(str(error)) from error
    except PipelineError as stopped:
        click.echo(f"Error: {stopped.message}", err=True)
        sys.exit(stopped.code)
    except OSError as error:
        place = error.filename or "A file"
        raise click.ClickException(
            f"{place}: {error.strerror or error}. Give yourself the right to it, or free some space."
        ) from error
