"""From trained folders to a bento in the store: checked, locked, built, served for a trial, and only then kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from e2i.core.failures import ExportFailure
from e2i.core.tags import parse_tag
from e2i.edge.bentos import FoundBento, find_bento
from e2i.edge.clock import now
from e2i.edge.contents import content_digest
from e2i.packaging.building import BuildPlan, ModelToSave, build_bento
from e2i.packaging.context import (
    REQUIREMENTS,
    check_declared,
    declared_models,
    read_bentofile,
    write_context,
)
from e2i.packaging.describe import read_pins
from e2i.packaging.ledger import LEDGER, check_unused, digests_of, note
from e2i.packaging.names import check_name, resolve_version
from e2i.packaging.refusal import Reason, Refused
from e2i.packaging.requirements import lock, without_hashes
from e2i.packaging.storing import put, staging, store_folder, stored_digest
from e2i.packaging.trained import Trained, read_trained
from e2i.packaging.trial import Trial, try_bento
from e2i_bento.card import BACKGROUND_FILE, Card, write_card

Say = Callable[[str], None]


@dataclass(frozen=True)
class Packaged:
    """A bento in the store. `digest` is the one that the operator exports it under; `is_new` is false when the same
    content was there already, and `trial` is None when it was not served."""

    tag: str
    digest: str
    size: int
    path: Path
    models: tuple[str, ...]
    is_new: bool
    trial: Trial | None


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


def package(
    trained: Sequence[Path],
    *,
    version: str,
    store: Path | None = None,
    service: Path | None = None,
    name: str | None = None,
    ledger: Path | None = None,
    serve: bool = True,
    explain: bool = True,
    say: Say = lambda _: None,
) -> Packaged:
    """Package the trained folders as one bento, version `version` ("time" for the present moment).

    The store and the ledger (by default versions.jsonl beside the first folder) change only at the end. The same
    content under the same version is success; Refused says what else is in the way. Blocks for about 20 s.
    Without `explain` the bento answers no /explain and is some 200 MB smaller where it is installed; without `serve`
    it is not served for a trial.
    """
    order = _order(trained, version, service, name, explain, say)
    home = store_folder(store)
    ledger = ledger or trained[0].resolve().parent / LEDGER
    with staging(home) as folder:
        say("building the bento")
        built = _build(order, folder)
        digest = content_digest(built)
        tag = str(built.tag)
        check_unused(tag, digest, digests_of(ledger), str(ledger))
        stored = stored_digest(home, tag)
        if stored is not None:
            check_unused(tag, digest, {tag: stored}, f"the store {home}")
            say(f"{tag} is in the store already, with the same content")
        trial = _try(built, order, say) if serve and stored is None else None
        if stored is None:
            put(built, home)
    note(ledger, tag, digest, order.made)
    return Packaged(
        tag=tag,
        digest=digest,
        size=built.size,
        path=home / "bentos" / built.tag.name / built.tag.version,
        models=tuple(str(model.tag) for model in built.models),
        is_new=stored is None,
        trial=trial,
    )


def _order(
    folders: Sequence[Path], version: str, service: Path | None, name: str | None, explain: bool, say: Say
) -> Order:
    if not folders:
        raise Refused(Reason.FileMissing, "No trained folder is given. Name at least one.")
    version = resolve_version(version, now())
    if name is not None:
        check_name(name)
    trained = tuple(_said(folder, say) for folder in folders)
    given = [each.card.name for each in trained]
    if len(set(given)) < len(given):
        raise Refused(
            Reason.NameUnsafe, f"Two of the models have the same name: {', '.join(given)}. Rename one."
        )
    if service is None and len(trained) > 1:
        raise Refused(
            Reason.ModelNotDeclared,
            f"{len(trained)} models need a service that declares them: {', '.join(given)}. Give its folder with "
            "--service, for instance a copy of bentos/classification, or package each alone.",
        )
    own: tuple[Any, ...] = ()
    if service is not None:
        read_bentofile(service)
        check_declared(declared_models(service), given, str(service))
        own = read_pins(service / REQUIREMENTS) if (service / REQUIREMENTS).is_file() else ()
    say("locking the packages")
    single = service is None and name in (None, given[0])
    file = folders[0] / (
        "requirements.lock" if single else f"{name or (service and service.resolve().name)}.lock"
    )
    locked = lock(trained, own, explain, file)
    cards = tuple(each.card.model_copy(update={"version": each.card.version or version}) for each in trained)
    return Order(
        trained,
        cards,
        version,
        name or (given[0] if service is None else None),
        service,
        _made(cards),
        locked,
    )


def _said(folder: Path, say: Say) -> Trained:
    say(f"checking {folder}")
    return read_trained(folder)


def _build(order: Order, folder: Path) -> FoundBento:
    """The bento in a store of its own below `folder`."""
    models = [
        _model_folder(each, card, folder / card.name)
        for each, card in zip(order.trained, order.cards, strict=True)
    ]
    saved = [
        ModelToSave(
            f"{card.name}:{card.version}", str(model), _made([card]), _labels([card]), dict(card.metrics)
        )
        for card, model in zip(order.cards, models, strict=True)
    ]
    context = folder / "context"
    settings: dict[str, Any] = {"labels": _service_labels(order) | _labels(order.cards)}
    if order.name:
        settings["name"] = order.name
    if order.service is None:
        settings["description"] = _readme(order.cards[0])
    write_context(context, order.service, order.cards, _code(order.trained), settings)
    (context / REQUIREMENTS).write_text(without_hashes(order.lock))
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


def _made(cards: Sequence[Card]) -> str:
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


def _try(built: FoundBento, order: Order, say: Say) -> Trial:
    say("serving it for a trial")
    trial = try_bento(built, order.cards, order.lock)
    say(
        f"ready after {trial.seconds:.1f} s, {trial.memory >> 20} MiB in all, {trial.requests} requests answered "
        f"as recorded; the environment was {trial.environment}"
    )
    return trial
