"""What the condition Verified says. Pure."""

from __future__ import annotations

from e2i.api import conditions
from e2i.api.conditions import Fact, Reason, fact
from e2i.api.model import Model
from e2i.controller.core import persisted_status
from e2i.controller.core.observed import Finding, VerificationState
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases.release import Release, serving_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.decision import Plan
from e2i.controller.core.rules.trial import VERIFICATION_REASONS


def verified(here: Situation, chosen: Plan, failed: Failure | None) -> Fact:
    """Of the desired release; one that serves was verified before it took the requests."""
    asked = len(here.model.rollout.checks.get("verify", ()))
    if not asked:
        return fact(conditions.VERIFIED, "Unknown", Reason.NotAsked, "spec.rollout.verify asks for nothing")
    wanted = here.desired
    if failed and failed.reason in VERIFICATION_REASONS:
        return fact(conditions.VERIFIED, "False", failed.reason, failed.message)
    if failed and (told := _told_at_failure(here.model, failed)):
        return told
    if isinstance(here.seen.verification, Finding):
        problem = here.seen.verification.problem
        return fact(conditions.VERIFIED, "False", problem.reason, problem.message)
    serves = wanted is not None and serving_release(here.seen) == wanted.release
    if wanted and serves and _served_unasked(here.model, wanted):
        late = f"release {wanted.release} had the requests before spec.rollout.verify asked for predictions"
        return fact(conditions.VERIFIED, "Unknown", Reason.NotAsked, late)
    if wanted and (serves or here.seen.verification is VerificationState.PASSED):
        passed = f"release {wanted.release} was verified before it took requests"
        return fact(conditions.VERIFIED, "True", Reason.Verified, passed)
    if chosen.reason is Reason.Verifying:
        return fact(conditions.VERIFIED, "Unknown", Reason.Verifying, chosen.message)
    return fact(conditions.VERIFIED, "Unknown", Reason.Pending, "the release has to be ready first")


def _told_at_failure(model: Model, failed: Failure) -> Fact | None:
    """What was told when the release was given up; how its verification went is forgotten by a restart."""
    if failed.trial not in {each.trial for each in persisted_status.failures(model)}:
        return None
    known = (each for each in model.status.get("conditions", ()) if each["type"] == conditions.VERIFIED)
    told = next(known, None)
    if told is None or told["reason"] == Reason.NotAsked.name:
        return None
    return fact(
        conditions.VERIFIED, told["status"], persisted_status.reason_of(told["reason"]), told["message"]
    )


def _served_unasked(model: Model, wanted: Release) -> bool:
    """Whether the release served already when nothing was asked of it; nobody asks one that serves."""
    told = ((each["type"], each["reason"]) for each in model.status.get("conditions", ()))
    return (
        model.status.get("servingRelease") == wanted.release
        and (conditions.VERIFIED, Reason.NotAsked.name) in told
    )
