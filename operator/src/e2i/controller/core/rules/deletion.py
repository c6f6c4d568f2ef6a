"""Rules for a model that goes, and for what it leaves in the bucket."""

from __future__ import annotations

from datetime import datetime

from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import EmptyBucket, SetFinalizer
from e2i.controller.core.observed import Observed
from e2i.controller.core.rules.decision import Plan


def leave_deleted_model(model: Model, seen: Observed, now: datetime) -> Plan | None:
    if not model.deleting:
        return None
    if not model.finalized:
        return Plan(reason=Reason.Deleting, message="Kubernetes removes the children with the model")
    if not model.delete_bucket:
        return Plan(
            reason=Reason.Deleting,
            message="the deletion goes on, the bucket is left as it is",
            actions=(SetFinalizer(False),),
        )
    return Plan(
        reason=Reason.Deleting,
        message="its archives and records are being removed from the bucket (spec.deletionPolicy)",
        actions=(EmptyBucket(_archives(model, seen)), SetFinalizer(False)),
    )


def _archives(model: Model, seen: Observed) -> tuple[tuple[str, str], ...]:
    """(uri, digest) of every archive that the cluster knows to be the model's."""
    known = {(request.artifact.uri, request.artifact.digest) for request in seen.requests if request.artifact}
    artifact = model.status.get("artifact") or {}
    if artifact.get("uri") and artifact.get("digest") and persisted_status.history(model):
        known.add((artifact["uri"], artifact["digest"]))
    return tuple(sorted(known))


def keep_finalizer(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """Only a model that asked for it has a finalizer: every other goes in the moment it is deleted."""
    if model.delete_bucket == model.finalized:
        return None
    return Plan(
        reason=Reason.Pending,
        message="spec.deletionPolicy is noted on the model",
        actions=(SetFinalizer(model.delete_bucket),),
    )
