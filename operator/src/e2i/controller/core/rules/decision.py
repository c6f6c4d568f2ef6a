"""What a rule says, and what all rules share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Rollback
from e2i.controller.core.actions import Action
from e2i.controller.core.persisted_status import Canary, Failure
from e2i.controller.core.releases.release import Release, ready_pods, serving_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.sizes import size_of

NOW = timedelta(0)
PODS_POLL = timedelta(seconds=5)
"""Pods are not watched: while a release is not ready they are looked at this often for what holds them up."""
STORE_POLL = timedelta(seconds=15)
"""Neither the bento store nor the bucket can wake us."""
CLUSTER_POLL = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A rule's verdict: why, in one word and one sentence, what to do, and when to look again unasked."""

    reason: Reason
    message: str
    actions: tuple[Action, ...] = ()
    stalled: bool = False
    failed: bool = False
    """The desired release is not to be had; `core.plan` decides what comes of that."""
    http: str = ""
    """The exchange that showed the failure."""
    failure: Failure | None = None
    """To be remembered from now on."""
    canary: Canary | None = None
    """The same of a canary's progress."""
    look_again: timedelta | None = None


Rule = Callable[[Situation, datetime], Plan | None]


def desired_release(here: Situation) -> Release:
    """What the spec asks for."""
    wanted = here.desired
    if wanted is None:
        raise AssertionError("a rule below export_bento was asked before the bento was exported")
    return wanted


def target_release(here: Situation) -> Release:
    """What is to serve: the desired release, or the one to go back to."""
    chosen = here.target
    if chosen is None:
        raise AssertionError("a rule below export_bento was asked before the bento was exported")
    return chosen


def targets_desired(here: Situation) -> bool:
    """Whether the target is what the spec asks for, and not something that serves in its place."""
    return target_release(here).release == desired_release(here).release


def ready_pods_message(here: Situation, release: Release) -> str:
    """2 of 3 pods of release 0b1d77e2 (churn:2) are ready; pods that are about to go are told apart."""
    workload, wanted = release.workload, size_of(here, release.release).minimum
    of_it = min(ready_pods(workload), workload.updated) if workload else 0
    surplus = max(0, workload.existing - wanted) if workload else 0
    ending = f", and {surplus} more still {'ends' if surplus == 1 else 'end'}" if surplus else ""
    return f"{min(of_it, wanted)} of {wanted} pods of release {release.release} ({release.tag}) are ready{ending}"


def settled_plan(here: Situation) -> Plan:
    """What is to be said when nothing is left to do."""
    failed, chosen = here.quarantine, target_release(here)
    if failed is None:
        message = f"release {chosen.release} of {chosen.tag} serves at {naming.service_url(here.model)}"
        return Plan(reason=Reason.Ready, message=message)
    return Plan(reason=failed.reason, message=failure_message(here, failed), stalled=True)


def failure_message(here: Situation, failed: Failure) -> str:
    """release 1b2c (churn:2) failed: ... Release 9c01 (churn:1) serves in its place. It is not tried again ..."""
    serving, back = serving_release(here.seen), here.fallback
    if back is None and serving == failed.release:
        instead = "It goes on serving. "
        if here.model.rollout.rollback is Rollback.MANUAL:
            instead = "spec.rollout.rollback is Manual: it goes on serving until the spec changes. "
    elif back is None:
        instead = "There is no earlier release to go back to. "
    elif serving == back.release:
        instead = f"Release {back.release} serves in its place. "
    else:
        instead = f"Release {back.release} is about to take its place. "
    cause = failed.message.rstrip(".")
    return (
        f"release {failed.release} of {failed.tag} failed: {cause}. {instead}It is not tried again until the "
        f"spec changes or kubectl e2i retry {here.model.name} -n {here.model.namespace} asks for it"
    )
