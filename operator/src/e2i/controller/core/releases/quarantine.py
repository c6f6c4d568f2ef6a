"""Decides whether the desired release is in quarantine, and which release serves in its place. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from e2i.api import naming, release_record
from e2i.api.artifact import Artifact
from e2i.api.model import Model, Rollback, Shape
from e2i.api.release_record import Record
from e2i.controller.core import persisted_status
from e2i.controller.core.observed import Observed
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases.release import (
    Release,
    build_release,
    existing_release,
    newest_records,
    ready_pods,
    serving_release,
)
from e2i.controller.core.releases.trials import trial_of


def failure(model: Model, seen: Observed, release: str | None) -> Failure | None:
    """Return how the present trial of a release failed.

    None if it did not fail, or if spec.rollout.rollback is Disabled."""
    if release is None or model.rollout.rollback is Rollback.DISABLED:
        return None
    noted, recorded = noted_failures(model, seen), newest_records(seen) if is_new(model) else ()
    if not (noted or recorded):
        return None  # The trial's identity is a hash, and nearly every release has no failure.
    trial = trial_of(model, release)
    failed = next((each for each in noted if each.trial == trial), None)
    if failed is None:
        failed = _recorded_failure(recorded, release, trial)
    return None if failed and _served_since(seen, failed) else failed


def noted_failures(model: Model, seen: Observed) -> tuple[Failure, ...]:
    """Return the failures of the status, and those that could not be written to it."""
    return (*persisted_status.failures(model), *seen.failures)


def _served_since(seen: Observed, failed: Failure) -> bool:
    """Return whether the release got the address after its failure: without a fallback it was still waited for.

    It is the same address as at the failure if it has been led there since the same moment."""
    switched = seen.service.switched_at if seen.service else None
    if serving_release(seen) != failed.release or switched is None:
        return False
    return failed.switched_at is None or switched.replace(microsecond=0) != failed.switched_at


def is_new(model: Model) -> bool:
    """Return whether the status knows no result: the model or the cluster is new, or the status was lost.

    Tools that restore objects from a backup leave the status out, and the children may be there.
    """
    return not persisted_status.history(model) and not persisted_status.failures(model)


def _recorded_failure(records: Iterable[Record], release: str, trial: str) -> Failure | None:
    """Return the failure of this trial from the release store, if its newest record is one."""
    last = next((record for record in records if record.release == release), None)
    if last is None or last.result != release_record.FAILED or last.trial != trial:
        return None
    return Failure(
        release=last.release,
        tag=last.artifact.tag,
        digest=last.artifact.digest,
        trial=trial,
        reason=persisted_status.reason_of(last.reason),
        message=last.message,
        failed_at=last.at,
        evidence=last.evidence,
    )


def fallback(model: Model, seen: Observed, failed: str | None) -> Release | None:
    """Return the release to serve in place of one that fails. None if there is none to go back to."""
    if failed is None:
        return None
    serving = serving_release(seen)
    if serving != failed and (child := seen.deployment(serving)):
        return existing_release(seen, child)
    if model.rollout.rollback is Rollback.MANUAL:
        return None
    return next(still_running(model, seen, failed), None) or _restored(model, seen, failed)


def still_running(model: Model, seen: Observed, but: str | None) -> Iterator[Release]:
    """Return the releases except `but` that served before and still have ready pods, the newest first."""
    for release in persisted_status.proved(model):
        child = seen.deployment(release)
        if release != but and child and ready_pods(seen.workload(child)):
            yield existing_release(seen, child)


def _restored(model: Model, seen: Observed, failed: str) -> Release | None:
    """Return the newest good release of the release store, to be created again."""
    for record in _good_before(seen, failed):
        if shape := _shape_of(model, seen, record):
            return build_release(model, seen, record.release, record.artifact, shape)
    return None


def lacks_values(model: Model, seen: Observed, failed: str | None) -> Record | None:
    """Return the newest good release if it cannot be restored: nobody here has the values of its environment."""
    newest = next(_good_before(seen, failed), None)
    return newest if newest and _shape_of(model, seen, newest) is None else None


def _good_before(seen: Observed, failed: str | None) -> Iterator[Record]:
    good = release_record.good(newest_records(seen))
    return (record for record in good if record.release != failed)


def known_shape(model: Model, seen: Observed, shape: Shape, artifact: Artifact, release: str) -> Shape | None:
    """Return the whole shape of an earlier release, from one without its environment or with another.

    None if nothing here has its environment. Its identity says which environment was its own.
    """
    noted = [model.restored.env] if model.restored else []
    known = [shape.env, model.shape.env, *noted, *(child.earlier_env for child in seen.deployments)]
    shapes = (replace(shape, env=env) for env in dict.fromkeys(known))
    return next((one for one in shapes if naming.release_of_shape(one, artifact.content) == release), None)


def _shape_of(model: Model, seen: Observed, record: Record) -> Shape | None:
    return known_shape(model, seen, record.shape, record.artifact, record.release)
