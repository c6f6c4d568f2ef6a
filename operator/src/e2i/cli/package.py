"""`e2i package`: from a trained model to a bento in the store."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from e2i.cli.interruption import interruptible
from e2i.packaging.errors import ErrorReason, PackagingError

if TYPE_CHECKING:
    from e2i.packaging.package import Packaged

# The modules that do the work import pandas and scikit-learn: they are imported where they are used.

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
KINDS = ("Classification", "Regression", "Causal")
FORMS = ("frame", "records", "matrix")
LEDGER = "versions.jsonl"
REGISTRY = "MLFLOW_TRACKING_URI"
REGISTERED = ("models:/", "mlflow://")
DECLARED = ("kind", "target", "treatment", "code", "rows_as", "synthetic", "predictions", "accept_guessing")
"""Options that are fields of the declaration as they are."""
NEEDED = ("data", "target", "kind", "requirements")


class CommandError(click.ClickException):
    """An error of packaging on the command line: the sentence, the stable reason, exit code 2."""

    exit_code = 2

    def __init__(self, refused: PackagingError) -> None:
        super().__init__(f"{refused.message} [{refused.reason}]")


AFTER_INTERRUPTION = "Nothing is half done: run the same command again."


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """End the command with a sentence instead of a traceback for errors of packaging, and on SIGTERM as on Ctrl-C."""
    try:
        with interruptible(AFTER_INTERRUPTION):
            yield
    except PackagingError as refused:
        raise CommandError(refused) from refused
    except OSError as error:
        raise click.ClickException(
            f"{error.filename or 'A file'} cannot be used: {error.strerror or error}. Look at its rights and at the "
            "space on the disk."
        ) from error


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for a model that was trained elsewhere."""
    options = [
        click.option(
            "--model", type=FILE, help="A fitted model: joblib, pickle, cloudpickle, or an XGBoost Booster."
        ),
        click.option("--data", type=FILE, help="What it was trained on: .csv, .parquet or .jsonl."),
        click.option("--target", help="The column that it predicts."),
        click.option("--type", "kind", type=click.Choice(KINDS), help="What kind of model it is."),
        click.option(
            "--requirements", type=FILE, help="What it needs to be loaded, each line name==version."
        ),
        click.option("--treatment", help="Causal: the column of the treatment."),
        click.option(
            "--features", help="Columns that it takes, with commas.  [default: those it was fitted with]"
        ),
        click.option("--labels", help="Words for its classes, with commas, in the order of its classes_."),
        click.option("--preprocessing", type=FILE, help="A fitted transformer that comes before the model."),
        click.option(
            "--code", type=FILE, multiple=True, help="A module that the model's classes are in; repeatable."
        ),
        click.option(
            "--rows-as", type=click.Choice(FORMS), help="What the model takes.  [default: found by trying]"
        ),
        click.option(
            "--confidence", type=click.FloatRange(0, 1, True, True), help="Causal: of the interval."
        ),
        click.option("--description", help="One sentence: what does it predict?"),
        click.option("--synthetic", is_flag=True, help="The data was made up; the bento says so in a label."),
        click.option(
            "--predictions", help="A column of the data with what training predicted; every one is compared."
        ),
        click.option(
            "--accept-guessing", is_flag=True, help="Take a model that is no better than its usual answer."
        ),
        click.option("--out", type=FOLDER, help="Where its description is kept.  [default: trained/NAME]"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("trained", nargs=-1)
@click.option("--version", required=True, help="A semantic version such as 1.4.2, or `time`.")
@click.option("--name", help="Name of the bento.  [default: the model's, or the service's]")
@click.option(
    "--service", type=FOLDER, help="Folder with service.py, for several models or routes of your own."
)
@click.option("--store", type=FOLDER, help="BentoML home folder.  [default: $BENTOML_HOME or ~/bentoml]")
@click.option("--ledger", type=FILE, help="[default: versions.jsonl beside the first trained folder]")
@click.option("--no-serve", is_flag=True, help="Do not serve the bento for a trial.")
@click.option("--no-explain", is_flag=True, help="Leave the package for explanations out of the bento.")
@click.option("--lean-image", is_flag=True, help="Its image has neither compilers nor git.")
@model_options
def package(
    trained: tuple[str, ...],
    version: str,
    name: str | None,
    service: Path | None,
    store: Path | None,
    ledger: Path | None,
    no_serve: bool,
    no_explain: bool,
    lean_image: bool,
    **model: Any,
) -> None:
    """Make a bento of trained models.

    TRAINED are folders that training left (with card.json), or models of the MLflow registry: models:/NAME/3,
    models:/NAME@alias. For a model that was trained elsewhere give --model,
    --data, --target, --type, --name and --requirements instead. Nothing is kept in the store unless the bento was
    built, served and answered as training recorded.
    """
    say = stopwatch()
    with report_errors():
        folders = [trained_folder(text, say) for text in trained]
        folders += [describe_file(name, model, say)] if model["model"] else []
        _refuse_leftovers(model)
        from e2i.packaging.package import BentoOptions
        from e2i.packaging.package import package as make

        done = make(
            folders,
            BentoOptions(name, service, not no_explain, lean_image),
            version=version,
            store=store,
            ledger=ledger or (Path(LEDGER) if any(is_registered(text) for text in trained) else None),
            serve=not no_serve,
            say=say,
        )
    _say_what_next(done, store)


def _say_what_next(done: Packaged, store: Path | None) -> None:
    click.echo(
        f"\n{done.tag}\n  digest {done.digest}\n  {done.size / 1e6:.1f} MB with its models, in {done.path}\n"
    )
    command = ["e2i", "manifest", done.tag, *(["--store", str(store)] if store else [])]
    click.echo(f"Next:  {shlex.join(command)} | kubectl apply -f -")


def is_registered(text: str) -> bool:
    """Whether `text` names a model of the registry, not a folder."""
    return text.startswith(REGISTERED)


def trained_folder(text: str, say: Callable[[str], None]) -> Path:
    """Return the trained folder that `text` names; a model of the registry is downloaded to trained/NAME-VERSION."""
    if not is_registered(text):
        return Path(text)
    if not os.environ.get(REGISTRY):
        raise PackagingError(
            ErrorReason.FileMissing,
            f"{text} is in an MLflow registry, and {REGISTRY} does not say in which. Set it to the registry's address, "
            "for instance sqlite:////home/ada/churn/mlflow.db.",
        )
    from e2i.registry.client import RegistryError, fetch
    from e2i.registry.uri import parse_model_uri

    say(f"downloading {text}")
    try:
        parse_model_uri(text)
        place = text.rpartition(":")[2].strip("/").removeprefix("models/")
        return fetch(text, Path("trained") / place.replace("/", "-").replace("@", "-")).folder
    except (ValueError, RegistryError) as error:
        raise PackagingError(ErrorReason.FileMissing, f"{str(error).rstrip('.')}.") from error


def describe_file(name: str | None, given: dict[str, Any], say: Callable[[str], None]) -> Path:
    """Write the trained folder of a model file; returns the folder."""
    missing = [f"--{'type' if key == 'kind' else key}" for key in NEEDED if not given[key]]
    if missing or not name:
        raise click.UsageError(f"--model also needs {', '.join([*missing, *([] if name else ['--name'])])}.")
    from e2i.packaging.describe_external import ExternalModel, describe_external
    from e2i.packaging.model_declaration import ModelDeclaration

    out = given["out"] or Path("trained") / name
    say(f"describing {given['model']} in {out}")
    files = ExternalModel(**{key: given[key] for key in ("model", "data", "requirements", "preprocessing")})
    declaration = ModelDeclaration(
        name=name,
        features=_words(given["features"]) or None,
        labels=_words(given["labels"]),
        confidence=given["confidence"] or 0.9,
        description=given["description"] or "",
        **{key: given[key] for key in DECLARED},
    )
    card = describe_external(files, declaration, out, say)
    say(
        f"{card.name}: {card.type} of {len(card.features)} features, rows as {card.rows_as}, "
        f"{len(card.golden)} golden predictions"
    )
    return out


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def stopwatch() -> Callable[[str], None]:
    """Prints lines with the seconds since now, to standard error: standard output is for the result."""
    started = time.monotonic()
    return lambda line: click.echo(f"{time.monotonic() - started:6.1f} s  {line}", err=True)


def _refuse_leftovers(model: dict[str, Any]) -> None:
    """Refuse options that describe a model if the model is described already."""
    given = [key for key, value in model.items() if value and key != "model"]
    if given and not model["model"]:
        option = {"kind": "type"}.get(given[0], given[0].replace("_", "-"))
        raise click.UsageError(f"--{option} goes with --model; a trained folder says it in its card.json.")
