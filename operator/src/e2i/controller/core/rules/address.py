"""Rules that keep the address at a release that answers. They need no desired release."""

from __future__ import annotations

from datetime import datetime

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Rollback, Strategy
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import ApplyService
from e2i.controller.core.children import BentoDeployment, Service
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases import sizes
from e2i.controller.core.releases.release import ready_pods, selects_all
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.render.pod_template import address_labels


def restore_deleted_service(here: Situation, now: datetime) -> Plan | None:
    """Create a deleted Service again as it was."""
    if here.seen.service is not None or ("Service", here.model.name) in here.seen.foreign:
        return None
    if here.comeback:
        # What the spec asks for is verified as usual, also if it served before.
        due = here.comeback != here.asked and (here.model.is_parked or _has_ready_pods(here, here.comeback))
        return _leading(here.comeback, selector_of(here, here.comeback), None) if due else None
    served = next(
        (entry for entry in persisted_status.history(here.model) if entry.result == persisted_status.SERVING),
        None,
    )
    if served is None or not (here.model.is_parked or _has_ready_pods(here, served.release)):
        return None
    return _leading(served.release, selector_of(here, served.release), served.served_at)


def roll_back_failed_release(here: Situation, now: datetime) -> Plan | None:
    """The rollback: move the address with one write to an earlier release that has ready pods."""
    back = here.way_back
    automatic = here.model.rollout.rollback is Rollback.AUTOMATIC
    if here.serving_failure is None or back is None or not automatic:
        return None
    return Plan(
        reason=Reason.Switching,
        message=f"the address moves back to release {back.release} of {back.tag}",
        actions=(ApplyService(back.release, selector_of(here, back.release)),),
    )


def restore_address(here: Situation, now: datetime) -> Plan | None:
    """Write the Service if it does not lead to the serving release, and to the canary that shares its requests.

    This is so when a canary starts, fails or is superseded, when the strategy changes, and after edits by others.
    """
    service, serving = here.seen.service, here.serving
    if service is None or serving is None:
        return None
    rests = here.model.is_parked
    if not rests and not _has_ready_pods(here, serving) and (moved := _without_pods(here, serving)):
        return moved
    selector = _kept_selector(here, service, serving)
    told = service.serving == serving and service.switched_at is not None
    if told and dict(service.selector) == selector and service.as_rendered:
        return None
    return _leading(serving, selector, service.switched_at)


def _kept_selector(here: Situation, service: Service, serving: str) -> dict[str, str]:
    """Return the selector to write. Without a ready pod of the serving release, one that selects all pods stays.

    The only ready pods may be those of a release that is about to get the address.
    """
    awaited = not here.model.is_parked and not _has_ready_pods(here, serving)
    if awaited and selects_all(here.model, here.seen):
        return dict(service.selector)
    return selector_of(here, serving)


def _leading(release: str, selector: dict[str, str], since: datetime | None) -> Plan:
    return Plan(
        reason=Reason.Switching,
        message=f"the address will lead to {naming.label_selector(selector)}",
        actions=(ApplyService(release, selector, since),),
    )


def _without_pods(here: Situation, serving: str) -> Plan | None:
    """Move the address if the serving release has no ready pod but another release has.

    A running canary gets all requests, and keeps them when it is superseded: an address that selects all pods must not
    exist when a third release gets its first pods. Without a canary, a kept predecessor gets the requests. That
    condemns nobody: a release that did not fail, because a sidecar keeps its pods from being ready or because the time
    is over in which it could fail, gets the address again when it is complete.
    """
    since = here.seen.service.switched_at if here.seen.service else None
    everything = {naming.MODEL_LABEL: here.model.name}
    shared, ready = selects_all(here.model, here.seen), _has_ready_pods(here, here.asked)
    if selector_of(here, serving) == everything:
        return None if shared or not ready else _leading(serving, everything, since)
    if shared and ready:
        return None
    if here.asked == serving and here.model.rollout.rollback is not Rollback.AUTOMATIC:
        return None
    if shared:
        heir = next((child.release for child in _running(here) if child.release), None)
        return _narrowed(here, heir or serving, None if heir else since)
    running = {child.release for child in _running(here)} - {here.asked}
    before = next((release for release in persisted_status.proved(here.model) if release in running), None)
    return _narrowed(here, before, None) if before else None


def _narrowed(here: Situation, release: str, since: datetime | None) -> Plan:
    return _leading(release, _own_pods(here, release), since)


def _running(here: Situation) -> list[BentoDeployment]:
    return [child for child in here.seen.deployments if ready_pods(here.seen.workload(child))]


def _has_ready_pods(here: Situation, release: str | None) -> bool:
    return ready_pods(here.seen.workload(here.seen.deployment(release))) > 0


def selector_of(here: Situation, release: str) -> dict[str, str]:
    """Return the selector of the Service when `release` has the address: its own pods, or all pods of the model.

    All pods, while a canary shares the requests or if the only deployment is edited in place. Another deployment
    may exist for a while after a change of the strategy; it must not get requests.
    """
    in_place = here.model.rollout.strategy is Strategy.IN_PLACE
    edited = in_place and [child.name for child in here.seen.deployments] == [
        naming.inplace_name(here.model.name)
    ]
    if edited or (release == here.serving and sizes.canary_share(here)):
        return {naming.MODEL_LABEL: here.model.name}
    return _own_pods(here, release)


def _own_pods(here: Situation, release: str) -> dict[str, str]:
    child = here.seen.deployment(release)
    return address_labels(here.model.name, release, patched=child is not None and child.patched)
