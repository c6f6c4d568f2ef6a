"""Builds the bento of what was checked: models, context, labels; in a store of its own, from nothing but the inputs."""

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
from e2i.archive.errors import ExportFailure
from e2i.packaging.bento_build import BuildPlan, ModelToSave, build_bento
from e2i.packaging.build_context import REQUIREMENTS, check_declared, read_bentofile, write_context
from e2i.packaging.errors import Reason, Refused
from e2i.packaging.requirements import without_hashes
from e2i.packaging.trained_folder import Trained
from e2i_bento.card import BACKGROUND_FILE, Card, write_card


@dataclass(frozen=True)
class Order:
    """What is to be packaged, resolved and checked."""

    trained: tuple[Trained, ...]
    cards: tuple[Card, ...]
    version: str
    name: str | None
    service: Path | None
    made: str
    lock: str


def assemble(order: Order, folder: Path) -> FoundBento:
    """The bento in a store of its own below `folder`."""
    models = [
        _model_folder(each, card, folder / card.name)
        for each, card in zip(order.trained, order.cards, strict=True)
    ]
    saved = [
        ModelToSave(
            f"{card.name}:{card.version}", str(model), made_of([card]), _labels([card]), dict(card.metrics)
        )
        for card, model in zip(order.cards, models, strict=True)
    ]
    # Not below the store: BentoML refuses a context on whose path a folder is hidden, as in ~/.local.
    with tempfile.TemporaryDirectory(prefix="e2i-context-") as place:
        context = _context(order, Path(place, "context"))
        tag = build_bento(BuildPlan(order.version, order.made, saved), context, folder / "home")
    # BentoML would lose the hashes on the way.
    path = folder / "home" / "bentos" / tag.replace(":", "/")
    (path / "env" / "python" / "requirements.txt").write_text(order.lock)
    try:
        built = find_bento(folder / "home", parse_tag(tag))
    except ExportFailure as failure:
        raise Refused(
            Reason.BuildFailed, f"The bento that BentoML built cannot be exported: {failure.message}"
        ) from failure
    check_declared(
        {model.tag.name for model in built.models}, [card.name for card in order.cards], "The built bento"
    )
    return built


def _context(order: Order, context: Path) -> Path:
    """The build context, filled."""
    settings: dict[str, Any] = {"labels": _service_labels(order) | _labels(order.cards)}
    if order.name:
        settings["name"] = order.name
    if order.service is None:
        settings["description"] = _readme(order.cards[0])
    write_context(context, order.service, order.cards, _code(order.trained), settings)
    (context / REQUIREMENTS).write_text(without_hashes(order.lock))
    return context


def _model_folder(trained: Trained, card: Card, folder: Path) -> Path:
    """What becomes the model in the store: file, background, card with the version."""
    folder.mkdir()
    for name in (card.model.name, BACKGROUND_FILE):
        if (trained.folder / name).is_file():
            shutil.copyfile(trained.folder / name, folder / name)
    write_card(card, folder)
    return folder


def _code(trained: Sequence[Trained]) -> dict[str, Path]:
    code: dict[str, Path] = {}
    for each in trained:
        for name, file in each.code.items():
            if name in code and code[name].read_bytes() != file.read_bytes():
                raise Refused(
                    Reason.CodeConflict,
                    f"{code[name]} and {file} are two modules of one name, and both models need theirs. "
                    "Rename one of them and train again.",
                )
            code[name] = file
    return code


def _labels(cards: Sequence[Card]) -> dict[str, str]:
    """Labels of bento and model; every value is a valid value of a Kubernetes label."""
    labels = {"e2i.dev/type": cards[0].type.lower()}
    if any(card.lineage.synthetic for card in cards):
        labels["e2i.dev/data"] = "synthetic"
    if len(cards) == 1 and cards[0].lineage.code_revision:
        labels["e2i.dev/revision"] = cards[0].lineage.code_revision[:63]
    return labels


def _service_labels(order: Order) -> dict[str, str]:
    labels = read_bentofile(order.service).get("labels") if order.service else None
    return {str(name): str(value) for name, value in labels.items()} if isinstance(labels, Mapping) else {}


def made_of(cards: Sequence[Card]) -> str:
    """When the bento was made, as far as its content goes: SOURCE_DATE_EPOCH, else when its models were trained."""
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
