"""Parking: with `replicas: 0` a model rests without pods, and it is verified when it is woken. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from e2i.api.conditions import Reason, timestamp
from e2i.api.model import Model
from e2i.controller.core import persisted_status
from e2i.controller.core.releases.trials import trial_of


def is_waking(model: Model) -> bool:
    """Return whether the model was parked and has not been Ready since."""
    return not model.is_parked and persisted_status.parked_at(model) is not None


def status(model: Model, reason: Reason, now: datetime) -> dict[str, Any]:
    """Return status.parkedAt, or nothing. `reason`: that of Ready."""
    since = persisted_status.parked_at(model)
    if model.is_parked and not model.suspended:
        since = since or now
    elif reason is Reason.Ready:
        since = None
    return {"parkedAt": timestamp(since)} if since else {}


def verification_of(model: Model, release: str) -> str:
    """Return the identity of a verification: that of the trial, another one after the model was parked.

    What its pods answered before says nothing about those that were started since.
    """
    trial, since = trial_of(model, release), persisted_status.parked_at(model)
    return f"{trial} since {timestamp(since)}" if since else trial
