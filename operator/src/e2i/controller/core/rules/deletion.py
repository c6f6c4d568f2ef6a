"""Rules for a deleted model, its finalizer and its part of the bucket."""

from __future__ import annotations

from datetime import datetime

from e2i.api.conditions import Reason
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import EmptyBucket, SetFinalizer
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.last_status import told_message, was_stalled

_OF_THE_BUCKET = (
    Reason.BucketUnreachable,
    Reason.BucketNotFound,
    Reason.BucketAccessDenied,
    Reason.BucketRefused,
)


def finish_deletion(here: Situation, now: datetime) -> Plan | None:
    """Clean up the bucket of a deleted model if its deletionPolicy asks for it, and remove the finalizer."""
    if not here.model.deleting:
        return None
    if not here.model.finalized:
        return Plan(reason=Reason.Deleting, message="Kubernetes removes the children with the model")
    if not here.model.delete_bucket:
        return Plan(
            reason=Reason.Deleting,
            message="the deletion continues, the bucket stays as it is",
            actions=(SetFinalizer(False),),
        )
    reason, message = _held_up_by(here)
    actions = (EmptyBucket(_archives(here)), SetFinalizer(False))
    return Plan(reason=reason, message=message, actions=actions, stalled=was_stalled(here, reason))


def _held_up_by(here: Situation) -> tuple[Reason, str]:
    """Return what the last attempt met, until the next one has ended: an S3 server may let each wait for a minute."""
    for reason in _OF_THE_BUCKET:
        if met := told_message(here, reason):
            return reason, met
    return Reason.Deleting, "its archives and records are being removed from the bucket (spec.deletionPolicy)"


def _archives(here: Situation) -> tuple[tuple[str, str], ...]:
    """Return (uri, digest) of every archive that belongs to the model, as far as the cluster knows."""
    artifacts = [request.artifact for request in here.seen.requests if request.artifact]
    known = {(each.uri, each.digest) for each in artifacts if not each.image}
    artifact = here.model.status.get("artifact") or {}
    is_archive = artifact.get("uri") and not artifact.get("image")
    if is_archive and artifact.get("digest") and persisted_status.history(here.model):
        known.add((artifact["uri"], artifact["digest"]))
    return tuple(sorted(known))


def set_finalizer(here: Situation, now: datetime) -> Plan | None:
    """Add or remove the finalizer, as deletionPolicy says. A model without one is deleted at once."""
    if here.model.delete_bucket == here.model.finalized:
        return None
    return Plan(
        reason=Reason.Pending,
        message="spec.deletionPolicy is noted on the model",
        actions=(SetFinalizer(here.model.delete_bucket),),
    )
