"""Tells a release's own build and its own pods from what holds them up: a queue, nodes, a quota, a registry. Pure.

Only its own work counts against spec.rollout.progressDeadlineSeconds. The rest is waited for without end, and is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from e2i.api.conditions import Reason, timestamp
from e2i.api.model import Autoscaling
from e2i.api.problem import Problem
from e2i.controller.core.children import BentoDeployment, BentoRequest, Build, Workload
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases.release import Release
from e2i.controller.core.releases.situation import Situation

Body = Mapping[str, Any]

FIRST_ATTEMPT = timedelta(seconds=30)
"""After a refusal, until yatai-deployment is made to try again for the first time."""
LOST_PATIENCE = timedelta(seconds=300)
"""Until it is looked whether a Bento is there that yatai-deployment has not found since before the build."""
SILENCE = timedelta(seconds=60)
"""After which a controller of Yatai whose turn it is counts as not responding."""
BUILDER, DEPLOYER = "yatai-image-builder", "yatai-deployment"

_NO_BENTO = re.compile(r"\b(Bento|BentoRequest|bentoe?s|bentorequests)\b.*not found", re.IGNORECASE)


def build_runs(pods: Iterable[Body]) -> bool:
    """Return whether the image is being built: a pod of the build has a node."""
    return any(_has_node(pod) for pod in pods)


def pods_run(workload: Workload, size: Autoscaling, pods: Iterable[Body]) -> bool:
    """Return whether as many pods as the release needs were made, and all of its own have a node."""
    if workload.observed_generation < workload.generation or workload.replica_failure:
        return False
    own = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return workload.existing >= size.minimum and bool(own) and all(_has_node(pod) for pod in own)


def _has_node(pod: Body) -> bool:
    return bool((pod.get("spec") or {}).get("nodeName"))


def lacks_bento(deployment: BentoDeployment | None) -> bool:
    """Return whether yatai-deployment last found no bento, as it says before the image is built."""
    return deployment is not None and _NO_BENTO.search(deployment.refusal) is not None


def misses_bento(child: BentoDeployment, request: BentoRequest, seen: Observed, now: datetime) -> bool:
    """Return whether yatai-deployment has looked in vain for the bento of the request for long enough to look too."""
    if request.built_at is None:
        return False
    if seen.workload(child) is not None:
        return child.misses_bento
    if child.refused_at is None or not lacks_bento(child):
        return False
    patience = FIRST_ATTEMPT if child.refused_at > request.built_at else LOST_PATIENCE
    return now - max(request.built_at, child.refused_at) >= patience


def worked_for(seen: Observed, now: datetime) -> timedelta | None:
    """Return how long the release's own build or pods have been at work; None while something else holds them up."""
    stretch = seen.stretch
    return now - stretch.since if stretch and stretch.at_work else None


def is_held_too_long(here: Situation, now: datetime) -> bool:
    """Return whether something else has held the release up for as long as it may take itself."""
    stretch = here.seen.stretch
    if stretch is None or stretch.at_work:
        return False
    return now - stretch.since >= timedelta(seconds=here.model.rollout.progress_deadline)


def turn_of_builder(target: Release, seen: Observed, now: datetime) -> Problem | None:
    """Return that yatai-image-builder does not respond, if it is its turn."""
    request = target.request
    if request is None or request.error or request.build is not Build.UNKNOWN:
        return None
    return _silence(BUILDER, f"BentoRequest {request.name}", request.first_seen, seen.builder_heard, now)


def turn_of_deployer(target: Release, seen: Observed, now: datetime) -> Problem | None:
    """Return that yatai-deployment does not respond, if it is its turn."""
    child, since = target.deployment, deployers_turn_since(target)
    if child is None or since is None or (child.answered and not lacks_bento(child)):
        return None
    return _silence(DEPLOYER, f"BentoDeployment {child.name}", since, seen.deployer_heard, now)


def deployers_turn_since(target: Release) -> datetime | None:
    """Return since when yatai-deployment has had to make the Deployment; None if it is made, or not its turn."""
    child = target.deployment
    if child is None or target.workload is not None:
        return None
    return max(child.first_seen, (target.request and target.request.built_at) or child.first_seen)


def _silence(
    controller: str, what: str, since: datetime, heard: datetime | None, now: datetime
) -> Problem | None:
    last = max(since, heard or since)
    if now - last < SILENCE:
        return None
    return Problem(
        reason=Reason.YataiNotResponding,
        message=f"{controller} has not looked at {what} since {timestamp(last)}. The release goes on by itself when it "
        f"responds again; look whether it runs",
        blameless=True,
    )
