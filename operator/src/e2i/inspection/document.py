"""A model and its children as one document: what `status -o json` prints and the drawing draws. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api import naming
from e2i.api.model import PAUSED_ANNOTATION
from e2i.controller.core import parse
from e2i.controller.core.observed import Build
from e2i.inspection import pod_summary

Body = Mapping[str, Any]
Parts = Mapping[str, tuple[Body, ...]]
Document = dict[str, Any]

_BUILDS = {
    Build.DONE: "Built",
    Build.RUNNING: "Building",
    Build.FAILED: "BuildFailed",
    Build.UNKNOWN: "Pending",
}


@dataclass(frozen=True)
class _Family:
    """A model's body with those of its children, by source."""

    model: Body
    parts: Parts

    @property
    def status(self) -> Body:
        status: Body = self.model.get("status", {})
        return status

    @property
    def name(self) -> str:
        name: str = self.model["metadata"]["name"]
        return name

    def children(self, source: str) -> tuple[Body, ...]:
        return self.parts.get(source, ())


def document(model: Body, parts: Parts, notes: Iterable[str] = ()) -> Document:
    """`parts`: children by source, as `reading.sources` names them."""
    family = _Family(model, parts)
    return {
        "model": _model(family),
        "rollout": family.status.get("rollout"),
        "releases": [_release(family, release) for release in _releases(family)],
        "notes": list(notes),
    }


def condition(model: Body, kind: str) -> Body:
    """The condition of that type; empty when there is none."""
    conditions = model.get("status", {}).get("conditions", ())
    return next((item for item in conditions if item["type"] == kind), {})


def is_current(model: Body) -> bool:
    """Whether the operator has seen the spec as it is now."""
    return bool(model.get("status", {}).get("observedGeneration") == model["metadata"]["generation"])


def _model(family: _Family) -> Document:
    metadata, spec, status = family.model["metadata"], family.model["spec"], family.status
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "type": spec["type"],
        "bentoTag": spec["bento"]["tag"],
        "strategy": spec.get("rollout", {}).get("strategy", "BlueGreen"),
        "steps": spec.get("rollout", {}).get("steps"),
        "created": metadata["creationTimestamp"],
        "current": is_current(family.model),
        "paused": is_paused(family.model),
        "suspended": spec.get("suspend", False),
        "desiredRelease": status.get("desiredRelease"),
        "servingRelease": status.get("servingRelease"),
        "replicas": status.get("replicas", 0),
        "readyReplicas": status.get("readyReplicas", 0),
        "url": status.get("url"),
        "service": _service(family),
        "conditions": list(status.get("conditions", ())),
    }


def _service(family: _Family) -> Document | None:
    """The stable address; Yatai makes Services under our labels too, hence the look at the name."""
    for body in family.children("Service"):
        if body["metadata"]["name"] == family.name:
            return {
                "name": family.name,
                "selector": dict(body["spec"].get("selector") or {}),
                "switchedAt": (body["metadata"].get("annotations") or {}).get(naming.SWITCHED_ANNOTATION),
            }
    return None


def _releases(family: _Family) -> list[str | None]:
    """Desired, serving, those that still have pods, those in quarantine, the last one that had to go.

    None stands for a release whose name is not known before its bento is exported.
    """
    status = family.status
    known = is_current(family.model) and status.get("desiredRelease")
    superseded = [entry["release"] for entry in status.get("history", ()) if entry["result"] == "Superseded"]
    running = [release for body in family.children("BentoDeployment") if (release := _label(body))]
    failed = [entry["release"] for entry in status.get("failedReleases", ())]
    first = [status["desiredRelease"]] if known else [None]
    serving = [status["servingRelease"]] if status.get("servingRelease") else []
    return list(dict.fromkeys([*first, *serving, *running, *failed, *superseded[:1]]))


def _release(family: _Family, release: str | None) -> Document:
    entry = _entry(family.status, "history", release)
    failure = _entry(family.status, "failedReleases", release)
    deployment = _deployment(family, release)
    request = _request(family, release, deployment, entry or failure)
    built = request and _request_document(family, request, entry.get("image"))
    return {
        "release": release,
        "roles": _roles(family.status, release, failure),
        "bentoTag": _tag(family, release, entry or failure, deployment),
        "result": entry.get("result"),
        "startedAt": entry.get("startedAt"),
        "servedAt": entry.get("servedAt"),
        "endedAt": entry.get("endedAt"),
        "failure": dict(failure) or None,
        "request": built,
        "deployment": deployment and _deployment_document(family, deployment, built),
    }


def _entry(status: Body, field: str, release: str | None) -> Body:
    return next((entry for entry in status.get(field, ()) if entry["release"] == release), {})


def _roles(status: Body, release: str | None, failure: Body) -> list[str]:
    told = {
        "desired": release is None or release == status.get("desiredRelease"),
        "canary": release is not None and release == (status.get("rollout") or {}).get("release"),
        "serving": release is not None and release == status.get("servingRelease"),
        "failed": bool(failure),
    }
    return [role for role, holds in told.items() if holds] or ["previous"]


def _label(body: Body) -> str | None:
    return (body["metadata"].get("labels") or {}).get(naming.RELEASE_LABEL)


def _tag(family: _Family, release: str | None, entry: Body, deployment: Body | None) -> str | None:
    if release is None or (not entry and release == family.status.get("desiredRelease")):
        tag: str | None = family.model["spec"]["bento"]["tag"]
        return tag
    annotated = (deployment["metadata"].get("annotations") or {}) if deployment else {}
    return entry.get("bentoTag") or annotated.get(naming.TAG_ANNOTATION)


def _deployment(family: _Family, release: str | None) -> Body | None:
    return next(
        (body for body in family.children("BentoDeployment") if release and _label(body) == release), None
    )


def _request(family: _Family, release: str | None, deployment: Body | None, entry: Body) -> Body | None:
    """The release's BentoRequest: by the BentoDeployment that runs its image, else by the bento's digest."""
    digest = entry.get("digest")
    if release and release == family.status.get("desiredRelease"):
        digest = digest or (family.status.get("artifact") or {}).get("digest")
    if deployment:
        name = deployment["spec"].get("bento")
    elif digest:
        name = naming.artifact_name(family.name, digest)
    else:
        return None
    return next((body for body in family.children("BentoRequest") if body["metadata"]["name"] == name), None)


def _request_document(family: _Family, body: Body, image: str | None) -> Document:
    parsed = parse.parse_child("BentoRequest", body)
    build = getattr(parsed, "build", Build.UNKNOWN)
    artifact = getattr(parsed, "artifact", None)
    own = [
        pod for pod in family.children("BuildPod") if pod_summary.build_of(pod) == body["metadata"]["name"]
    ]
    return {
        "name": body["metadata"]["name"],
        "created": body["metadata"]["creationTimestamp"],
        "state": _BUILDS[build],
        "message": getattr(parsed, "message", "") if build is not Build.DONE else "",
        "artifact": artifact
        and {"tag": artifact.tag, "digest": artifact.digest, "uri": artifact.uri, "size": artifact.size},
        "image": image or _image(family, body["metadata"]["name"]),
        "pods": [] if build is Build.DONE else [pod_summary.document(pod, building=True) for pod in own],
    }


def _image(family: _Family, request: str) -> str | None:
    """The image that a running release of the request's bento has in its pods."""
    releases = [body for body in family.children("BentoDeployment") if body["spec"].get("bento") == request]
    for workload in family.children("Deployment"):
        if any(_owner(workload) == body["metadata"]["uid"] for body in releases):
            image: str | None = workload["spec"]["template"]["spec"]["containers"][0].get("image")
            return image
    return None


def _deployment_document(family: _Family, body: Body, request: Body | None) -> Document:
    parsed = parse.parse_child("BentoDeployment", body)
    workload = next((w for w in family.children("Deployment") if _owner(w) == body["metadata"]["uid"]), None)
    # Without an image yatai-deployment says that there is no Bento, which is no fault before it is built.
    waits = request is not None and request["state"] != "Built"
    refusal = "" if waits else getattr(parsed, "refusal", "")
    return {
        "name": body["metadata"]["name"],
        "created": body["metadata"]["creationTimestamp"],
        "state": "Refused" if refusal else "Accepted" if workload else "Pending",
        "message": refusal,
        "workload": workload and _workload(family, workload),
    }


def _workload(family: _Family, body: Body) -> Document:
    parsed: Any = parse.parse_child("Deployment", body)
    own = [pod for pod in family.children("Pod") if pod_summary.deployment_of(pod) == parsed.name]
    return {
        "name": parsed.name,
        "created": body["metadata"]["creationTimestamp"],
        "wanted": parsed.wanted,
        "ready": parsed.ready,
        "message": parsed.failure,
        "pods": [pod_summary.document(pod) for pod in own],
    }


def _owner(body: Body) -> str | None:
    owners = body["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def is_paused(model: Body) -> bool:
    """Whether a person holds the rollout where it is."""
    return (model["metadata"].get("annotations") or {}).get(PAUSED_ANNOTATION) == "true"
