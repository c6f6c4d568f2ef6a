"""Rules that wait for the image of the target release and report a failed build."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api.conditions import Reason
from e2i.api.model import Rollback
from e2i.api.problem import Problem
from e2i.controller.core.actions import ApplyRequest, DeleteRequest, RestoreImage
from e2i.controller.core.children import BentoRequest, Build
from e2i.controller.core.observed import Observed
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases import own_work
from e2i.controller.core.releases.release import Release, serving_release
from e2i.controller.core.releases.situation import Situation, target_release
from e2i.controller.core.rules.last_status import was_final, was_stalled
from e2i.controller.core.rules.waiting import lasting, past_deadline, pods_poll


def _awaited(target: Release, seen: Observed) -> BentoRequest | None:
    """Return the request whose image the target waits for. None if the target serves, because it has its image."""
    serves = serving_release(seen) == target.release
    return None if target.shape is None or serves else target.request


def report_failed_build(here: Situation, now: datetime) -> Plan | None:
    """Report a failed image build as the release's failure."""
    target = target_release(here)
    request = _awaited(target, here.seen)
    if request is None or request.build is not Build.FAILED:
        return None
    again = f", or delete BentoRequest {request.name} to try the same again"
    # With a quarantine, the status names another way to try again.
    again = again if here.model.rollout.rollback is Rollback.DISABLED else ""
    return Plan(
        reason=Reason.BuildFailed,
        message=f"the image of {target.tag} was not built: {request.message} Its log: kubectl logs -n "
        f"{here.model.namespace} -l yatai.ai/bento-request={request.name} --all-containers. Build the bento again "
        f"under another version{again}",
        stalled=True,
        failed=True,
    )


def wait_for_build(here: Situation, now: datetime) -> Plan | None:
    """Wait for the image. Only the build's own time has a deadline; a late build is the release's failure."""
    target = target_release(here)
    request = _awaited(target, here.seen)
    if request is None or request.build is Build.DONE:
        return None
    worked = own_work.worked_for(here.seen, now)
    left = None if worked is None else timedelta(seconds=here.model.rollout.progress_deadline) - worked
    over = left is not None and (left <= timedelta(0) or was_final(here, Reason.BuildDeadlineExceeded))
    if over:
        what, cause = f"no image of {target.tag}", here.seen.pod_problem
        return past_deadline(
            here, Reason.BuildDeadlineExceeded, what, cause.message if cause else request.message, cause
        )
    problem = lasting(here, here.seen.pod_problem, here.seen.problem_since, now)
    problem = problem or _builder_problem(here, target, request, now)
    wait = pods_poll(here, now) if left is None else min(left, pods_poll(here, now))
    if problem:
        stalled = own_work.is_held_too_long(here, now) or was_stalled(here, problem.reason)
        plan = Plan(reason=problem.reason, message=problem.message, log=problem.log, look_again=wait)
        return replace(plan, stalled=stalled)
    words = "Yatai builds the image of" if request.answered else "yatai-image-builder has still to look at"
    return Plan(
        reason=Reason.Building,
        message=f"{words} {target.tag} (BentoRequest {request.name})",
        look_again=wait,
    )


def _builder_problem(
    here: Situation, target: Release, request: BentoRequest, now: datetime
) -> Problem | None:
    """Return what keeps the image builder from beginning the build."""
    if request.error:
        message = f"yatai-image-builder tries again: {request.error.strip().rstrip('.')}"
        problem = Problem(reason=Reason.BuildBlocked, message=message, blameless=True)
        return lasting(here, problem, request.error_since, now)
    return own_work.turn_of_builder(target, here.seen, now)


def restore_altered_bento(here: Situation, now: datetime) -> Plan | None:
    """Write the image that was built into a Bento that somebody changed: Yatai runs whatever a Bento names."""
    request = here.seen.request(here.seen.bento_altered) if here.seen.bento_altered else None
    if request is None:
        return None
    action = RestoreImage(request.name, request.image)
    return Plan(reason=action.problem.reason, message=action.problem.message, actions=(action,))


def renew_lost_bento(here: Situation, now: datetime) -> Plan | None:
    """Make the request of a Bento that somebody deleted again: the image builder does not make the Bento again."""
    request = here.seen.request(here.seen.bento_gone) if here.seen.bento_gone else None
    if request is None or request.artifact is None or here.seen.missing_kinds:
        return None
    return Plan(
        reason=Reason.Building,
        message=f"Bento {request.name} was deleted; its BentoRequest is made again",
        actions=(DeleteRequest(request.name, request.uid), ApplyRequest(request.artifact)),
    )
