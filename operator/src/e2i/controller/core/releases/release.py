"""The release that the spec asks for, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.model import Autoscaling, Model, Shape, Strategy
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.controller.core.observed import BentoDeployment, BentoRequest, Deployment, Observed, Service


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release that should serve, with what there is of it so far."""

    release: str
    """8 hex digits over its bento and shape."""
    artifact: Artifact
    shape: Shape | None
    """None: it was made earlier, and is existing_release as it is."""
    request_name: str
    name: str
    """Of its BentoDeployment."""
    request: BentoRequest | None
    deployment: BentoDeployment | None
    workload: Deployment | None

    @property
    def tag(self) -> str:
        return self.artifact.tag


def artifact_of(model: Model, seen: Observed) -> Artifact | None:
    """The exported bento of the wanted tag: one that was requested before, else a fresh export.

    A tag means the content it had when it was first released here: bento versions are never reused, and a
    store that was changed behind our back must not make a release nobody asked for. What the store no longer
    has, the bucket may: a rebuilt cluster comes with an empty store. A digest in the spec means that content alone.
    """
    known = [request for request in seen.requests if request.artifact and _is_wanted(model, request.artifact)]
    if known:
        return max(known, key=lambda request: request.created).artifact
    if isinstance(seen.export, Artifact):
        return seen.export
    if isinstance(seen.export, Problem) and seen.export.reason is Reason.BentoNotFound:
        return next(
            (each.artifact for each in newest_records(seen) if _is_wanted(model, each.artifact)), None
        )
    return None


def _is_wanted(model: Model, artifact: Artifact) -> bool:
    return artifact.tag == model.tag and model.archive in ("", artifact.digest)


def is_only_in_bucket(model: Model, seen: Observed) -> bool:
    """Whether nobody but the bucket can still have the bento."""
    gone = isinstance(seen.export, Problem) and seen.export.reason is Reason.BentoNotFound
    return gone and artifact_of(model, seen) is None


def newest_records(seen: Observed) -> tuple[Record, ...]:
    """What the bucket remembers, the newest first; empty while it was not asked."""
    if not isinstance(seen.records, tuple):
        return ()
    return tuple(sorted(seen.records, key=lambda record: record.at, reverse=True))


def desired(model: Model, seen: Observed) -> Release | None:
    """None until the bento is exported: before that nobody knows its digest."""
    artifact = artifact_of(model, seen)
    if artifact is None:
        return None
    release = naming.release_of(model, artifact.digest)
    return build_release(model, seen, release, artifact, model.shape)


def build_release(model: Model, seen: Observed, release: str, artifact: Artifact, shape: Shape) -> Release:
    """The release of this artifact and shape, under the name that it has or gets."""
    request_name = naming.artifact_name(model.name, artifact.digest)
    deployment = seen.deployment(release)
    in_place = model.rollout.strategy is Strategy.IN_PLACE
    name = naming.inplace_name(model.name) if in_place else naming.release_name(model.name, release)
    return Release(
        release=release,
        artifact=artifact,
        shape=shape,
        request_name=request_name,
        name=deployment.name if deployment else name,
        request=seen.request(request_name),
        deployment=deployment,
        workload=seen.workload(deployment),
    )


def existing_release(seen: Observed, deployment: BentoDeployment) -> Release:
    """A release that runs already, whatever the spec says now."""
    request = seen.request(deployment.spec.get("bento", ""))
    unknown = Artifact(tag=deployment.tag, digest="", uri="", size=0)
    return Release(
        release=deployment.release or "",
        artifact=request.artifact if request and request.artifact else unknown,
        shape=None,
        request_name=deployment.spec.get("bento", ""),
        name=deployment.name,
        request=request,
        deployment=deployment,
        workload=seen.workload(deployment),
    )


def serving_release(seen: Observed) -> str | None:
    """The release that the model's address belongs to, whether its pods are ready or not."""
    if seen.service is None:
        return None
    return seen.service.selector.get(naming.RELEASE_LABEL) or seen.service.serving


def owned_service(model: Model, service: Service | None) -> Service | None:
    """The Service with the release that it belongs to: where its annotation was lost, the status remembers."""
    if service is None or service.serving or service.selector.get(naming.RELEASE_LABEL):
        return service
    return replace(service, serving=model.status.get("servingRelease"))


def selects_all(model: Model, seen: Observed) -> bool:
    """Whether the address takes in the pods of every release: a canary, or one that is edited in place."""
    return seen.service is not None and dict(seen.service.selector) == {naming.MODEL_LABEL: model.name}


def ready_pods(workload: Deployment | None) -> int:
    return workload.ready if workload else 0


def pods_at_address(model: Model, seen: Observed) -> int:
    """Ready pods that the address leads to."""
    if selects_all(model, seen):
        return sum(workload.ready for workload in seen.workloads)
    return ready_pods(seen.workload(seen.deployment(serving_release(seen))))


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


def guarded_until(model: Model, seen: Observed) -> datetime | None:
    """Until when the release that took the address last is judged, and its predecessor existing_release."""
    if seen.service is None or seen.service.switched_at is None:
        return None
    return seen.service.switched_at + timedelta(seconds=model.rollout.guard_seconds)


def build_deadline(model: Model, request: BentoRequest) -> datetime:
    return request.created + timedelta(seconds=model.rollout.progress_deadline)


def pods_deadline(model: Model, request: BentoRequest, deployment: BentoDeployment) -> datetime:
    """Counted from when pods could first start: the image was there and the release was asked for."""
    asked = deployment.asked_at or deployment.created
    start = max(asked, request.built_at or asked)
    return start + timedelta(seconds=model.rollout.progress_deadline)
