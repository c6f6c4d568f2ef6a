"""Builds the bento from the checked inputs, in a store of its own: models, build context, labels."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from e2i.api.tags import parse_tag
from e2i.archive.bento_store import FoundBento, find_bento
from e2i.archive.errors import ExportError
from e2i.packaging.bento_build import BuildPlan, ModelToSave, build_bento
from e2i.packaging.build_context import REQUIREMENTS, check_declared, read_bentofile, write_context
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.requirements import without_hashes
from e2i.packaging.trained_folder import TrainedFolder
from e2i_bento.card import BACKGROUND_FILE, Card, write_card


@dataclass(frozen=True)
class PackagingRequest:
    """The inputs of a bento, resolved and checked."""

    trained: tuple[TrainedFolder, ...]
    cards: tuple[Card, ...]
    version: str
    name: str | None
    service: Path | None
    made: str
    lock: str
    lean_image: bool = False


def assemble(request: PackagingRequest, folder: Path) -> FoundBento:
    """Return the bento in a store of its own below `folder`."""
    models = [
        _model_folder(each, card, folder / card.name)
        for each, card in zip(request.trained, request.cards, strict=True)
    ]
    saved = [
        ModelToSave(
            f"{card.name}:{card.version}",
            str(model),
            creation_time([card]),
            _labels([card]),
            dict(card.metrics),
        )
        for card, model in zip(request.cards, models, strict=True)
    ]
    # Not below the store: BentoML refuses a context on whose path a folder is hidden, as in ~/.local.
    with tempfile.TemporaryDirectory(prefix="e2i-context-") as place:
        context = _context(request, Path(place, "context"))
        plan = BuildPlan(request.version, request.made, saved, request.lean_image)
        tag = build_bento(plan, context, folder / "home")
    # BentoML would lose the hashes on the way.
    path = folder / "home" / "bentos" / tag.replace(":", "/")
    (path / "env" / "python" / "requirements.txt").write_text(request.lock)
    try:
        built = find_bento(folder / "home", parse_tag(tag))
    except ExportError as failure:
        raise PackagingError(
            ErrorReason.BuildFailed, f"The bento that BentoML built cannot be exported: {failure.message}"
        ) from failure
    check_declared(
        {model.tag.name for model in built.models}, [card.name for card in request.cards], "The built bento"
    )
    return built


def _context(request: PackagingRequest, context: Path) -> Path:
    """Return the build context, filled."""
    settings: dict[str, Any] = {"labels": _service_labels(request) | _labels(request.cards)}
    if request.name:
        settings["name"] = request.name
    if request.service is None:
        settings["description"] = _readme(request.cards[0])
    write_context(context, request.service, request.cards, _code(request.trained), settings)
    (context / REQUIREMENTS).write_text(without_hashes(request.lock))
    return context


def _model_folder(trained: TrainedFolder, card: Card, folder: Path) -> Path:
    """Fill `folder` with what becomes the model in the store: file, background, card with the version."""
    folder.mkdir()
    for name in (card.model.name, BACKGROUND_FILE):
        if (trained.folder / name).is_file():
            shutil.copyfile(trained.folder / name, folder / name)
    write_card(card, folder)
    return folder


def _code(trained: Sequence[TrainedFolder]) -> dict[str, Path]:
    code: dict[str, Path] = {}
    for each in trained:
        for name, file in each.code.items():
            if name in code and code[name].read_bytes() != file.read_bytes():
                raise PackagingError(
                    ErrorReason.CodeConflict,
                    f"{code[name]} and {file} are two modules of one name, and both models need theirs. "
                    "Rename one of them and train again.",
                )
            code[name] = file
    return code


def _labels(cards: Sequence[Card]) -> dict[str, str]:
    """Return the labels of bento and model; every value is a valid value of a Kubernetes label."""
    labels = {"e2i.dev/type": cards[0].type.lower()}
    if any(card.lineage.synthetic for card in cards):
        labels["e2i.dev/data"] = "synthetic"
    if len(cards) == 1 and cards[0].lineage.code_revision:
        labels["e2i.dev/revision"] = cards[0].lineage.code_revision[:63]
    return labels


def _service_labels(request: PackagingRequest) -> dict[str, str]:
    labels = read_bentofile(request.service).get("labels") if request.service else None
    return {str(name): str(value) for name, value in labels.items()} if isinstance(labels, Mapping) else {}


def creation_time(cards: Sequence[Card]) -> str:
    """Return when the bento was made, as far as its content goes: SOURCE_DATE_EPOCH, else when its models were
    trained."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch and epoch.isdigit():
        return datetime.fromtimestamp(int(epoch), UTC).isoformat()
    moments = [card.lineage.trained_at for card in cards if card.lineage.trained_at]
    return max(
        (datetime.fromisoformat(moment) for moment in moments), default=datetime(1980, 1, 1, tzinfo=UTC)
    ).isoformat()


def _readme(card: Card) -> str:
    metrics = "".join(f"- {name}: {value:g}\n" for name, value in sorted(card.metrics.items()))
    return f"# {card.name}\n\n{card.description or f'A {card.type} model.'}\n\n{metrics}"
