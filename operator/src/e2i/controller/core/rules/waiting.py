"""Shared by the rules that wait for a build or for pods: delays, deadline, and messages. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.plan import CLUSTER_POLL, PODS_POLL, Plan
from e2i.controller.core.releases.release import Release
from e2i.controller.core.releases.situation import Situation, target_release
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.rules.last_status import was_told

LASTING = timedelta(seconds=5)
"""Until something that may pass by itself is named: a scheduler and the image builder need a moment."""
_PASSING = (Reason.PodUnschedulable, Reason.BuildBlocked)


def pods_poll(here: Situation, now: datetime) -> timedelta:
    """Return when to look again at pods that are waited for. While nothing holds them up, their watch is enough."""
    target = target_release(here)
    since = here.seen.problem_since or (target.request and target.request.error_since)
    if since and now - since < LASTING:
        return since + LASTING - now
    refused = target.deployment and target.deployment.refusal
    failing = target.workload and target.workload.replica_failure
    return PODS_POLL if here.seen.pod_problem or refused or failing else CLUSTER_POLL


def past_deadline(here: Situation, reason: Reason, what: str, cause: str, problem: Problem | None) -> Plan:
    """Return the plan of a release that is late. `cause` goes into the message; `problem` brings its log."""
    return Plan(
        reason=reason,
        message=f"{what} after {here.model.rollout.progress_deadline} s "
        f"(spec.rollout.progressDeadlineSeconds): {cause}",
        log=problem.log if problem else "",
        stalled=True,
        failed=True,
        look_again=CLUSTER_POLL,
    )


def lasting(
    here: Situation, problem: Problem | None, since: datetime | None, now: datetime
) -> Problem | None:
    """Return the problem, or None while it may pass by itself. What the last status names is named on."""
    if problem is None or problem.reason not in _PASSING or since is None or now - since >= LASTING:
        return problem
    return problem if was_told(here, problem.reason) else None


def ready_pods_message(here: Situation, release: Release) -> str:
    """Return: 2 of 3 pods of release 0b1d77e2 (churn:2) are ready. Pods that have to end are named separately.

    While a deployment is edited in place, the ready pods that are not of the new template are the old ones.
    """
    size, there = size_of(here, release.release), release.workload
    ready = f"of {size.minimum} pods of release {release.release} ({release.tag}) are ready"
    if there is None:
        return f"0 {ready}"
    old = max(0, there.existing - there.updated)
    of_it = min(max(0, there.ready - old), size.minimum)
    surplus = max(0, there.updated - max(size.minimum, min(there.wanted, size.maximum)))
    endings = [
        f"{count} {words} {'ends' if count == 1 else 'end'}"
        for count, words in ((old, "of the release before still"), (surplus, "more still"))
        if count
    ]
    return ", and ".join((f"{of_it} {ready}", *endings))
