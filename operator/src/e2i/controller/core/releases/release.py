"""`Release`: a release and its objects, and functions that find them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.image_source import artifact_of_image, given_artifact, is_meant
from e2i.api.model import Autoscaling, Model, Shape, Strategy
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.controller.core.children import BentoDeployment, BentoRequest, Service, Workload
from e2i.controller.core.observed import Observed


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release, with those of its objects that exist."""

    release: str
    """Its identity: 8 hex digits over bento and shape."""
    artifact: Artifact
    shape: Shape | None
    """None: it was created earlier and must not be changed."""
    request_name: str
    name: str
    """Name of its BentoDeployment."""
    request: BentoRequest | None
    deployment: BentoDeployment | None
    workload: Workload | None

    @property
    def tag(self) -> str:
        return self.artifact.tag


def artifact_of(model: Model, seen: Observed) -> Artifact | None:
    """Return the exported bento of the desired tag; None until it is exported.

    A tag means the content that it had when it was first released here: a changed store must not create a release
    that nobody asked for. If the store no longer has the bento, the bucket may have it: the store of a rebuilt
    cluster is empty. A digest in the spec means only that content. The tag of an image means what it meant first.
    """
    # The content that was released last, by what was noted of it: creation times are of another clock.
    noted = (model.status.get("artifact") or {}).get("digest")
    known = [
        request
        for request in seen.requests
        if request.artifact and _is_desired(model, request.artifact)
        # One that somebody altered, or planted, decides nothing.
        if not request.is_altered or request.digest == noted
    ]
    if known:
        return max(known, key=lambda request: (request.digest == noted, request.created)).artifact
    if isinstance(seen.export, Artifact) and model.image:
        return artifact_of_image(model, seen.export.digest)
    if given := given_artifact(model):
        return given
    if isinstance(seen.export, Artifact):
        return seen.export
    if isinstance(seen.export, Problem) and seen.export.reason is Reason.BentoNotFound:
        return next(
            (each.artifact for each in newest_records(seen) if _is_desired(model, each.artifact)), None
        )
    return None


def _is_desired(model: Model, artifact: Artifact) -> bool:
    if model.image or artifact.image:
        return is_meant(model, artifact)
    return artifact.tag == model.tag and model.archive in ("", artifact.digest)


def is_only_in_bucket(model: Model, seen: Observed) -> bool:
    """Return whether only the bucket can still have the bento."""
    gone = isinstance(seen.export, Problem) and seen.export.reason is Reason.BentoNotFound
    return gone and artifact_of(model, seen) is None


def newest_records(seen: Observed) -> tuple[Record, ...]:
    """Return the records of the release store, the newest first; empty if they were not read."""
    if not isinstance(seen.records, tuple):
        return ()
    return tuple(sorted(seen.records, key=lambda record: record.at, reverse=True))


def desired(model: Model, seen: Observed) -> Release | None:
    """Return the release that the spec asks for; None until the bento is exported, because its digest is unknown."""
    artifact = artifact_of(model, seen)
    if artifact is None:
        return None
    release = naming.release_of(model, artifact.content)
    return build_release(model, seen, release, artifact, model.shape)


def asked_before(model: Model) -> str | None:
    """Return the release that the spec asks for by what the status has of its bento; None if it has another one."""
    body = model.status.get("artifact") or {}
    image = body.get("image", "")
    known = Artifact(
        tag=body.get("tag", ""),
        digest=body.get("digest", ""),
        uri=body.get("uri", ""),
        size=0,
        path_prefix=model.path_prefix if image else "",
        service=model.service if image else "",
        image=image,
    )
    return naming.release_of(model, known.content) if known.digest and _is_desired(model, known) else None


def build_release(model: Model, seen: Observed, release: str, artifact: Artifact, shape: Shape) -> Release:
    """Return the release of this artifact and shape, with the name that it has or will get."""
    request_name = naming.artifact_name(model.name, artifact.content)
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
    """Return the release that a BentoDeployment runs, whatever the spec says now."""
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
    """Return the release that has the address, whether its pods are ready or not."""
    if seen.service is None:
        return None
    return seen.service.selector.get(naming.RELEASE_LABEL) or seen.service.serving


def owned_service(model: Model, service: Service | None) -> Service | None:
    """Return the Service with its release. If the annotation was removed, the release comes from the status."""
    if service is None or service.serving or service.selector.get(naming.RELEASE_LABEL):
        return service
    return replace(service, serving=model.status.get("servingRelease"))


def selects_all(model: Model, seen: Observed) -> bool:
    """Return whether the address selects the pods of every release: for a canary, or for an edit in place."""
    return seen.service is not None and dict(seen.service.selector) == {naming.MODEL_LABEL: model.name}


def ready_pods(workload: Workload | None) -> int:
    """Return the number of ready pods."""
    return workload.ready if workload else 0


def pods_at_address(model: Model, seen: Observed) -> int:
    """Return the number of ready pods that the address leads to."""
    if selects_all(model, seen):
        return sum(workload.ready for workload in seen.workloads)
    return ready_pods(seen.workload(seen.deployment(serving_release(seen))))


def is_complete(workload: Workload | None, size: Autoscaling) -> bool:
    """Return whether exactly the pods of `size` exist, all of the current template, all ready.

    wanted 3..3: existing 3, updated 3, ready 3 -> True
    wanted 3..3: existing 1, updated 1, ready 1 -> False, the autoscaler has not raised it yet
    wanted 2..6: existing 4, updated 4, ready 4 -> True
    status of an older generation               -> False, it speaks of another template
    """
    if workload is None or workload.observed_generation < workload.generation:
        return False
    within = size.minimum <= workload.wanted <= size.maximum
    return within and workload.wanted == workload.existing == workload.updated == workload.ready


def is_enough(workload: Workload | None, size: Autoscaling) -> bool:
    """Return whether the model is Ready with these pods: the minimum is ready, and none is of an older template.

    Pods that an autoscaler adds or removes within its bounds change nothing.

    2..6: wanted 4, existing 4, updated 4, ready 3 -> True, one more starts
    2..6: wanted 4, existing 4, updated 3, ready 4 -> False, one is of the template before
    """
    if workload is None or workload.observed_generation < workload.generation:
        return False
    within = size.minimum <= workload.wanted <= size.maximum
    return within and workload.existing == workload.updated and workload.ready >= size.minimum


def guarded_until(model: Model, seen: Observed) -> datetime | None:
    """Return until when the serving release is judged and its predecessor is kept."""
    if seen.service is None or seen.service.switched_at is None:
        return None
    return seen.service.switched_at + timedelta(seconds=model.rollout.guard_seconds)
