"""Decides when a release that lost its pods without a crash of its own is tried again by itself. Pure.

A node that restarts takes the pods of a good release with it. Going back is right then, but not for good.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from e2i.api.conditions import Reason
from e2i.api.model import Model, Rollback
from e2i.controller.core import persisted_status
from e2i.controller.core.persisted_status import Failure

DELAYS = (timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
"""From a failure until the first, the second and the last retry."""


def due(model: Model, failed: Failure) -> datetime | None:
    """Return when the release is tried again by itself, or None if it is not."""
    count = persisted_status.retries(model, failed.release)
    if failed.reason is not Reason.PodsLost or model.rollout.rollback is not Rollback.AUTOMATIC:
        return None
    return failed.failed_at + DELAYS[count] if count < len(DELAYS) else None


def status(model: Model, release: str, count: int | None) -> dict[str, Any]:
    """Return status.retries of the desired release, or nothing. `count` replaces the known number."""
    count = persisted_status.retries(model, release) if count is None else count
    return {"retries": {"release": release, "count": count}} if count else {}
