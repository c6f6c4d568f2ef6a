"""Finds the release that served in an earlier life of a restored model: it comes back first. Pure.

`kubectl e2i restore` notes what the status said. Tools that back up objects leave the status out and restore the
children one after the other: then the records in the bucket say which of them served.
"""

from __future__ import annotations

from e2i.api import release_record
from e2i.api.model import Model
from e2i.controller.core import persisted_status
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases import quarantine
from e2i.controller.core.releases.release import newest_records, serving_release


def earlier_release(model: Model, seen: Observed) -> str | None:
    """Return the release; None if one has the address here, if the model has no earlier life, or if it failed."""
    if serving_release(seen) is not None:
        return None
    release = _noted(model) if persisted_status.history(model) else _recorded(seen)
    return release if release and quarantine.failure(model, seen, release) is None else None


def _noted(model: Model) -> str | None:
    """Return the release that served when the backup was taken."""
    serving = (each for each in persisted_status.history(model) if each.result == persisted_status.SERVING)
    entry = next(serving, None)
    if entry is None or model.restored is None:
        return None
    return entry.release if (entry.served_at or persisted_status.LONG_AGO) < model.restored.at else None


def _recorded(seen: Observed) -> str | None:
    """Return the newest good release of the bucket that has a BentoDeployment although no status has it.

    The release of a new model may be the same as one of an earlier model of its name. That is the desired one then.
    """
    good = release_record.good(newest_records(seen))
    return next((record.release for record in good if seen.deployment(record.release)), None)
