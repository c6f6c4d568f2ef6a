"""Records for the release store. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from e2i.api.conditions import Reason
from e2i.api.release_record import CANARY, FAILED, SERVED, Record
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases import sizes
from e2i.controller.core.releases.quarantine import noted_failures
from e2i.controller.core.releases.release import Release, newest_records
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.trials import trial_of


def served_record(here: Situation, target: Release, now: datetime) -> Record:
    """Return the record of a release that is about to get the requests.

    Its time comes from the cluster's objects, so that a repeated write has the same key.
    """
    deployment, service = target.deployment, here.seen.service
    moments = [deployment.asked_at or deployment.created] if deployment else []
    moments += [service.switched_at] if service and service.switched_at else []
    return Record(
        namespace=here.model.namespace,
        model=here.model.name,
        release=target.release,
        trial=trial_of(here.model, target.release),
        result=SERVED,
        reason=Reason.Serving.name,
        artifact=target.artifact,
        shape=target.shape or here.model.shape,
        image=target.request.image if target.request else "",
        started_at=max(moments, default=now),
        at=now,
    )


def unrecorded_canary(here: Situation, now: datetime) -> Record | None:
    """Return the record of a canary that has a share of the requests; None if the release store is known to have it."""
    desired = here.desired
    if desired is None or not sizes.canary_share(here):
        return None
    served = served_record(here, desired, now)
    record = replace(served, result=CANARY, reason=Reason.Promoting.name)
    return None if record.trial in here.seen.recorded_canaries else record


def lost_record(here: Situation, now: datetime) -> Record | None:
    """Return the record of the release that serves, if the release store has lost it, otherwise None."""
    target = here.target
    if not here.seen.lacks_record or here.model.deleting or target is None or target.release != here.serving:
        return None
    record = served_record(here, target, now)
    return None if record.trial in here.seen.recorded_served else record


def failure_record(here: Situation, failure: Failure) -> Record | None:
    """Return the record of a failed release. One that is no longer desired is known by its earlier record, or not."""
    desired = here.desired
    if desired is None or desired.release != failure.release:
        return _of_earlier_release(here, failure)
    return Record(
        namespace=here.model.namespace,
        model=here.model.name,
        release=failure.release,
        trial=failure.trial,
        result=FAILED,
        reason=failure.reason.name,
        message=failure.message,
        artifact=desired.artifact,
        shape=here.model.shape,
        image=desired.request.image if desired.request else "",
        started_at=failure.failed_at,
        at=failure.failed_at,
        evidence=failure.evidence,
    )


def _of_earlier_release(here: Situation, failure: Failure) -> Record | None:
    served = next((each for each in newest_records(here.seen) if each.release == failure.release), None)
    if served is None:
        return None
    return replace(
        served,
        trial=failure.trial,
        result=FAILED,
        reason=failure.reason.name,
        message=failure.message,
        started_at=failure.failed_at,
        at=failure.failed_at,
        evidence=failure.evidence,
    )


def unrecorded_failure(here: Situation) -> Record | None:
    """Return the record of a noted failure, or None if all are known to be in the release store."""
    if here.model.deleting:
        return None
    return next((record for failed in unrecorded(here) if (record := failure_record(here, failed))), None)


def unrecorded(here: Situation) -> Iterator[Failure]:
    """Return the noted failures that are not known to be in the release store: of the present trial, then of others."""
    for failed in noted_failures(here.model, here.seen):
        present = here.quarantine is not None and failed.trial == here.quarantine.trial
        if (present or failed.release != here.asked) and failed.trial not in here.seen.recorded_failures:
            yield failed


def of_others(here: Situation) -> tuple[Failure, ...]:
    """Return the failures of releases that are no longer desired, as long as a record of them can still be made.

    Which release is desired is not known of a restored model whose bento is in no store: then none is dropped.
    """
    others = (failed for failed in unrecorded(here) if failed.release != here.asked)
    if here.asked is None or not isinstance(here.seen.records, tuple):
        return tuple(others)
    return tuple(failed for failed in others if _of_earlier_release(here, failed))
