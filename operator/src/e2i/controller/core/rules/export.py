"""Rules that read the release store and export the bento."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from e2i.api.conditions import Reason
from e2i.api.model import Model, Rollback
from e2i.api.problem import Problem
from e2i.controller.core.actions import (
    Export,
    ReadReleaseStore,
)
from e2i.controller.core.observed import Exporting
from e2i.controller.core.plan import STORE_POLL, Plan
from e2i.controller.core.records_state import RecordsState
from e2i.controller.core.releases import lost, recording
from e2i.controller.core.releases.quarantine import is_new
from e2i.controller.core.releases.release import (
    artifact_of,
    is_only_in_bucket,
)
from e2i.controller.core.releases.situation import Situation


def read_release_store(here: Situation, now: datetime) -> Plan | None:
    """Read the release store if only the bucket can know the model's earlier releases. It outlives the cluster."""
    if isinstance(here.seen.records, Problem) and artifact_of(here.model, here.seen) is None:
        problem = here.seen.records
        return Plan(
            reason=problem.reason, message=problem.message, stalled=problem.stalled, look_again=STORE_POLL
        )
    asking = Plan(reason=Reason.Pending, message="the bucket is asked for the model's earlier releases")
    if here.seen.records is RecordsState.RUNNING:
        return asking if _depends_on_release_store(here) else None
    if not needs_release_store(here):
        return None
    # Whatever the records say, the export comes next: the bento is not known without it.
    is_unknown = artifact_of(here.model, here.seen) is None and here.seen.export is None
    return replace(asking, actions=(ReadReleaseStore(export=here.model.reference if is_unknown else ""),))


def export_bento(here: Situation, now: datetime) -> Plan | None:
    """Export the bento, wait for its export, or report why it failed. Of an image only the digest is looked up."""
    if artifact_of(here.model, here.seen):
        return None
    if isinstance(here.seen.export, Exporting):
        return _bringing(here.model)
    if isinstance(here.seen.export, Problem):
        problem = here.seen.export
        return Plan(
            reason=problem.reason, message=problem.message, stalled=problem.stalled, look_again=STORE_POLL
        )
    return replace(_bringing(here.model), actions=(Export(here.model.reference),))


def _bringing(model: Model) -> Plan:
    if model.image:
        message = f"the registry is asked for the digest of {model.image}"
        return Plan(reason=Reason.Resolving, message=message)
    return Plan(reason=Reason.Exporting, message=f"{model.tag} is being exported to the bucket")


def needs_release_store(here: Situation) -> bool:
    """Return whether only the bucket can know earlier releases, a release to go back to, or one that failed."""
    if here.seen.records is not None:
        return False
    if recording.of_others(here):
        return True
    return _depends_on_release_store(here) or (
        here.quarantine is not None
        and here.model.rollout.rollback is Rollback.AUTOMATIC
        and here.fallback is None
    )


def _depends_on_release_store(here: Situation) -> bool:
    """Return whether nothing can be decided before the records are known."""
    if is_new(here.model) or is_only_in_bucket(here.model, here.seen):
        return True
    return here.comeback is not None and lost.needs_records(here)
