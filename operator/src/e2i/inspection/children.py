"""BentoRequest (or Bento) and BentoDeployment of a release, with their pods, as parts of the status document. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api import naming
from e2i.controller.core import parse
from e2i.controller.core.children import Build, Child
from e2i.inspection import pod_summary

Body = Mapping[str, Any]
Document = dict[str, Any]

_BUILDS = {
    Build.DONE: "Built",
    Build.RUNNING: "Building",
    Build.FAILED: "BuildFailed",
    Build.UNKNOWN: "Pending",
}


@dataclass(frozen=True)
class Objects:
    """The model and its children by source, in JSON form."""

    model: Body
    parts: Mapping[str, tuple[Body, ...]]

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


def release_label(body: Body) -> str | None:
    return (body["metadata"].get("labels") or {}).get(naming.RELEASE_LABEL)


def request_document(family: Objects, body: Body, image: str | None) -> Document:
    parsed = _parse(body["kind"], body)
    build = getattr(parsed, "build", Build.UNKNOWN)
    artifact = getattr(parsed, "artifact", None)
    own = [
        pod for pod in family.children("BuildPod") if pod_summary.build_of(pod) == body["metadata"]["name"]
    ]
    return {
        "kind": body["kind"],
        "name": body["metadata"]["name"],
        "created": body["metadata"]["creationTimestamp"],
        "state": _BUILDS[build],
        "message": getattr(parsed, "message", "") if build is not Build.DONE else "",
        "artifact": artifact
        and {"tag": artifact.tag, "digest": artifact.digest, "uri": artifact.uri, "size": artifact.size},
        "image": image or _image(family, body["metadata"]["name"]),
        "pods": [] if build is Build.DONE else [pod_summary.document(pod, building=True) for pod in own],
    }


def _parse(kind: str, body: Body) -> Child | None:
    """Return the child as the operator parses it, or None if it is malformed."""
    try:
        return parse.parse_child(kind, body)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _image(family: Objects, request: str) -> str | None:
    """Return the image of a release that runs the bento of `request`, or None."""
    releases = [body for body in family.children("BentoDeployment") if body["spec"].get("bento") == request]
    for workload in family.children("Deployment"):
        if any(_owner(workload) == body["metadata"]["uid"] for body in releases):
            image: str | None = workload["spec"]["template"]["spec"]["containers"][0].get("image")
            return image
    return None


def deployment_document(family: Objects, body: Body, request: Body | None) -> Document:
    parsed = _parse("BentoDeployment", body)
    workload = next((w for w in family.children("Deployment") if _owner(w) == body["metadata"]["uid"]), None)
    # Before the image is built yatai-deployment reports a missing Bento, which is not an error.
    waits = request is not None and request["state"] != "Built"
    refusal = "" if waits else getattr(parsed, "refusal", "")
    return {
        "name": body["metadata"]["name"],
        "created": body["metadata"]["creationTimestamp"],
        "state": "Refused" if refusal else "Accepted" if workload else "Pending",
        "message": refusal,
        "workload": workload and _workload(family, workload),
    }


def _workload(family: Objects, body: Body) -> Document:
    parsed: Any = parse.parse_child("Deployment", body)
    own = [pod for pod in family.children("Pod") if pod_summary.deployment_of(pod) == parsed.name]
    return {
        "name": parsed.name,
        "created": body["metadata"]["creationTimestamp"],
        "wanted": parsed.wanted,
        "ready": parsed.ready,
        "message": parsed.replica_failure,
        "pods": [pod_summary.document(pod) for pod in own],
    }


def _owner(body: Body) -> str | None:
    owners = body["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)
