"""Find the bento of a model URI in the store, or package it. Runs as a subprocess:

    python -m e2i.deploying.prepare_bento mlflow://models/churn_model/1 /path/of/the/store

Writes lines of JSON to stdout: {"say": ...} for progress, then {"tag", "packaged"}, {"missing"} or {"refused",
"reason"} as the result. Ends when its stdin is closed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from e2i.api.tags import parse_tag
from e2i.archive.bento_store import FoundBento, find_bento
from e2i.archive.errors import ExportError
from e2i.deploying.errors import ModelNotFound, PackagingRefused
from e2i.deploying.logged_model import describe_logged, is_logged
from e2i.deploying.sources import Folder, Stored, parse_source
from e2i.deploying.stored_bento import has_bento
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.package import package
from e2i.packaging.stored_bento import cards_of
from e2i.packaging.version_log import VERSION_LOG
from e2i.registry import client as registry
from e2i.registry.uri import ModelUri
from e2i_bento.card import CARD_FILE, Card, read_card

Say = Callable[[str], None]

TRACKING = "MLFLOW_TRACKING_URI"


def prepare(uri: str, store: Path, say: Say) -> tuple[str, bool]:
    """Return the tag of the bento, and whether this call packaged it.

    ModelNotFound, PackagingRefused or PackagingError if there is none and none can be made.
    """
    with tempfile.TemporaryDirectory(prefix="e2i-deploy-") as work:
        match parse_source(uri):
            case ModelUri() as source:
                return _prepare_registered(source, store, Path(work), say)
            case Folder(path):
                return _prepare_folder(path.expanduser(), store, Path(work), say)
            case Stored(tag):
                return str(tag), False


def _prepare_registered(source: ModelUri, store: Path, work: Path, say: Say) -> tuple[str, bool]:
    tracking = os.environ.get(TRACKING)
    if not tracking:
        raise ModelNotFound(
            f"{TRACKING} is not set, so {source} cannot be found. Set it to the URI of the tracking server."
        )
    say(f"looking for {source} in the MLflow registry")
    try:
        found = registry.fetch(str(source), work / "fetched", tracking)
    except registry.RegistryError as fault:
        raise ModelNotFound(fault.message, type(fault).__name__) from fault
    # e2i pipeline tags each version with its bento.
    packaged = found.tags.get(registry.BENTO_TAG, "")
    if packaged and has_bento(store, packaged):
        return packaged, False
    origin = f"models:/{found.name}/{found.version}"
    trained = _trained_folder(found.folder, found.name, origin, work, say)
    return _package_once(trained, f"{found.version}.0.0", store, say)


def _prepare_folder(path: Path, store: Path, work: Path, say: Say) -> tuple[str, bool]:
    if not path.is_dir():
        raise ModelNotFound(
            f"There is no folder {path}: name a trained folder, or a model that MLflow saved."
        )
    trained = _trained_folder(path, path.resolve().name, "", work, say)
    return _package_once(trained, "", store, say)


def _trained_folder(folder: Path, name: str, origin: str, work: Path, say: Say) -> Path:
    """Return `folder` if it is a trained folder, or make one from the MLflow model in it."""
    if (folder / CARD_FILE).is_file():
        return folder
    if is_logged(folder):
        say(
            f"{name} has no card: its schema and golden predictions are made from signature and input example"
        )
        describe_logged(folder, name=name, registry=origin, out=work / "trained")
        return work / "trained"
    raise ModelNotFound(
        f"{folder} holds neither {CARD_FILE} nor MLmodel, so it cannot be packaged as a model."
    )


def _package_once(trained: Path, version: str, store: Path, say: Say) -> tuple[str, bool]:
    card = read_card(trained)
    tag = f"{card.name}:{card.version or version or _version_from_training(card)}"
    if has_bento(store, tag) and _holds_model(find_bento(store, parse_tag(tag)), card):
        return tag, False
    say(f"packaging {tag}")
    made = package([trained], version=tag.partition(":")[2], store=store, ledger=store / VERSION_LOG, say=say)
    return made.tag, made.is_new


def _holds_model(bento: FoundBento, card: Card) -> bool:
    """Return whether the bento holds exactly this model, by the digest of its file."""
    return [each.model.digest for each in cards_of(bento)] == [card.model.digest]


def _version_from_training(card: Card) -> str:
    """Return a version from the time of training, so that the same model gets the same version each time.

    2026-11-21T12:30:00Z -> 20261121.123000
    """
    digits = "".join(character for character in card.lineage.trained_at if character.isdigit())
    if len(digits) < 14:
        raise PackagingError(
            ErrorReason.VersionUnsafe,
            f"The card of {card.name} has neither a version nor a time of training: package it with `e2i package "
            "--version`, then deploy NAME:VERSION.",
        )
    return f"{digits[:8]}.{digits[8:14]}"


def main() -> NoReturn:
    uri, store = sys.argv[1:]
    # Output of libraries must not mix with the lines of JSON: it goes to stderr.
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    def tell(**values: Any) -> None:
        print(json.dumps(values), file=lines)

    try:
        tag, packaged = prepare(uri, Path(store), lambda text: tell(say=text))
        tell(tag=tag, packaged=packaged)
    except ModelNotFound as error:
        tell(missing=error.message)
    except (PackagingRefused, PackagingError, ExportError) as error:
        tell(refused=error.message, reason=str(error.reason))
    sys.exit(0)


def _end_with_stdin() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
