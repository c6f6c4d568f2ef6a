"""Decides whether the desired release is in quarantine, and which release serves in its place. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from e2i.api import naming, release_record
from e2i.api.model import Model, Rollback
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


def failure(model: Model, seen: Observed, desired: Release | None) -> Failure | None:
    """Return how the present trial of the desired release failed.

    None if it did not fail, or if spec.rollout.rollback is Disabled."""
    if desired is None or model.rollout.rollback is Rollback.DISABLED:
        return None
    trial = naming.trial_of(model, desired.release)
    failed = next((each for each in persisted_status.failures(model) if each.trial == trial), None)
    if failed is None and is_new(model, seen):
        failed = _recorded_failure(seen, desired, trial)
    return None if failed and _served_since(seen, failed) else failed


def _served_since(seen: Observed, failed: Failure) -> bool:
    """Return whether the release got the address after its failure: without a fallback it was still waited for."""
    switched = seen.service.switched_at if seen.service else None
    return serving_release(seen) == failed.release and switched is not None and switched > failed.failed_at


def is_new(model: Model, seen: Observed) -> bool:
    """Return whether the cluster knows nothing of the model: the model or the cluster is new."""
    children = seen.requests or seen.deployments or seen.service
    return not children and not persisted_status.history(model) and not persisted_status.failures(model)


def _recorded_failure(seen: Observed, desired: Release, trial: str) -> Failure | None:
    """Return the failure of this trial from the release store, if its newest record is one."""
    last = next((record for record in newest_records(seen) if record.release == desired.release), None)
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


def fallback(model: Model, seen: Observed, desired: Release | None) -> Release | None:
    """Return the release to serve if the desired release fails. None if there is none to go back to."""
    if desired is None:
        return None
    serving = serving_release(seen)
    if serving != desired.release and (child := seen.deployment(serving)):
        return existing_release(seen, child)
    if model.rollout.rollback is Rollback.MANUAL:
        return None
    return next(_still_running(model, seen, desired), None) or _restored(model, seen, desired)


def _still_running(model: Model, seen: Observed, desired: Release) -> Iterator[Release]:
    """Return earlier releases that served and still have pods, the newest first."""
    for entry in persisted_status.history(model):
        child = seen.deployment(entry.release)
        proved = (
            entry.result in (persisted_status.SERVING, persisted_status.SUPERSEDED)
            and entry.release != desired.release
        )
        if proved and child and ready_pods(seen.workload(child)):
            yield existing_release(seen, child)


def _restored(model: Model, seen: Observed, desired: Release) -> Release | None:
    """Return the newest good release of the release store, to be created again."""
    good = release_record.good(newest_records(seen))
    record = next((record for record in good if record.release != desired.release), None)
    if record is None:
        return None
    return build_release(model, seen, record.release, record.artifact, record.shape)
