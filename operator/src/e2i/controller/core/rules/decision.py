"""`Plan`, the result of a rule, and functions that the rules share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from e2i.api import conditions, naming
from e2i.api.conditions import Reason, timestamp
from e2i.api.model import Rollback
from e2i.api.problem import Problem
from e2i.controller.core.actions import Action
from e2i.controller.core.persisted_status import Canary, Failure
from e2i.controller.core.releases import quarantine, retries
from e2i.controller.core.releases.release import Release, serving_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.sizes import size_of

NOW = timedelta(0)
PODS_POLL = timedelta(seconds=5)
"""How often a model is looked at whose pods are held up: some problems become final only by their age."""
STORE_POLL = timedelta(seconds=15)
"""How often the bento store and the bucket are read: neither can be watched."""
CLUSTER_POLL = timedelta(seconds=30)

LASTING = timedelta(seconds=5)
"""Until something that may pass by itself is named: a scheduler and the image builder need a moment."""
_PASSING = (Reason.PodUnschedulable, Reason.BuildBlocked)

BUILD_FAILURES = (Reason.BuildFailed, Reason.BuildDeadlineExceeded)
POD_FAILURES = (
    Reason.DeploymentRefused,
    Reason.PodsRefused,
    Reason.ImagePullFailed,
    Reason.ContainerConfigError,
    Reason.CrashLoop,
    Reason.PodsLost,
    Reason.ProgressDeadlineExceeded,
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The result of a rule: the reason and its message, the actions, and the delay until the next pass in any case."""

    reason: Reason
    message: str
    actions: tuple[Action, ...] = ()
    stalled: bool = False
    failed: bool = False
    """The desired release has failed, or `judged`; `core.plan` decides what follows."""
    judged: Release | None = None
    """The release that has failed while it got requests."""
    http: str = ""
    """The HTTP exchange that showed the failure."""
    log: str = ""
    """The command that shows the log of a pod that is still there. Not remembered with a failure."""
    failure: Failure | None = None
    """The failure to write into the status."""
    canary: Canary | None = None
    """The canary's progress to write into the status."""
    retries: int | None = None
    """How often the desired release has been tried again by itself, to write into the status."""
    look_again: timedelta | None = None

    @property
    def told(self) -> str:
        """The message for a moment in which the pods are there."""
        return f"{self.message.rstrip('.')}. Its log: {self.log}" if self.log else self.message


Rule = Callable[[Situation, datetime], Plan | None]


def desired_release(here: Situation) -> Release:
    """Return the release that the spec asks for. Only for rules below `export_bento`."""
    desired = here.desired
    if desired is None:
        raise AssertionError("a rule below export_bento was asked before the bento was exported")
    return desired


def target_release(here: Situation) -> Release:
    """Return the release that should have the address in the end. Only for rules below `export_bento`."""
    target = here.target
    if target is None:
        raise AssertionError("a rule below export_bento was asked before the bento was exported")
    return target


def targets_desired(here: Situation) -> bool:
    """Return whether the target is the desired release and not a fallback."""
    return target_release(here).release == desired_release(here).release


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


def settled_plan(here: Situation) -> Plan:
    """Return the plan of a model for which nothing is left to do."""
    failed, target = here.quarantine, target_release(here)
    if failed is None:
        message = f"release {target.release} of {target.tag} serves at {naming.service_url(here.model)}"
        return Plan(reason=Reason.Ready, message=message)
    return Plan(reason=failed.reason, message=failure_message(here, failed), stalled=True)


def was_told(here: Situation, reason: Reason) -> bool:
    """Return whether the last status said that this keeps the model from being ready, so a restart says it on."""
    return _told(here, conditions.READY, reason)


def was_stalled(here: Situation, reason: Reason) -> bool:
    """Return whether the last status said that the model is stalled for this reason, so a restart keeps it so."""
    return _told(here, conditions.STALLED, reason)


def told_message(here: Situation, reason: Reason) -> str:
    """Return the words with which the last status said that this keeps the model from being ready; or nothing."""
    return next((str(each["message"]) for each in _telling(here, conditions.READY, reason)), "")


def _told(here: Situation, condition: str, reason: Reason) -> bool:
    return any(_telling(here, condition, reason))


def _telling(here: Situation, condition: str, reason: Reason) -> Iterator[Mapping[str, Any]]:
    """Return the condition of the last status if it has this reason, for the present spec."""
    wanted = (condition, reason.name, here.model.generation)
    for each in here.model.status.get("conditions", ()):
        if (each["type"], each["reason"], each["observedGeneration"]) == wanted:
            yield each


def was_final(here: Situation, reason: Reason) -> bool:
    """Return whether the last status said so of a release that is not given up for it.

    That is the release to go back to, or any with rollback Disabled."""
    given_up = here.model.rollout.rollback is not Rollback.DISABLED and targets_desired(here)
    return not given_up and was_stalled(here, reason)


def no_way_back(here: Situation) -> str:
    """Return why there is no release to go back to."""
    record = quarantine.lacks_values(here.model, here.seen, here.asked)
    if record is None:
        return "There is no earlier release to go back to"
    return (
        f"Release {record.release} of {record.artifact.tag} was good and cannot be restored: nothing in this cluster "
        f"has the values of its environment ({', '.join(record.env)}); apply the spec that had them"
    )


def failure_message(here: Situation, failed: Failure) -> str:
    """Return: release 1b2c of churn:2 failed: ... Release 9c01 serves in its place. It is not tried again ..."""
    serving, back = serving_release(here.seen), here.fallback
    if back is None and serving == failed.release:
        instead = "It continues to serve. "
        if here.model.rollout.rollback is Rollback.MANUAL:
            instead = "spec.rollout.rollback is Manual: it continues to serve until the spec changes. "
    elif back is None:
        instead = f"{no_way_back(here)}. "
    elif serving == back.release:
        instead = f"Release {back.release} serves in its place. "
    else:
        instead = f"Release {back.release} is about to take its place. "
    again = retries.due(here.model, failed) if back else None
    until = f"It is tried again at {timestamp(again)}, or when" if again else "It is not tried again until"
    cause = failed.message.rstrip(".")
    return (
        f"release {failed.release} of {failed.tag} failed: {cause}. {instead}{until} the "
        f"spec changes or kubectl e2i retry {here.model.name} -n {here.model.namespace} asks for it"
    )
