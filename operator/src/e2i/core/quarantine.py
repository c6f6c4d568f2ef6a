"""Which release is to serve: the one the spec asks for, or, if that failed, one that has proved itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from e2i.core import ledger, memory, naming
from e2i.core.derived import derived
from e2i.core.memory import Failure
from e2i.core.model import Model, Rollback
from e2i.core.observed import Observed
from e2i.core.release import (
    Release,
    desired,
    is_lost,
    kept,
    made_of,
    ready_pods,
    records,
    serving_release,
)


@derived
def quarantine(model: Model, seen: Observed) -> Failure | None:
    """How the present trial of the desired release failed; None if it did not, or nothing is ever given up."""
    wanted = desired(model, seen)
    if wanted is None or model.rollout.rollback is Rollback.DISABLED:
        return None
    trial = naming.trial_of(model, wanted.release)
    failed = next((failure for failure in memory.failures(model) if failure.trial == trial), None)
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
    return not children and not memory.history(model) and not memory.failures(model)


def _recorded_failure(seen: Observed, wanted: Release, trial: str) -> Failure | None:
    last = next((record for record in records(seen) if record.release == wanted.release), None)
    if last is None or last.result == ledger.SERVED or last.trial != trial:
        return None
    return Failure(
        release=last.release,
        tag=last.artifact.tag,
        digest=last.artifact.digest,
        trial=trial,
        reason=memory.reason_of(last.reason),
        message=last.message,
        failed_at=last.at,
        evidence=last.evidence,
    )


@derived
def goal(model: Model, seen: Observed) -> Release | None:
    """The release to bring to the address now; None until the bento is exported."""
    wanted = desired(model, seen)
    if wanted is None or quarantine(model, seen) is None:
        return wanted
    return fallback(model, seen) or wanted


@derived
def fallback(model: Model, seen: Observed) -> Release | None:
    """What serves in place of the desired release when that failed; None: there is nothing to go back to."""
    wanted = desired(model, seen)
    if wanted is None:
        return None
    serving = serving_release(seen)
    if serving != wanted.release and (child := seen.deployment(serving)):
        return kept(seen, child)
    if model.rollout.rollback is Rollback.MANUAL:
        return None
    return next(_still_running(model, seen, wanted), None) or _restored(model, seen, wanted)


def _still_running(model: Model, seen: Observed, wanted: Release) -> Iterator[Release]:
    """Earlier releases that served, and whose pods are still there; the last one first."""
    for entry in memory.history(model):
        child = seen.deployment(entry.release)
        proved = entry.result in (memory.SERVING, memory.SUPERSEDED) and entry.release != wanted.release
        if proved and child and ready_pods(seen.workload(child)):
            yield kept(seen, child)


def _restored(model: Model, seen: Observed, wanted: Release) -> Release | None:
    """The last good release of the ledger, as it can be made again."""
    good = ledger.good(records(seen))
    record = next((record for record in good if record.release != wanted.release), None)
    if record is None:
        return None
    return made_of(model, seen, record.release, record.artifact, record.shape)


def needs_ledger(model: Model, seen: Observed) -> bool:
    """Whether only the bucket can tell what happened before, or what to go back to."""
    if seen.ledger is not None:
        return False
    if is_new(model, seen) or is_lost(model, seen):
        return True
    return (
        quarantine(model, seen) is not None
        and model.rollout.rollback is Rollback.AUTOMATIC
        and fallback(model, seen) is None
    )
