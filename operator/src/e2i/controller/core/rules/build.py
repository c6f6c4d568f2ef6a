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
    pods_poll,
    target_release,
)


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
    """Wait for the image until the deadline; a late build is the release's failure."""
    target = target_release(here)
    request = _awaited(target, here.seen)
    if request is None or request.build is Build.DONE:
        return None
    left = build_deadline(here.model, request) - now
    problem = here.seen.pod_problem
    if left <= timedelta(0):
        cause = problem.message if problem else request.message
        return Plan(
            reason=Reason.BuildDeadlineExceeded,
            message=f"no image of {target.tag} after {here.model.rollout.progress_deadline} s "
            f"(spec.rollout.progressDeadlineSeconds): {cause}",
            log=problem.log if problem else "",
            stalled=True,
            failed=True,
            look_again=CLUSTER_POLL,
        )
    if problem:
        return Plan(
            reason=problem.reason,
            message=problem.message,
            log=problem.log,
            look_again=min(left, PODS_POLL),
        )
    return Plan(
        reason=Reason.Building,
        message=f"Yatai builds the image of {target.tag} (BentoRequest {request.name})",
        look_again=min(left, pods_poll(here)),
    )
