"""Rules that wait for the image of the target release and report a failed build."""

from __future__ import annotations

from datetime import datetime, timedelta

from e2i.api.conditions import Reason
from e2i.api.model import Rollback
from e2i.controller.core.observed import BentoRequest, Build, Observed
from e2i.controller.core.releases.release import (
    Release,
    build_deadline,
    serving_release,
)
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.decision import (
    CLUSTER_POLL,
    PODS_POLL,
    Plan,
    target_release,
)


def _awaited(chosen: Release, seen: Observed) -> BentoRequest | None:
    """The request whose image the release waits for; one that serves has its image, whatever became of the request."""
    serves = serving_release(seen) == chosen.release
    return None if chosen.shape is None or serves else chosen.request


def report_failed_build(here: Situation, now: datetime) -> Plan | None:
    chosen = target_release(here)
    request = _awaited(chosen, here.seen)
    if request is None or request.build is not Build.FAILED:
        return None
    again = f", or delete BentoRequest {request.name} to try the same again"
    # Where releases are given up, what the status says of that names the way to try again.
    again = again if here.model.rollout.rollback is Rollback.DISABLED else ""
    return Plan(
        reason=Reason.BuildFailed,
        message=f"the image of {chosen.tag} was not built: {request.message} Its log: kubectl logs -n "
        f"{here.model.namespace} -l yatai.ai/bento-request={request.name} --all-containers. Build the bento anew "
        f"under another version{again}",
        stalled=True,
        failed=True,
    )


def wait_for_build(here: Situation, now: datetime) -> Plan | None:
    chosen = target_release(here)
    request = _awaited(chosen, here.seen)
    if request is None or request.build is Build.DONE:
        return None
    left = build_deadline(here.model, request) - now
    problem = here.seen.pod_problem
    if left <= timedelta(0):
        cause = problem.message if problem else request.message
        return Plan(
            reason=Reason.BuildDeadlineExceeded,
            message=f"no image of {chosen.tag} after {here.model.rollout.progress_deadline} s "
            f"(spec.rollout.progressDeadlineSeconds): {cause}",
            stalled=True,
            failed=True,
            look_again=CLUSTER_POLL,
        )
    if problem:
        return Plan(reason=problem.reason, message=problem.message, look_again=min(left, PODS_POLL))
    return Plan(
        reason=Reason.Building,
        message=f"Yatai builds the image of {chosen.tag} (BentoRequest {request.name})",
        look_again=min(left, PODS_POLL),
    )
