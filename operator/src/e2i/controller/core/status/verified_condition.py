"""The condition Verified. Pure."""

from __future__ import annotations

from e2i.api import conditions
from e2i.api.conditions import Fact, Reason, fact
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core import persisted_status
from e2i.controller.core.observed import VerificationState
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases import parking
from e2i.controller.core.releases.failure_kinds import VERIFICATION_FAILURES
from e2i.controller.core.releases.release import Release, serving_release
from e2i.controller.core.releases.situation import Situation


def verified(here: Situation, plan: Plan, failed: Failure | None) -> Fact:
    """Return the condition of the desired release. A serving release was verified before it got the requests."""
    asked = len(here.model.rollout.checks.get("verify", ()))
    if not asked:
        return fact(conditions.VERIFIED, "Unknown", Reason.NotAsked, "spec.rollout.verify is empty")
    desired = here.desired
    if failed and failed.reason in VERIFICATION_FAILURES:
        return fact(conditions.VERIFIED, "False", failed.reason, failed.message)
    if failed and (known := _condition_at_failure(here.model, failed)):
        return known
    if isinstance(here.seen.verification, Problem):
        problem = here.seen.verification
        return fact(
            conditions.VERIFIED, "False" if problem.final else "Unknown", problem.reason, problem.message
        )
    serves = desired is not None and serving_release(here.seen) == desired.release
    serves = serves and not parking.is_waking(here.model)
    if desired and serves and _served_unasked(here.model, desired):
        late = f"release {desired.release} had the requests before spec.rollout.verify asked for predictions"
        return fact(conditions.VERIFIED, "Unknown", Reason.NotAsked, late)
    if desired and (serves or here.seen.verification is VerificationState.PASSED):
        passed = f"release {desired.release} was verified before it took requests"
        return fact(conditions.VERIFIED, "True", Reason.Verified, passed)
    if plan.reason is Reason.Verifying:
        return fact(conditions.VERIFIED, "Unknown", Reason.Verifying, plan.message)
    return fact(conditions.VERIFIED, "Unknown", Reason.Pending, "the release must be ready first")


def _condition_at_failure(model: Model, failed: Failure) -> Fact | None:
    """Return the condition of the time when the release failed. The verification's state is lost by a restart."""
    if failed.trial not in {each.trial for each in persisted_status.failures(model)}:
        return None
    known = (each for each in model.status.get("conditions", ()) if each["type"] == conditions.VERIFIED)
    told = next(known, None)
    if told is None or told["reason"] == Reason.NotAsked.name:
        return None
    return fact(
        conditions.VERIFIED, told["status"], persisted_status.reason_of(told["reason"]), told["message"]
    )


def _served_unasked(model: Model, desired: Release) -> bool:
    """Return whether the release already served before spec.rollout.verify existed. A serving one is not verified."""
    told = ((each["type"], each["reason"]) for each in model.status.get("conditions", ()))
    return (
        model.status.get("servingRelease") == desired.release
        and (conditions.VERIFIED, Reason.NotAsked.name) in told
    )
