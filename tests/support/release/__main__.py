"""Make a release of e2i, or show its public surface: PYTHONPATH=tests python -m support.release COMMAND"""

from __future__ import annotations

import re
from pathlib import Path

import click
import yaml
from support.release import changelog, version
from support.release.check import run
from support.release.comparison import Surface, breaks
from support.release.surface import surface
from support.release.version import PROJECT

from e2i import clock

CHANGELOG = PROJECT / "CHANGELOG.md"
SURFACES = PROJECT / "docs" / "reference" / "surface"


def last_release() -> str:
    """Return the newest release that has a recorded surface."""
    return max((file.stem for file in SURFACES.glob("*.yaml")), key=version.order)


def recorded(release: str) -> Surface:
    """Return the surface of a release, as it was recorded with it."""
    found: Surface = yaml.safe_load((SURFACES / f"{release}.yaml").read_text())
    return found


def as_text(made: Surface) -> str:
    """Return the surface as it is recorded: one line for each name."""
    return yaml.safe_dump(made, default_flow_style=None, sort_keys=True, width=10_000, allow_unicode=True)


@click.group()
def main() -> None:
    """Make a release of e2i (docs/howto/release.md)."""


@main.command()
def show() -> None:
    """Print the public surface of this version."""
    click.echo(as_text(surface()), nl=False)


@main.command()
def compare() -> None:
    """Print what changed for users since the last release, announced in the changelog or not."""
    last = last_release()
    for each in breaks(recorded(last), surface()):
        click.echo(f"since {last}: {each}")


@main.command()
@click.argument("number", metavar="VERSION")
def cut(number: str) -> None:
    """Make the tree that of release VERSION: version, changelog and surface."""
    last = last_release()
    if not re.fullmatch(version.VERSION, number) or not version.is_release(number):
        raise click.UsageError(f"{number} is no version of a release: write for instance 0.2.0.")
    if version.order(number) <= version.order(last):
        raise click.UsageError(f"{number} is not after {last}, the last release.")
    text = changelog.cut(CHANGELOG.read_text(), number, f"{clock.now():%Y-%m-%d}")
    CHANGELOG.write_text(text)
    _set(number)
    (SURFACES / f"{number}.yaml").write_text(as_text(surface()))
    click.echo(f"The tree is that of {number}. Next:  make release-check")


@main.command()
@click.argument("number", metavar="VERSION")
def begin(number: str) -> None:
    """Begin the work on VERSION: the tree has the version VERSION-dev0 until it is released."""
    if not re.fullmatch(version.VERSION, number) or version.order(number) <= version.order(last_release()):
        raise click.UsageError(f"{number} is not after {last_release()}, the last release.")
    _set(f"{number.partition('-')[0]}-dev0")


@main.command()
@click.option(
    "--image/--no-image", default=True, show_default=True, help="Build the image too, where that is possible."
)
def check(image: bool) -> None:
    """Build all of a release twice from the last commit, compare and verify it."""
    raise SystemExit(run(click.echo, with_image=image))


def _set(number: str) -> None:
    files: dict[Path, str] = {version.PLACE: version.with_version(version.PLACE.read_text(), number)}
    for file, text in {**files, **version.followers(number)}.items():
        file.write_text(text)


if __name__ == "__main__":
    main(prog_name="python -m support.release")
