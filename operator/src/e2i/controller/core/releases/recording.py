"""Records for the release store. Pure."""

from __future__ import annotations

from datetime import datetime

from e2i.api.conditions import Reason
from e2i.api.release_record import FAILED, SERVED, Record
from e2i.controller.core import persisted_status
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases.release import Release
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


def failure_record(here: Situation, failure: Failure) -> Record | None:
    """Return the record of a failed release, or None if it is no longer the desired one."""
    desired = here.desired
    if desired is None or desired.release != failure.release:
        return None
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


def unrecorded_failure(here: Situation) -> Record | None:
    """Return the record of the failure in the status, or None if it is known to be in the release store."""
    failed, known = here.quarantine, {each.trial for each in persisted_status.failures(here.model)}
    if failed is None or here.model.deleting or failed.trial not in known - here.seen.recorded_failures:
        return None
    return failure_record(here, failed)
