"""Rules for a model that cannot or must not be changed now."""

from __future__ import annotations

from datetime import datetime

from e2i.api import tags
from e2i.api.conditions import Reason
from e2i.controller.core.plan import CLUSTER_POLL, Plan
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.verification.identity import judged_by, watch_problem


def hold_unreadable_spec(here: Situation, now: datetime) -> Plan | None:
    """Change nothing while the spec cannot be read."""
    if not here.model.invalid:
        return None
    return Plan(
        reason=Reason.SpecUnreadable,
        message=f"{here.model.invalid}: what serves continues to serve, and nothing changes until this is corrected",
        stalled=True,
    )


def hold_while_suspended(here: Situation, now: datetime) -> Plan | None:
    """Change nothing while spec.suspend is true."""
    if not here.model.suspended:
        return None
    return Plan(
        reason=Reason.Suspended,
        message="spec.suspend is true: what serves continues to serve, and nothing changes until it is false",
    )


def wait_for_yatai(here: Situation, now: datetime) -> Plan | None:
    """Wait until the API server serves Yatai's kinds."""
    if not here.seen.missing_kinds:
        return None
    kinds = ", ".join(sorted(here.seen.missing_kinds))
    return Plan(
        reason=Reason.YataiNotInstalled,
        message=f"the cluster does not serve {kinds}: install yatai-deployment and yatai-image-builder",
        stalled=True,
        look_again=CLUSTER_POLL,
    )


def refuse_tag(here: Situation, now: datetime) -> Plan | None:
    """Stall if spec.bento.tag is not an exact tag."""
    try:
        tags.parse_tag(here.model.tag)
    except tags.TagRefused as refusal:
        return Plan(reason=Reason.TagRefused, message=refusal.message, stalled=True)
    return None


def refuse_checks(here: Situation, now: datetime) -> Plan | None:
    """Stall if what releases are judged by cannot be parsed. Checked before a build: no release could pass it."""
    if problem := judged_by(here.model.rollout).problem or watch_problem(here.model.rollout.watch):
        return Plan(reason=Reason.CheckInvalid, message=problem, stalled=True)
    return None


def refuse_taken_names(here: Situation, now: datetime) -> Plan | None:
    """Stall if an object of another owner has the name of a child."""
    if not here.seen.foreign:
        return None
    return Plan(
        reason=Reason.NameTaken,
        message=". ".join(_holder(here, place) for place in sorted(here.seen.foreign)),
        stalled=True,
        look_again=CLUSTER_POLL,
    )


def _holder(here: Situation, place: tuple[str, str]) -> str:
    kind, name = place
    return here.seen.holders.get(place, f"{kind} {name} in {here.model.namespace} belongs to another owner")


def refuse_unreadable_children(here: Situation, now: datetime) -> Plan | None:
    """Stall if a child of the model cannot be read: to write it again might not change what is wrong with it."""
    if not here.seen.malformed:
        return None
    child = here.seen.malformed[0]
    return Plan(
        reason=Reason.ChildUnreadable,
        message=f"{child.kind} {child.name} in {child.namespace} cannot be read: {child.problem}. Correct it, or "
        "delete it to have it made again",
        stalled=True,
    )


def wait_for_leftovers(here: Situation, now: datetime) -> Plan | None:
    """Wait until the children of a deleted model of the same name are gone."""
    if not here.seen.leftovers:
        return None
    # What Kubernetes does not remove by itself is named.
    held = [here.seen.holders[place] for place in sorted(here.seen.leftovers) if place in here.seen.holders]
    names = ", ".join(f"{kind} {name}" for kind, name in sorted(here.seen.leftovers))
    return Plan(
        reason=Reason.Pending,
        message=held[0] if held else f"{names} of a deleted model of the same name is still being removed",
        look_again=CLUSTER_POLL,
    )
