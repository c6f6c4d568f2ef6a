"""Builds the status: conditions, and Ready from the plan. Pure.

Only this module decides the content of a status; only `edge.publish` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from e2i.api import conditions, naming
from e2i.api.conditions import Fact, Reason, fact
from e2i.api.model import Rollback
from e2i.api.problem import Problem
from e2i.api.release_record import SERVED
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import (
    ApplyBudget,
    DeleteArchive,
    DeleteBudget,
    DeleteRequest,
    Result,
    WriteRecord,
)
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases import parking, retries, sizes
from e2i.controller.core.releases.failure_message import failure_message
from e2i.controller.core.releases.release import (
    pods_at_address,
    ready_pods,
    selects_all,
)
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.status import failures, history
from e2i.controller.core.status.bento_conditions import built, exported
from e2i.controller.core.status.drift_condition import drift_fact, drift_status
from e2i.controller.core.status.transitions import Transition, transitions
from e2i.controller.core.status.verified_condition import verified
from e2i.controller.core.status.watch_condition import watch_blind


@dataclass(frozen=True, kw_only=True)
class Report:
    """The status to write, and its changes."""

    status: Mapping[str, Any]
    changed: bool
    transitions: tuple[Transition, ...]


def report(
    here: Situation, plan: Plan, results: Iterable[Result], now: datetime, operator: str = ""
) -> Report:
    """Return the status after this pass. The first failed action has priority over the plan.

    `operator`: the installation that operates the model, by its Lease.
    """
    plan = replace(plan, message=plan.told)
    failed = failures.of_desired(here, plan)
    facts = tuple(_facts(here, plan, _problem(results, failed), failed))
    old = _own(here.model.status)
    merged = conditions.merge_conditions(old.get("conditions", ()), facts, here.model.generation, now)
    status = {
        "observedGeneration": here.model.generation,
        **({"observedRestartAt": here.model.shape.restart} if here.model.shape.restart else {}),
        **({"operator": operator} if operator else {}),
        "conditions": merged,
        **_release_fields(here),
        **_remembered(here, plan, now),
    }
    return Report(
        status=status,
        changed=status != dict(old),
        transitions=tuple(transitions(old.get("conditions", ()), merged)),
    )


def _problem(results: Iterable[Result], failed: Failure | None) -> Problem | None:
    """Return why the first action that the status reports failed; None if only cleanup failed, or nothing."""
    return next(
        (result.problem for result in results if result.problem and not _is_chore(result, failed)), None
    )


def _own(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the status without what another installation of the operator says in it."""
    kept = [each for each in status.get("conditions", ()) if each["type"] != conditions.CONTESTED]
    return {**status, "conditions": kept} if "conditions" in status else status


def _is_chore(result: Result, failed: Failure | None) -> bool:
    """Return whether the action is only cleanup. If it fails, it is logged and tried again, and Ready stays True."""
    if isinstance(result.action, WriteRecord):
        return failed is not None or result.action.record.result != SERVED
    return isinstance(result.action, ApplyBudget | DeleteBudget | DeleteArchive | DeleteRequest)


def _facts(here: Situation, plan: Plan, problem: Problem | None, failed: Failure | None) -> Iterator[Fact]:
    yield _ready(here, plan, problem)
    yield exported(here, plan)
    yield built(here, plan)
    yield verified(here, plan, failed)
    yield _serving(here)
    if failed and _is_rolled_back(here):
        yield fact(conditions.ROLLED_BACK, "True", failed.reason, failure_message(here, failed))
    if blind := watch_blind(here):
        yield blind
    if drift := drift_fact(here):
        yield drift
    stalled = problem.stalled if problem else plan.stalled
    reason, message = (problem.reason, problem.message) if problem else (plan.reason, plan.message)
    if stalled or failed:
        yield fact(conditions.STALLED, "True", reason, message)
    elif reason not in (Reason.Ready, Reason.Parked, Reason.Suspended, Reason.Deleting):
        yield fact(conditions.RECONCILING, "True", reason, message)


def _is_rolled_back(here: Situation) -> bool:
    return here.model.rollout.rollback is Rollback.AUTOMATIC and here.fallback is not None


def _ready(here: Situation, plan: Plan, problem: Problem | None) -> Fact:
    if problem:
        return fact(conditions.READY, "False", problem.reason, problem.message)
    if plan.reason is Reason.Suspended:
        status: conditions.Status = "True" if here.is_in_service else "False"
        return fact(conditions.READY, status, plan.reason, plan.message)
    # A parked model is as its spec asks, like a Deployment of no replicas.
    is_reached = plan.reason in (Reason.Ready, Reason.Parked)
    return fact(conditions.READY, "True" if is_reached else "False", plan.reason, plan.message)


def _serving(here: Situation) -> Fact:
    release = here.serving
    if release is None:
        return fact(conditions.SERVING, "False", Reason.Pending, "no release has had the address yet")
    pods = pods_at_address(here.model, here.seen)
    if pods == 0 and here.model.is_parked:
        message = f"release {release} has the address, and no pods while spec.replicas is 0"
        return fact(conditions.SERVING, "False", Reason.Parked, message)
    if pods == 0:
        return fact(
            conditions.SERVING,
            "False",
            Reason.Deploying,
            f"release {release} has the address, but no ready pod",
        )
    return fact(
        conditions.SERVING,
        "True",
        Reason.Serving,
        f"release {release} has the address {naming.service_url(here.model)}",
    )


def _release_fields(here: Situation) -> dict[str, Any]:
    """Return the fields about the releases; empty ones are left out."""
    serving, shown = here.serving, here.serving or here.asked
    workload = here.seen.workload(here.seen.deployment(shown)) if shown else None
    fields: dict[str, Any] = {}
    if here.asked:
        fields["desiredRelease"] = here.asked
        fields["artifact"] = _artifact(here)
    if serving:
        fields["servingRelease"] = serving
        fields["url"] = naming.service_url(here.model)
    if shown:
        fields["selector"] = naming.label_selector(naming.pod_labels(here.model.name, shown))
    if workload is None and selects_all(here.model, here.seen):
        # During an edit in place the pods of the previous release are counted as its own.
        fields["replicas"] = sum(each.existing for each in here.seen.workloads)
        fields["readyReplicas"] = pods_at_address(here.model, here.seen)
    else:
        fields["replicas"] = workload.existing if workload else 0
        fields["readyReplicas"] = ready_pods(workload)
    return fields


def _artifact(here: Situation) -> dict[str, Any]:
    """Return status.artifact. While the bento has to be found again it stays: a canary continues by it."""
    if here.desired is None:
        return dict(here.model.status["artifact"])
    artifact = here.desired.artifact
    image = {"image": artifact.image} if artifact.image else {}
    return {
        "tag": artifact.tag,
        "digest": artifact.digest,
        "uri": artifact.uri,
        "size": artifact.size,
        **image,
    }


_OF_THE_SPEC = ("desiredRelease", "artifact", "retries", "rollout", "parkedAt")
"""Fields of the status that stay while the spec cannot be read: its releases go on by them."""


def _remembered(here: Situation, plan: Plan, now: datetime) -> dict[str, Any]:
    """Return the fields that the next pass reads, see `persisted_status`."""
    fields = retries.status(here.model, here.desired.release if here.desired else "", plan.retries)
    fields |= parking.status(here.model, plan.reason, now)
    canary = plan.canary or sizes.canary_progress(here)
    if here.model.invalid:
        # Which release a canary of that spec is of, only the spec says.
        fields = {name: here.model.status[name] for name in _OF_THE_SPEC if name in here.model.status}
    elif canary:
        share = sizes.weight(here.model.rollout.steps, canary.step)
        fields["rollout"] = persisted_status.canary_status(canary, share, sizes.actual_weight(here))
    if kept := failures.kept(here, plan):
        fields["failedReleases"] = [persisted_status.failure_status(failure) for failure in kept]
    entries = history.updated(here, failures.present(here, plan), now)
    if entries:
        fields["history"] = [persisted_status.entry_status(entry) for entry in entries]
    if drift := drift_status(here, now):
        fields["drift"] = drift
    return fields
