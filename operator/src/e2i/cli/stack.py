"""`e2i stack`: the services of the runbook on their fixed ports, on the local cluster or for Docker."""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from e2i.cli.local import build_tools, report_errors
from e2i.cli.stopwatch import Stopwatch
from e2i.stack.errors import StackError

if TYPE_CHECKING:
    from e2i.stack.bento_builds import Builder
    from e2i.stack.description import Stack

_name = click.option("--name", default="e2i", show_default=True, help="Name of the local cluster.")
_store = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="The BentoML store of the bentos.  [default: $BENTOML_HOME or ~/bentoml]",
)
_description = click.option(
    "--stack",
    "description",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The description of the stack.  [default: bentos/stack/stack.yaml of the checkout]",
)


@click.group()
def stack() -> None:
    """Run the example services on fixed ports, with Prometheus beside them."""


@stack.command()
@_name
@_store
@_description
def up(name: str, store: Path | None, description: Path | None) -> None:
    """Start the stack on the local cluster; run again, it goes on from what is there."""
    with _reported():
        from e2i.local import cluster
        from e2i.local.bootstrap import choose_bento_store
        from e2i.local.toolchain import PROMETHEUS, ensure_built
        from e2i.stack import running

        say = Stopwatch()
        home = cluster.open_home(name)
        file, described, builder = _read(description, choose_bento_store(home, store), say)
        build_tools(say, kubernetes=home.kubernetes)
        ensure_built([PROMETHEUS], say, say.show if say.moving else None)
        overlay = cluster.overlay_of(home)
        home = cluster.bring_up(home, say, bento_store=builder.store, overlay=overlay)
        builder.build_missing(described)
        running.start(home, described, file, builder, say)
    click.echo(_what_to_try(described))


@stack.command()
@_name
@_description
def down(name: str, description: Path | None) -> None:
    """Close the ports and delete the models. The cluster goes on running."""
    with _reported():
        from e2i.local import layout
        from e2i.stack import running

        _, described, _ = _read(description, Path(), Stopwatch())
        running.stop(layout.load_home(layout.home_of(name)), described, Stopwatch())


@stack.command()
@_store
@_description
def build(store: Path | None, description: Path | None) -> None:
    """Build the bentos, and put them where `docker compose build` takes them from."""
    with _reported():
        from e2i.local.bootstrap import default_bento_store
        from e2i.stack.compose import BUILT

        say = Stopwatch()
        file, described, builder = _read(description, store or default_bento_store(), say)
        builder.build_missing(described)
        builder.unpack(described, file.parent / BUILT)
        say(f"the bentos are in {file.parent / BUILT}")
    click.echo(
        f"\nNext:  docker compose -f {shlex.quote(str(file.parent / 'docker-compose.yaml'))} up -d --build"
    )


@stack.command()
@_description
def compose(description: Path | None) -> None:
    """Write docker-compose.yaml, and what Prometheus and Grafana read, beside the description."""
    with _reported():
        import yaml

        from e2i.stack.compose import MADE, files
        from e2i.stack.layout import BOARD, DESCRIPTION

        file, described, _ = _read(description, Path(), Stopwatch())
        for place, content in files(described).items():
            target = file.parent / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(MADE + yaml.safe_dump(content, sort_keys=False, width=120))
            click.echo(target)
        if file != DESCRIPTION:
            shutil.copyfile(DESCRIPTION.parent / BOARD, file.parent / BOARD)
            click.echo(file.parent / BOARD)


def _read(description: Path | None, store: Path, say: Stopwatch) -> tuple[Path, Stack, Builder]:
    from e2i.stack.bento_builds import Builder
    from e2i.stack.description import read_stack
    from e2i.stack.layout import DESCRIPTION, FOLDER

    file = (description or DESCRIPTION).resolve()
    return file, read_stack(file), Builder(FOLDER, store, say)


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    with report_errors():
        try:
            yield
        except StackError as error:
            raise click.ClickException(str(error)) from error


def _what_to_try(described: Stack) -> str:
    names = {"grafana": "a page with these addresses; Grafana runs in the form for Docker"}
    rows = "\n".join(
        f"    http://localhost:{port:<6} {names.get(name, name)}" for name, port in described.ports.items()
    )
    return f"""
The stack is up:
{rows}

Try next:
    curl http://localhost:3001/readyz
    BENTOML_SERVICE_URL=http://localhost:3001 PROMETHEUS_URL=http://localhost:9090 \\
        .venv/bin/pytest tests/e2e/test_model_serving

Then `e2i stack down` deletes the models, and `e2i local down` stops the cluster."""
