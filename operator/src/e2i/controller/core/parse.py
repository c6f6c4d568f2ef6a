"""Parses objects of the API server into the values of `observed`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.conditions import parse_timestamp
from e2i.controller.core.observed import BentoDeployment, BentoRequest, Build, Child, Deployment, Service

Body = Mapping[str, Any]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_IMAGE = 512
"""Largest number of characters of status.history[].image."""


def parse_child(kind: str, body: Body) -> Child:
    """Parse an object of `kind`. Without the operator's labels, only name, uid and owner are read."""
    identity = _identity(body)
    parser = _PARSERS.get(kind)
    if parser is None or identity["model"] is None:
        return Child(**identity)
    return parser(identity, body)


def _identity(body: Body) -> dict[str, Any]:
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    owners = metadata.get("ownerReferences") or ()
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "owner": next((owner["uid"] for owner in owners if owner.get("controller")), None),
        "model": labels.get(naming.MODEL_LABEL),
        "created": parse_timestamp(metadata["creationTimestamp"]),
    }


def _request(identity: dict[str, Any], body: Body) -> BentoRequest:
    annotations = _annotations(body)
    conditions = _conditions(body)
    available = conditions.get("BentoAvailable", {})
    building = conditions.get("ImageBuilding", {})
    build = _build(available, building)
    built_at = available.get("lastTransitionTime") if build is Build.DONE else None
    return BentoRequest(
        **identity,
        digest=annotations.get(naming.DIGEST_ANNOTATION, ""),
        artifact=_artifact(identity, annotations, body["spec"]),
        build=build,
        built_at=parse_timestamp(built_at) if built_at else None,
        message=(available if available.get("status") == "False" else building).get("message", ""),
        image=_image(conditions),
    )


def _image(conditions: Mapping[str, Body]) -> str:
    """Return the name of the image, from the message of the condition that says it exists."""
    exists = conditions.get("ImageExists", {})
    message: str = exists.get("message", "") if exists.get("status") == "True" else ""
    return message if " " not in message and len(message) <= _LONGEST_IMAGE else ""


def _build(available: Body, building: Body) -> Build:
    """Return the state of the build. After a failure `BentoAvailable` is soon Unknown; only `ImageBuilding` keeps it.

    available True                      -> DONE, final
    building False, message "... failed." -> FAILED
    """
    if available.get("status") == "True":
        return Build.DONE
    if building.get("status") == "False" and building.get("message", "").endswith("is failed."):
        return Build.FAILED
    return Build.RUNNING if building.get("status") == "True" else Build.UNKNOWN


def _artifact(identity: Mapping[str, Any], annotations: Body, spec: Body) -> Artifact | None:
    """Return the artifact, or None if the annotations are damaged: another digest would be another release."""
    tag, digest = annotations.get(naming.TAG_ANNOTATION, ""), annotations.get(naming.DIGEST_ANNOTATION, "")
    whole = tag and _DIGEST.fullmatch(digest)
    if not whole or identity["name"] != naming.artifact_name(identity["model"], digest):
        return None
    return Artifact(
        tag=tag,
        digest=digest,
        uri=spec.get("downloadUrl", ""),
        size=_count(annotations.get(naming.SIZE_ANNOTATION, "")),
        service=spec.get("serviceName", ""),
        bentoml_version=(spec.get("context") or {}).get("bentomlVersion", ""),
    )


def _count(text: str) -> int:
    """Return the number, or 0 if a damaged annotation has none."""
    return int(text) if text.isascii() and text.isdigit() else 0


def _bento_deployment(identity: dict[str, Any], body: Body) -> BentoDeployment:
    refusal = _refusal(_conditions(body))
    spec = body["spec"]
    attempted = (spec.get("annotations") or {}).get(naming.ATTEMPT_ANNOTATION)
    # The labels of its pods decide which requests they get, also if the object itself lost its label.
    carried = ((spec.get("extraPodMetadata") or {}).get("labels") or {}).get(naming.RELEASE_LABEL)
    return BentoDeployment(
        **identity,
        release=body["metadata"]["labels"].get(naming.RELEASE_LABEL) or carried,
        template_version=_annotations(body).get(naming.TEMPLATE_VERSION_ANNOTATION, ""),
        tag=_annotations(body).get(naming.TAG_ANNOTATION, ""),
        spec=spec,
        refusal=refusal.get("message", ""),
        refused_at=_moment(refusal.get("lastTransitionTime")),
        attempted_at=_moment(attempted),
        asked_at=_moment(_annotations(body).get(naming.ASKED_ANNOTATION)),
    )


def _refusal(conditions: Mapping[str, Body]) -> Body:
    """Return the condition that says why there is no Deployment. `Available` stays Unknown if the Bento is gone."""
    available, found = conditions.get("Available", {}), conditions.get("BentoFound", {})
    if available.get("status") == "False":
        return available
    lost = found.get("status") == "False" and available.get("status") != "True"
    return found if lost else {}


def _moment(text: str | None) -> datetime | None:
    """Return the time, or None if a damaged annotation has none."""
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None


def _deployment(identity: dict[str, Any], body: Body) -> Deployment:
    status = body.get("status", {})
    failure = _conditions(body).get("ReplicaFailure", {})
    failing = failure.get("status") == "True"
    return Deployment(
        **identity,
        release=body["metadata"]["labels"].get(naming.RELEASE_LABEL),
        generation=body["metadata"]["generation"],
        observed_generation=status.get("observedGeneration", 0),
        wanted=body["spec"].get("replicas", 1),
        existing=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        failure=failure.get("message", "") if failing else "",
        failing_since=_moment(failure.get("lastTransitionTime")) if failing else None,
    )


def _service(identity: dict[str, Any], body: Body) -> Service:
    annotations = _annotations(body)
    return Service(
        **identity,
        selector=body["spec"].get("selector") or {},
        switched_at=_moment(annotations.get(naming.SWITCHED_ANNOTATION)),
        serving=annotations.get(naming.SERVING_ANNOTATION),
    )


def _annotations(body: Body) -> Body:
    return body["metadata"].get("annotations") or {}


def _conditions(body: Body) -> dict[str, Body]:
    status = body.get("status") or {}
    return {condition["type"]: condition for condition in status.get("conditions") or ()}


_PARSERS = {
    "BentoRequest": _request,
    "BentoDeployment": _bento_deployment,
    "Deployment": _deployment,
    "Service": _service,
}
