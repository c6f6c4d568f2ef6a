"""Which release is to serve: the one the spec asks for, or, if that failed, one that has proved itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from e2i.api import naming, release_record
from e2i.api.model import Model, Rollback
from e2i.controller.core import persisted_status
from e2i.controller.core.memo import memo
from e2i.controller.core.observed import Observed
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases.release import (
    Release,
    build_release,
    desired,
    existing_release,
    is_only_in_bucket,
    ready_pods,
    records,
    serving_release,
)


@memo
def quarantine(model: Model, seen: Observed) -> Failure | None:
    """How the present trial of the desired release failed; None if it did not, or nothing is ever given up."""
    wanted = desired(model, seen)
    if wanted is None or model.rollout.rollback is Rollback.DISABLED:
        return None
    trial = naming.trial_of(model, wanted.release)
    failed = next((failure for failure in persisted_status.failures(model) if failure.trial == trial), None)
    if failed is None and is_new(model, seen):
        failed = _recorded_failure(seen, wanted, trial)
    return None if failed and _served_since(seen, failed) else failed


def _served_since(seen: Observed, failed: Failure) -> bool:
    """With nothing to go back to, a release is waited for on; once it got the address it is as good as any."""
    switched = seen.service.switched_at if seen.service else None
    return serving_release(seen) == failed.release and switched is not None and switched > failed.failed_at


def is_new(model: Model, seen: Observed) -> bool:
    """Whether the cluster remembers nothing of the model: new, or a cluster that was built anew."""
    children = seen.requests or seen.deployments or seen.service
    return not children and not persisted_status.history(model) and not persisted_status.failures(model)


def _recorded_failure(seen: Observed, wanted: Release, trial: str) -> Failure | None:
    last = next((record for record in records(seen) if record.release == wanted.release), None)
    if last is None or last.result == release_record.SERVED or last.trial != trial:
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


@memo
def target(model: Model, seen: Observed) -> Release | None:
    """The release to bring to the address now; None until the bento is exported."""
    wanted = desired(model, seen)
    if wanted is None or quarantine(model, seen) is None:
        return wanted
    return fallback(model, seen) or wanted


@memo
def fallback(model: Model, seen: Observed) -> Release | None:
    """What serves in place of the desired release when that failed; None: there is nothing to go back to."""
    wanted = desired(model, seen)
    if wanted is None:
        return None
    serving = serving_release(seen)
    if serving != wanted.release and (child := seen.deployment(serving)):
        return existing_release(seen, child)
    if model.rollout.rollback is Rollback.MANUAL:
        return None
    return next(_still_running(model, seen, wanted), None) or _restored(model, seen, wanted)


def _still_running(model: Model, seen: Observed, wanted: Release) -> Iterator[Release]:
    """Earlier releases that served, and whose pods are still there; the last one first."""
    for entry in persisted_status.history(model):
        child = seen.deployment(entry.release)
        proved = (
            entry.result in (persisted_status.SERVING, persisted_status.SUPERSEDED)
            and entry.release != wanted.release
        )
        if proved and child and ready_pods(seen.workload(child)):
            yield existing_release(seen, child)


def _restored(model: Model, seen: Observed, wanted: Release) -> Release | None:
    """The last good release of the ledger, as it can be made again."""
    good = release_record.good(records(seen))
    record = next((record for record in good if record.release != wanted.release), None)
    if record is None:
        return None
    return build_release(model, seen, record.release, record.artifact, record.shape)


def needs_ledger(model: Model, seen: Observed) -> bool:
    """Whether only the bucket can tell what happened before, or what to go back to."""
    if seen.ledger is not None:
        return False
    if is_new(model, seen) or is_only_in_bucket(model, seen):
        return True
    return (
        quarantine(model, seen) is not None
        and model.rollout.rollback is Rollback.AUTOMATIC
        and fallback(model, seen) is None
    )
