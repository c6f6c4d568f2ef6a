"""The identity of a trial of a release. Pure."""

from __future__ import annotations

import hashlib
import json

from e2i.api.model import Model
from e2i.api.naming import HEX
from e2i.controller.core import persisted_status
from e2i.controller.core.verification.identity import judged_by, watch_identity


def trial_of(model: Model, release: str) -> str:
    """Return the identity of a trial: 8 hex digits over the release and the settings that it is judged by.

    A trial that failed is not repeated. Another check, another value of retry-at, or a retry by the operator itself
    makes another trial.
    """
    rollout = model.rollout
    judged = {
        "release": release,
        "checks": judged_by(rollout).identity,
        "watch": watch_identity(rollout.watch),
        "strategy": rollout.strategy.value,
        "deadline": rollout.progress_deadline,
        "retry": model.retry_at,
    }
    if retries := persisted_status.retries(model, release):
        judged["retries"] = retries
    return hashlib.sha256(json.dumps(judged, sort_keys=True).encode()).hexdigest()[:HEX]
