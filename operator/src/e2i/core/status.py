"""What the operator reports: facts about the parts, and Ready derived from the plan. Pure.

Only this module decides what a status says; only `edge.publish` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from e2i.core import conditions, history, memory, naming, sizes
from e2i.core.actions import DeleteArchive, DeleteRequest, Result, WriteRecord
from e2i.core.conditions import Fact, Reason, one_line
from e2i.core.memory import Failure
from e2i.core.model import Model, Rollback
from e2i.core.observed import Build, Exporting, Finding, Observed, Trouble, Verdict
from e2i.core.quarantine import fallback, quarantine
from e2i.core.release import (
    Release,
    desired,
    is_in_service,
    pods_at_address,
    ready_pods,
    serving_release,
)
from e2i.core.rules.judging import OF_VERIFICATION
from e2i.core.rules.verdict import Plan, told_failure


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A condition that changed its status or reason; becomes one event and one log line."""

    type: str
    status: str
    reason: str
    message: str
    warning: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """The status to write, and what is new in it."""

    status: Mapping[str, Any]
    changed: bool
    transitions: tuple[Transition, ...]


def report(model: Model, seen: Observed, chosen: Plan, results: Iterable[Result], now: datetime) -> Report:
    """The status after this pass. The first action that failed speaks louder than the plan."""
    failed = chosen.failure or quarantine(model, seen)
    trouble = next(
        (result.trouble for result in results if result.trouble and not _is_chore(result, failed)), None
    )
    facts = tuple(_facts(model, seen, chosen, trouble, failed))
    old = model.status
    merged = conditions.merge_conditions(old.get("conditions", ()), facts, model.generation, now)
    status = {
        "observedGeneration": model.generation,
        "conditions": merged,
        **_release_fields(model, seen),
        **_remembered(model, seen, chosen, failed, now),
    }
    return Report(
        status=status,
        changed=status != dict(old),
        transitions=tuple(_transitions(old.get("conditions", ()), merged)),
    )


def _is_chore(result: Result, failed: Failure | None) -> bool:
    """What no request depends on: it is logged and tried again, and nobody is told that the model were not well."""
    chore = isinstance(result.action, DeleteArchive | DeleteRequest)
    return chore or (failed is not None and isinstance(result.action, WriteRecord))


def _facts(
    model: Model, seen: Observed, chosen: Plan, trouble: Trouble | None, failed: Failure | None
) -> Iterator[Fact]:
    yield _ready(model, seen, chosen, trouble)
    yield _exported(model, seen, chosen)
    yield _built(model, seen, chosen)
    yield _verified(model, seen, chosen, failed)
    yield _serving(model, seen)
    if failed and _is_rolled_back(model, seen):
        yield _fact(conditions.ROLLED_BACK, "True", failed.reason, told_failure(model, seen, failed))
    stalled = trouble.stalled if trouble else chosen.stalled
    reason, message = (trouble.reason, trouble.message) if trouble else (chosen.reason, chosen.message)
    if stalled or failed:
        yield _fact(conditions.STALLED, "True", reason, message)
    elif reason not in (Reason.Ready, Reason.Suspended, Reason.Deleting):
        yield _fact(conditions.RECONCILING, "True", reason, message)


def _is_rolled_back(model: Model, seen: Observed) -> bool:
    return model.rollout.rollback is Rollback.AUTOMATIC and fallback(model, seen) is not None


def _ready(model: Model, seen: Observed, chosen: Plan, trouble: Trouble | None) -> Fact:
    if trouble:
        return _fact(conditions.READY, "False", trouble.reason, trouble.message)
    if chosen.reason is Reason.Suspended:
        status: conditions.Status = "True" if is_in_service(model, seen) else "False"
        return _fact(conditions.READY, status, chosen.reason, chosen.message)
    return _fact(
        conditions.READY, "True" if chosen.reason is Reason.Ready else "False", chosen.reason, chosen.message
    )


def _exported(model: Model, seen: Observed, chosen: Plan) -> Fact:
    wanted = desired(model, seen)
    if wanted:
        artifact = wanted.artifact
        return _fact(
            conditions.EXPORTED,
            "True",
            Reason.Exported,
            f"{artifact.tag} is {artifact.uri}, {artifact.digest}, {artifact.size} bytes",
        )
    match seen.export:
        case Exporting(done=done, total=total):
            percent = 100 * done // total if total else 0
            return _fact(
                conditions.EXPORTED,
                "False",
                Reason.Exporting,
                f"{model.tag}: {done} of {total} bytes uploaded ({percent} %)",
            )
        case Trouble(reason=reason, message=message):
            return _fact(conditions.EXPORTED, "False", reason, message)
        case _:
            return _fact(
                conditions.EXPORTED, "Unknown", *_cause(chosen, f"{model.tag} was not looked for yet")
            )


def _built(model: Model, seen: Observed, chosen: Plan) -> Fact:
    wanted = desired(model, seen)
    request = wanted.request if wanted else None
    if request is None:
        return _fact(conditions.BUILT, "Unknown", Reason.Pending, "no image was asked for yet")
    match request.build:
        case Build.DONE:
            return _fact(
                conditions.BUILT,
                "True",
                Reason.Built,
                f"BentoRequest {request.name} has an image of {model.tag}",
            )
        case Build.FAILED:
            return _fact(conditions.BUILT, "False", Reason.BuildFailed, request.message)
        case _:
            return _fact(conditions.BUILT, "False", *_building(chosen, wanted))


_BUILD_TROUBLES = (Reason.BuildBlocked, Reason.BuildDeadlineExceeded)


def _building(chosen: Plan, wanted: Release | None) -> tuple[Reason, str]:
    if chosen.reason in _BUILD_TROUBLES:
        return chosen.reason, chosen.message
    name = wanted.request_name if wanted else ""
    return Reason.Building, f"Yatai builds the image (BentoRequest {name})"


def _verified(model: Model, seen: Observed, chosen: Plan, failed: Failure | None) -> Fact:
    """Of the desired release; one that serves was verified before it took the requests."""
    asked = len(model.rollout.checks.get("verify", ()))
    if not asked:
        return _fact(conditions.VERIFIED, "Unknown", Reason.NotAsked, "spec.rollout.verify asks for nothing")
    wanted = desired(model, seen)
    if failed and failed.reason in OF_VERIFICATION:
        return _fact(conditions.VERIFIED, "False", failed.reason, failed.message)
    if failed and (told := _told_at_failure(model, failed)):
        return told
    if isinstance(seen.verification, Finding):
        trouble = seen.verification.trouble
        return _fact(conditions.VERIFIED, "False", trouble.reason, trouble.message)
    serves = wanted is not None and serving_release(seen) == wanted.release
    if wanted and serves and _served_unasked(model, wanted):
        late = f"release {wanted.release} had the requests before spec.rollout.verify asked for predictions"
        return _fact(conditions.VERIFIED, "Unknown", Reason.NotAsked, late)
    if wanted and (serves or seen.verification is Verdict.PASSED):
        passed = f"release {wanted.release} was verified before it took requests"
        return _fact(conditions.VERIFIED, "True", Reason.Verified, passed)
    if chosen.reason is Reason.Verifying:
        return _fact(conditions.VERIFIED, "Unknown", Reason.Verifying, chosen.message)
    return _fact(conditions.VERIFIED, "Unknown", Reason.Pending, "the release has to be ready first")


def _told_at_failure(model: Model, failed: Failure) -> Fact | None:
    """What was told when the release was given up; how its verification went is forgotten by a restart."""
    if failed.trial not in {each.trial for each in memory.failures(model)}:
        return None
    known = (each for each in model.status.get("conditions", ()) if each["type"] == conditions.VERIFIED)
    told = next(known, None)
    if told is None or told["reason"] == Reason.NotAsked.name:
        return None
    return _fact(conditions.VERIFIED, told["status"], memory.reason_of(told["reason"]), told["message"])


def _served_unasked(model: Model, wanted: Release) -> bool:
    """Whether the release served already when nothing was asked of it; nobody asks one that serves."""
    told = ((each["type"], each["reason"]) for each in model.status.get("conditions", ()))
    return (
        model.status.get("servingRelease") == wanted.release
        and (conditions.VERIFIED, Reason.NotAsked.name) in told
    )


def _serving(model: Model, seen: Observed) -> Fact:
    release = serving_release(seen)
    if release is None:
        return _fact(conditions.SERVING, "False", Reason.Pending, "no release has had the address yet")
    pods = pods_at_address(model, seen)
    if pods == 0:
        return _fact(
            conditions.SERVING,
            "False",
            Reason.Deploying,
            f"release {release} has the address, but no ready pod",
        )
    return _fact(
        conditions.SERVING,
        "True",
        Reason.Serving,
        f"release {release} has the address {naming.service_url(model)}",
    )


def _cause(chosen: Plan, otherwise: str) -> tuple[Reason, str]:
    """A plan that is stalled before the export says why nothing was exported."""
    return (chosen.reason, chosen.message) if chosen.stalled else (Reason.Pending, otherwise)


def _fact(type_: str, status: conditions.Status, reason: Reason, message: str) -> Fact:
    return Fact(type=type_, status=status, reason=reason, message=one_line(message))


def _release_fields(model: Model, seen: Observed) -> dict[str, Any]:
    """The status besides conditions; a field with nothing to say is left out."""
    wanted = desired(model, seen)
    serving = serving_release(seen)
    shown = serving or (wanted.release if wanted else None)
    workload = seen.workload(seen.deployment(shown)) if shown else None
    fields: dict[str, Any] = {}
    if wanted:
        artifact = wanted.artifact
        fields["desiredRelease"] = wanted.release
        fields["artifact"] = {
            "tag": artifact.tag,
            "digest": artifact.digest,
            "uri": artifact.uri,
            "size": artifact.size,
        }
    if serving:
        fields["servingRelease"] = serving
        fields["url"] = naming.service_url(model)
    if shown:
        fields["selector"] = naming.label_selector(naming.pod_labels(model.name, shown))
    fields["replicas"] = workload.existing if workload else 0
    fields["readyReplicas"] = ready_pods(workload)
    return fields


def _remembered(
    model: Model, seen: Observed, chosen: Plan, failed: Failure | None, now: datetime
) -> dict[str, Any]:
    """What the next pass, or the next operator, goes on from."""
    fields: dict[str, Any] = {}
    canary = chosen.canary or sizes.progress(model, seen)
    if canary:
        share = sizes.weight(model.rollout.steps, canary.step)
        fields["rollout"] = memory.canary_status(canary, share, sizes.actual_weight(model, seen))
    if failed:
        fields["failedReleases"] = [memory.failure_status(failed)]
    entries = history.updated(model, seen, failed, now)
    if entries:
        fields["history"] = [memory.entry_status(entry) for entry in entries]
    return fields


_PROGRESS = {Reason.Pending.name, Reason.Exporting.name, Reason.Building.name, Reason.Switching.name}
_NORMAL = _PROGRESS | {
    reason.name
    for reason in (
        Reason.Ready,
        Reason.Exported,
        Reason.Built,
        Reason.Serving,
        Reason.Deploying,
        Reason.Scaling,
        Reason.Verifying,
        Reason.Verified,
        Reason.NotAsked,
        Reason.Promoting,
        Reason.CanaryPaused,
        Reason.Paused,
        Reason.Suspended,
        Reason.Deleting,
    )
}


_UNTOLD = (Reason.Pending.name, Reason.NotAsked.name)


def _transitions(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> Iterator[Transition]:
    """What is worth an event: a changed status or reason, told once however many conditions show it."""
    before = {condition["type"]: condition for condition in old}
    told: set[str] = set()
    # The summary comes after the parts it sums up, as they happened.
    for condition in sorted(new, key=lambda condition: condition["type"] == conditions.READY):
        was = before.get(condition["type"])
        same = was is not None and (was["status"], was["reason"]) == (
            condition["status"],
            condition["reason"],
        )
        if same or condition["reason"] in told or condition["reason"] in _UNTOLD:
            continue
        told.add(condition["reason"])
        yield Transition(
            type=condition["type"],
            status=condition["status"],
            reason=condition["reason"],
            message=condition["message"],
            warning=condition["reason"] not in _NORMAL,
        )
