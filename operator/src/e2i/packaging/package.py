"""Packages trained folders as a bento: checks, locks, builds, serves it for a trial, and only then keeps it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2i.archive.bento_store import FoundBento
from e2i.archive.content_digest import content_digest
from e2i.clock import now
from e2i.packaging.bento_assembly import PackagingRequest, assemble, creation_time
from e2i.packaging.build_context import REQUIREMENTS, check_declared, declared_models, read_bentofile
from e2i.packaging.describe import read_pins
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.manifest_notes import missing_env
from e2i.packaging.names import check_name, resolve_version
from e2i.packaging.requirements import lock
from e2i.packaging.store_write import ensure_store, move_into_store, staging_folder, stored_digest
from e2i.packaging.stored_bento import required_env
from e2i.packaging.trained_folder import TrainedFolder, read_trained_folder
from e2i.packaging.trial import Trial, run_trial
from e2i.packaging.version_log import VERSION_LOG, check_version_unused, read_digests, record_version

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
class BentoOptions:
    """How the bento is made: its name (by default the model's or the service's), the folder of a service of one's own,
    whether it answers /explain, for which it installs some 200 MB more, and whether its image has no compilers."""

    name: str | None = None
    service: Path | None = None
    explain: bool = True
    lean_image: bool = False


DEFAULT_OPTIONS = BentoOptions()


def package(
    trained: Sequence[Path],
    options: BentoOptions = DEFAULT_OPTIONS,
    *,
    version: str,
    store: Path | None = None,
    ledger: Path | None = None,
    serve: bool = True,
    say: Say = lambda _: None,
) -> Packaged:
    """Package the trained folders as one bento, version `version` ("time" for the present moment).

    The store and the ledger (by default versions.jsonl beside the first folder) change only at the end. The same
    content under the same version is success; PackagingError says what prevents it. Blocks for about 20 s.
    Without `serve` it is not served for a trial.
    """
    request = _packaging_request(trained, resolve_version(version, now()), options, say)
    home = ensure_store(store)
    ledger = ledger or trained[0].resolve().parent / VERSION_LOG
    with staging_folder(home) as folder:
        say("building the bento")
        built = assemble(request, folder)
        digest = content_digest(built)
        tag = str(built.tag)
        check_version_unused(tag, digest, read_digests(ledger), str(ledger))
        for note in missing_env(required_env(built)):
            say(note)
        is_there = _is_stored(tag, digest, home, say)
        trial = _try(built, request, say) if serve and not is_there else None
        is_new = not is_there and move_into_store(built, digest, home)
    record_version(ledger, tag, digest, request.made)
    return Packaged(
        tag=tag,
        digest=digest,
        size=built.size,
        path=home / "bentos" / built.tag.name / built.tag.version,
        models=tuple(str(model.tag) for model in built.models),
        is_new=is_new,
        trial=trial,
    )


def _is_stored(tag: str, digest: str, home: Path, say: Say) -> bool:
    """Whether the store has the bento; PackagingError if it has another one under this tag."""
    stored = stored_digest(home, tag)
    if stored is None:
        return False
    check_version_unused(tag, digest, {tag: stored}, f"the store {home}")
    say(f"{tag} is in the store already, with the same content")
    return True


def _packaging_request(
    folders: Sequence[Path], version: str, options: BentoOptions, say: Say
) -> PackagingRequest:
    name, service = options.name, options.service
    if not folders:
        raise PackagingError(ErrorReason.FileMissing, "No trained folder is given. Name at least one.")
    if name is not None:
        check_name(name)
    # What costs nothing comes before what takes seconds: a trained folder is loaded and asked its golden predictions.
    own: tuple[Any, ...] = ()
    if service is not None:
        read_bentofile(service)
        own = read_pins(service / REQUIREMENTS) if (service / REQUIREMENTS).is_file() else ()
    trained = tuple(_read_folder(folder, say) for folder in folders)
    given = [each.card.name for each in trained]
    _check_together(given, service)
    if service is not None:
        check_declared(declared_models(service), given, str(service))
    say("locking the packages")
    single = service is None and name in (None, given[0])
    file = folders[0] / (
        "requirements.lock" if single else f"{name or (service and service.resolve().name)}.lock"
    )
    locked = lock(trained, own, options.explain, file)
    cards = tuple(each.card.model_copy(update={"version": each.card.version or version}) for each in trained)
    return PackagingRequest(
        trained,
        cards,
        version,
        name or (given[0] if service is None else None),
        service,
        creation_time(cards),
        locked,
        options.lean_image,
    )


def _check_together(models: Sequence[str], service: Path | None) -> None:
    """Raise PackagingError if these models cannot be in one bento."""
    if len(set(models)) < len(models):
        raise PackagingError(
            ErrorReason.NameUnsafe, f"Two of the models have the same name: {', '.join(models)}. Rename one."
        )
    if service is None and len(models) > 1:
        raise PackagingError(
            ErrorReason.ModelNotDeclared,
            f"{len(models)} models need a service that declares them: {', '.join(models)}. Give its folder with "
            "--service, for instance a copy of bentos/classification, or package each alone.",
        )


def _read_folder(folder: Path, say: Say) -> TrainedFolder:
    say(f"checking {folder}")
    return read_trained_folder(folder)


def _try(built: FoundBento, request: PackagingRequest, say: Say) -> Trial:
    say("serving it for a trial")
    trial = run_trial(built, request.cards, request.lock)
    say(trial_summary(trial))
    return trial


def trial_summary(trial: Trial) -> str:
    """Return the results of a trial in one line."""
    return (
        f"ready after {trial.seconds:.1f} s, {trial.memory >> 20} MiB in all, {trial.requests} requests answered as "
        f"recorded; the environment was {trial.environment}"
    )
