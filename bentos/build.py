"""Train one of the sample models and build its bento into a BentoML store.

    python bentos/build.py churn --version 1.0.0

These are bentos as one writes them by hand: service.py, bentofile.yaml, and train.py when it holds a model. The bento
and its model get the same version. What the store has already is left alone. The other folders beside this file are
projects and services for `e2i package` and `e2i pipeline`.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
import yaml

BENTOS = Path(__file__).resolve().parent
LOCK = BENTOS.parent / "requirements.lock"
NAMES = sorted({"echo", *(file.parent.name for file in BENTOS.glob("*/train.py"))})


@click.command()
@click.argument("name", type=click.Choice(NAMES))
@click.option("--version", default="1.0.0", show_default=True, help="Version of the bento and of its model.")
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="BentoML home folder.  [default: $BENTOML_HOME or ~/bentoml]",
)
def main(name: str, version: str, store: Path | None) -> None:
    """Train the model NAME and build its bento."""
    prepare_environment(store)
    folder = BENTOS / name
    tag = f"{yaml.safe_load((folder / 'bentofile.yaml').read_text())['name']}:{version}"
    started = time.monotonic()
    if is_in_store(tag):
        click.echo(f"{tag} is in the store already: nothing to do")
        return
    if (folder / "train.py").exists():
        click.echo(f"{tag}: {train(folder, version)}")
    path = build(folder, version)
    click.echo(f"{tag}: built in {time.monotonic() - started:.1f} s: {path}")


def prepare_environment(store: Path | None) -> None:
    """Set what BentoML and uv read once, when they start: call it before `import bentoml`."""
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    if store:
        os.environ["BENTOML_HOME"] = str(store.resolve())
        store.mkdir(parents=True, exist_ok=True)
    # BentoML locks a bento's packages by calling uv. Held to the project's own versions, a bento built next
    # month is the same, and everything it needs is in uv's cache already.
    os.environ.setdefault("UV_CONSTRAINT", str(without_spaces(LOCK)))


def without_spaces(file: Path) -> Path:
    """Return a path of `file` without a space in it: uv splits UV_CONSTRAINT at spaces, and knows no quotes there."""
    if not any(character.isspace() for character in str(file)):
        return file
    folder = Path(tempfile.mkdtemp(prefix="e2i-build-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    link = folder / file.name
    link.symlink_to(file)
    return link


def store_folder() -> Path:
    return Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")


def is_in_store(tag: str) -> bool:
    """Is exactly this bento there? A broken one ends the program: only the user may delete it."""
    import bentoml

    try:
        # BentoML's get also accepts a tag that only begins like this one.
        return str(bentoml.bentos.get(tag).tag) == tag
    except bentoml.exceptions.NotFound:
        return False
    except Exception as error:
        folder = store_folder() / "bentos" / tag.replace(":", "/")
        raise click.ClickException(
            f"{tag} is in the store but cannot be read ({type(error).__name__}: {error}). "
            f"Remove the folder {folder}, then build again."
        ) from error


def train(folder: Path, version: str) -> str:
    """Train and save the folder's model; returns what train.py says about it."""
    sys.path.insert(0, str(folder))
    recipe = importlib.import_module("train")
    if version not in recipe.VERSIONS:
        raise click.ClickException(
            f"{folder.name} has no version {version}; choose one of {', '.join(recipe.VERSIONS)}"
        )
    # There is no bento of this version: a model of it was left by an interrupted build, perhaps incomplete.
    shutil.rmtree(store_folder() / "models" / recipe.MODEL / version, ignore_errors=True)
    return str(recipe.save(version))


def build(folder: Path, version: str) -> str:
    """Build the bento from the folder and return where it is."""
    import bentoml

    try:
        bento = bentoml.bentos.build_bentofile(
            str(folder / "bentofile.yaml"),
            version=version,
            build_ctx=str(folder),
            args={"model_version": version},
        )
    except bentoml.exceptions.BentoMLException as error:
        raise click.ClickException(f"{folder.name} {version} was not built: {error}") from error
    return str(bento.path)


if __name__ == "__main__":
    main()
