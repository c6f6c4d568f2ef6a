"""The status document: a model and its children, as `status -o json` prints it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from e2i.api import naming
from e2i.api.model import PAUSED_ANNOTATION
from e2i.api.model_body import restart_of
from e2i.inspection.children import Objects, deployment_document, release_label, request_document

Body = Mapping[str, Any]
Parts = Mapping[str, tuple[Body, ...]]
Document = dict[str, Any]


def document(model: Body, parts: Parts, notes: Iterable[str] = ()) -> Document:
    """Return the status document. `parts`: children by source, as `read.sources` names them."""
    family = Objects(model, parts)
    return {
        "model": _model(family),
        "rollout": family.status.get("rollout"),
        "releases": [_release(family, release) for release in _releases(family)],
        "notes": list(notes),
    }


def condition(model: Body, kind: str) -> Body:
    """Return the condition of that type, or an empty mapping if there is none."""
    conditions = model.get("status", {}).get("conditions", ())
    return next((item for item in conditions if item["type"] == kind), {})


def is_current(model: Body) -> bool:
    """Whether the operator has seen the spec, and the restart that is asked for, as they are now."""
    status, metadata = model.get("status", {}), model["metadata"]
    restart = restart_of(metadata.get("annotations") or {})
    return bool(
        status.get("observedGeneration") == metadata["generation"]
        and status.get("observedRestartAt", "") == restart
    )


def _model(family: Objects) -> Document:
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
        "drift": status.get("drift"),
    }


def _service(family: Objects) -> Document | None:
    """Return the stable address, found by its name: Yatai's Services have our labels too."""
    for body in family.children("Service"):
        if body["metadata"]["name"] == family.name:
            return {
                "name": family.name,
                "selector": dict(body["spec"].get("selector") or {}),
                "localUrl": _local_url(body["spec"].get("clusterIP") or ""),
                "switchedAt": (body["metadata"].get("annotations") or {}).get(naming.SWITCHED_ANNOTATION),
            }
    return None


def _local_url(address: str) -> str | None:
    """Return the address that works from this machine, or None: only local Services have loopback addresses."""
    return f"http://{address}:{naming.SERVICE_PORT}" if address.startswith("127.") else None


def _releases(family: Objects) -> list[str | None]:
    """Return the releases to show: desired, serving, with pods, in quarantine, and the last superseded one.

    None stands for a release whose bento is not yet exported, so that its id is unknown.
    """
    status = family.status
    known = is_current(family.model) and status.get("desiredRelease")
    superseded = [entry["release"] for entry in status.get("history", ()) if entry["result"] == "Superseded"]
    running = [release for body in family.children("BentoDeployment") if (release := release_label(body))]
    failed = [entry["release"] for entry in status.get("failedReleases", ())]
    first = [status["desiredRelease"]] if known else [None]
    serving = [status["servingRelease"]] if status.get("servingRelease") else []
    return list(dict.fromkeys([*first, *serving, *running, *failed, *superseded[:1]]))


def _release(family: Objects, release: str | None) -> Document:
    entry = _entry(family.status, "history", release)
    failure = _entry(family.status, "failedReleases", release)
    deployment = _deployment(family, release)
    request = _request(family, release, deployment, entry or failure)
    built = request and request_document(family, request, entry.get("image"))
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
        "deployment": deployment and deployment_document(family, deployment, built),
    }


def _entry(status: Body, field: str, release: str | None) -> Body:
    return next((entry for entry in status.get(field, ()) if entry["release"] == release), {})


def _roles(status: Body, release: str | None, failure: Body) -> list[str]:
    roles = {
        "desired": release is None or release == status.get("desiredRelease"),
        "canary": release is not None and release == (status.get("rollout") or {}).get("release"),
        "serving": release is not None and release == status.get("servingRelease"),
        "failed": bool(failure),
    }
    return [role for role, holds in roles.items() if holds] or ["previous"]


def _tag(family: Objects, release: str | None, entry: Body, deployment: Body | None) -> str | None:
    if release is None or (not entry and release == family.status.get("desiredRelease")):
        tag: str | None = family.model["spec"]["bento"]["tag"]
        return tag
    annotated = (deployment["metadata"].get("annotations") or {}) if deployment else {}
    return entry.get("bentoTag") or annotated.get(naming.TAG_ANNOTATION)


def _deployment(family: Objects, release: str | None) -> Body | None:
    return next(
        (body for body in family.children("BentoDeployment") if release and release_label(body) == release),
        None,
    )


def _request(family: Objects, release: str | None, deployment: Body | None, entry: Body) -> Body | None:
    """Return the release's BentoRequest, or its Bento of an image that was built elsewhere.

    It is found by its BentoDeployment, else by the bento's digest.
    """
    requests = [*family.children("BentoRequest"), *family.children("Bento")]
    digest = entry.get("digest")
    if release and release == family.status.get("desiredRelease"):
        digest = digest or (family.status.get("artifact") or {}).get("digest")
    if deployment:
        name = deployment["spec"].get("bento")
        return next((body for body in requests if body["metadata"]["name"] == name), None)
    return next((body for body in requests if digest and _digest(body) == digest), None)


def _digest(body: Body) -> str | None:
    return (body["metadata"].get("annotations") or {}).get(naming.DIGEST_ANNOTATION)


def is_paused(model: Body) -> bool:
    """Whether a person has paused the rollout."""
    return (model["metadata"].get("annotations") or {}).get(PAUSED_ANNOTATION) == "true"
