"""The document that `kubectl e2i backup` writes: what is known of each model, without values of Secrets. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api import naming
from e2i.api.restored import RESTORED_ANNOTATION
from e2i.controller.core import parse
from e2i.inspection.document import condition, is_current

Body = Mapping[str, Any]
Document = dict[str, Any]

API_VERSION = "backup.serving.e2i.dev/v1"
"""The version of the format. Readers refuse one that they do not know."""
KIND = "E2IBackup"
BEGIN, END = "---\n", "...\n"
"""Around the document in YAML: a file that begins so and does not end so is cut."""
NOT_INCLUDED = (
    "Values of Secrets and ConfigMaps: a spec only names them. Back them up with the namespaces.",
    "Bentos, and the ledger with the result of each release: both lie in the bucket. Copy the bucket.",
    "Images: they lie in the registry, and are built again from the bucket if they are lost.",
    "Logs and metrics of pods.",
)

_IMAGE_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One model with its children, as the API server sends them."""

    model: Body
    requests: tuple[Body, ...] = ()
    """Its BentoRequests, and its Bentos of images from elsewhere."""
    pods: tuple[Body, ...] = ()
    asks_for_other: bool = False
    """The spec asks for another release than the one that serves."""
    served_spec: Body | None = None
    """The spec of the release that serves, if the spec asks for another one and it could be found."""


def document(
    sources: Iterable[Source], *, cluster: Body, taken_at: str, notes: Iterable[str] = ()
) -> Document:
    """Return the document; its models are in the order of namespace and name."""
    entries = [_entry(source) for source in sources]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "takenAt": taken_at,
        "cluster": dict(cluster),
        "notIncluded": list(NOT_INCLUDED),
        "notes": list(notes),
        "models": sorted(entries, key=lambda entry: (entry["namespace"], entry["name"])),
    }


def _entry(source: Source) -> Document:
    metadata, status = source.model["metadata"], source.model.get("status") or {}
    ready = condition(source.model, "Ready")
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "manifest": manifest(source.model),
        "serving": _serving(source),
        "desired": {
            "release": status.get("desiredRelease"),
            "bentoTag": source.model["spec"]["bento"]["tag"],
            "digest": (status.get("artifact") or {}).get("digest"),
            "current": is_current(source.model),
        },
        "ready": {name: ready.get(name) for name in ("status", "reason", "message")} if ready else None,
        "history": list(status.get("history", ())),
        "failedReleases": list(status.get("failedReleases", ())),
    }


def manifest(model: Body) -> Document:
    """Return what people wrote of the model: no uid, version, owner, finalizer or status."""
    metadata = model["metadata"]
    annotations = {
        name: value
        for name, value in (metadata.get("annotations") or {}).items()
        if name != RESTORED_ANNOTATION
    }
    kept = {"labels": dict(metadata.get("labels") or {}), "annotations": annotations}
    return {
        "apiVersion": model.get("apiVersion", naming.API_VERSION),
        "kind": naming.KIND,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            **{name: value for name, value in kept.items() if value},
        },
        "spec": dict(model["spec"]),
    }


def _serving(source: Source) -> Document | None:
    """Return what is known of the release that serves; None if none does."""
    status = source.model.get("status") or {}
    release = status.get("servingRelease")
    if not release:
        return None
    entry = serving_entry(source.model)
    request = _request(source, entry.get("digest"))
    return {
        "release": release,
        "bentoTag": entry.get("bentoTag"),
        "digest": entry.get("digest"),
        "image": entry.get("image"),
        "imageDigest": _image_digest(source.pods, release),
        "archive": getattr(request, "uri", None),
        "archiveSize": getattr(request, "size", None),
        "since": entry.get("servedAt"),
        "asksForOther": source.asks_for_other,
        # A copy: YAML would refer from one spec to the other.
        "spec": copy.deepcopy(source.served_spec),
    }


def serving_entry(model: Body) -> Body:
    """Return the entry of the history of the release that serves; empty if there is none."""
    status = model.get("status") or {}
    found = (each for each in status.get("history", ()) if each["release"] == status.get("servingRelease"))
    return next(found, {})


def _request(source: Source, digest: str | None) -> Any:
    """Return the artifact of the BentoRequest, or of the Bento, with this digest; None if it cannot be read."""
    for body in source.requests:
        try:
            child: Any = parse.parse_child(body["kind"], body)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if digest and getattr(child, "digest", None) == digest:
            return child.artifact
    return None


def _image_digest(pods: Iterable[Body], release: str) -> str | None:
    """Return the digest of the image that the release's pods run, as their kubelet tells it."""
    for pod in pods:
        if (pod["metadata"].get("labels") or {}).get(naming.RELEASE_LABEL) != release:
            continue
        for status in (pod.get("status") or {}).get("containerStatuses", ()):
            found = _IMAGE_DIGEST.search(status.get("imageID") or "")
            if found and status.get("name") == "main":
                return found.group()
    return None
