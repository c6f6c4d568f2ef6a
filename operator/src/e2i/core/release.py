"""The release that the spec asks for, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from e2i.core import naming
from e2i.core.model import Autoscaling, Model
from e2i.core.observed import Artifact, BentoDeployment, BentoRequest, Deployment, Observed


@dataclass(frozen=True, kw_only=True)
class Desired:
    """The release the spec asks for, with what there is of it so far."""

    artifact: Artifact
    release: str
    request_name: str
    name: str
    request: BentoRequest | None
    deployment: BentoDeployment | None
    workload: Deployment | None


def artifact_of(model: Model, seen: Observed) -> Artifact | None:
    """The exported bento of the wanted tag: one that was requested before, else a fresh export.

    A tag means the content it had when it was first released here: bento versions are never reused, and a
    store that was changed behind our back must not make a release nobody asked for.
    """
    known = [request for request in seen.requests if request.artifact and request.artifact.tag == model.tag]
    if known:
        return max(known, key=lambda request: request.created).artifact
    return seen.export if isinstance(seen.export, Artifact) else None


def desired(model: Model, seen: Observed) -> Desired | None:
    """None until the bento is exported: before that nobody knows its digest."""
    artifact = artifact_of(model, seen)
    if artifact is None:
        return None
    release = naming.release_of(model, artifact.digest)
    request_name = naming.artifact_name(model.name, artifact.digest)
    deployment = seen.deployment(release)
    return Desired(
        artifact=artifact,
        release=release,
        request_name=request_name,
        name=naming.release_name(model.name, release),
        request=seen.request(request_name),
        deployment=deployment,
        workload=seen.workload(deployment),
    )


def serving_release(seen: Observed) -> str | None:
    """The release that the model's Service selects, whether its pods are ready or not."""
    return seen.service.selector.get(naming.RELEASE_LABEL) if seen.service else None


def ready_pods(workload: Deployment | None) -> int:
    return workload.ready if workload else 0


def is_complete(workload: Deployment | None, size: Autoscaling) -> bool:
    """Whether exactly the wanted pods exist, all of the current template, all ready.

    wanted 3..3: existing 3, updated 3, ready 3 -> True
    wanted 3..3: existing 1, updated 1, ready 1 -> False, the autoscaler has not raised it yet
    wanted 2..6: existing 4, updated 4, ready 4 -> True
    status of an older generation               -> False, it speaks of another template
    """
    if workload is None or workload.observed_generation < workload.generation:
        return False
    within = size.minimum <= workload.wanted <= size.maximum
    return within and workload.wanted == workload.existing == workload.updated == workload.ready


def is_in_service(model: Model, seen: Observed) -> bool:
    """Whether the desired release serves with all its pods: what Ready means."""
    wanted = desired(model, seen)
    if wanted is None or serving_release(seen) != wanted.release:
        return False
    return is_complete(wanted.workload, model.autoscaling)


def build_deadline(model: Model, request: BentoRequest) -> datetime:
    return request.created + timedelta(seconds=model.rollout.progress_deadline)


def pods_deadline(model: Model, request: BentoRequest, deployment: BentoDeployment) -> datetime:
    """Counted from when pods could first start: the image was there and the release was asked for."""
    start = max(deployment.created, request.built_at or deployment.created)
    return start + timedelta(seconds=model.rollout.progress_deadline)
