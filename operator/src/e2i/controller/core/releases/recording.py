"""What is written into the ledger about a release. Pure."""

from __future__ import annotations

from datetime import datetime

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.release_record import FAILED, SERVED, Record
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases.release import Release
from e2i.controller.core.releases.situation import Situation


def served_record(here: Situation, chosen: Release, now: datetime) -> Record:
    """The desired release is about to take the requests.

    Its time is the last one at which the cluster changed in this respect, so that a repeated write has one key.
    """
    deployment, service = chosen.deployment, here.seen.service
    moments = [deployment.asked_at or deployment.created] if deployment else []
    moments += [service.switched_at] if service and service.switched_at else []
    return Record(
        namespace=here.model.namespace,
        model=here.model.name,
        release=chosen.release,
        trial=naming.trial_of(here.model, chosen.release),
        result=SERVED,
        reason=Reason.Serving.name,
        artifact=chosen.artifact,
        shape=chosen.shape or here.model.shape,
        image=chosen.request.image if chosen.request else "",
        started_at=max(moments, default=now),
        at=now,
    )


def failure_record(here: Situation, failure: Failure) -> Record | None:
    """The desired release was given up; None when it is no longer the desired one."""
    wanted = here.desired
    if wanted is None or wanted.release != failure.release:
        return None
    return Record(
        namespace=here.model.namespace,
        model=here.model.name,
        release=failure.release,
        trial=failure.trial,
        result=FAILED,
        reason=failure.reason.name,
        message=failure.message,
        artifact=wanted.artifact,
        shape=here.model.shape,
        image=wanted.request.image if wanted.request else "",
        started_at=failure.failed_at,
        at=failure.failed_at,
        evidence=failure.evidence,
    )
