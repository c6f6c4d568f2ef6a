"""Decides whether and how a restore writes a model. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from e2i.api.model import Shape
from e2i.api.model_body import parse_model
from e2i.api.restored import RESTORED_ANNOTATION, Restored, encode
from e2i.inspection.backup.reading import Saved

Body = Mapping[str, Any]
Manifest = dict[str, Any]

CREATE, REPLACE, SAME, DIFFERENT = "create", "replace", "same", "different"
_SERVING = "Serving"
_NOT_NOTED = ("evidence", "requestUid", "deploymentUid", "switchedAt")
"""Fields of a failure that mean nothing in another cluster. They stay in the file."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How people want a model restored."""

    namespace: str
    """The namespace to restore into."""
    as_served: bool = False
    """With the spec of the release that served, in place of the one that was asked for."""
    replace: bool = False
    """Also if the cluster has it with another spec."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One model of a backup, how it is wanted, and what the cluster has of it."""

    saved: Saved
    wish: Wish
    live: Body | None

    @property
    def place(self) -> str:
        return f"{self.wish.namespace}/{self.saved.name}"

    @property
    def manifest(self) -> Manifest:
        """The manifest to write, without the note."""
        return manifest_of(self.saved, self.wish)

    @property
    def verdict(self) -> str:
        """One of CREATE, REPLACE, SAME, DIFFERENT."""
        return verdict(self.manifest, self.live, self.wish)


def manifest_of(saved: Saved, wish: Wish) -> Manifest:
    """Return the manifest to write, without the note."""
    metadata = {**saved.manifest["metadata"], "namespace": wish.namespace}
    spec = (saved.serving.get("spec") if wish.as_served else None) or saved.manifest["spec"]
    return {**saved.manifest, "metadata": metadata, "spec": dict(spec)}


def with_note(manifest: Manifest, saved: Saved, at: datetime) -> Manifest:
    """Return the manifest with the note of what served and what failed."""
    lists = {
        "history": list(saved.history),
        "failedReleases": [
            {name: value for name, value in failure.items() if name not in _NOT_NOTED}
            for failure in saved.failures
        ],
    }
    note = Restored(
        at=at, env=_served_env(saved), status={name: items for name, items in lists.items() if items}
    )
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), RESTORED_ANNOTATION: encode(note)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def _served_env(saved: Saved) -> tuple[tuple[str, str], ...]:
    """Return the environment of the release that served: that of its own spec, or of the one that asks for it."""
    spec = saved.serving.get("spec") or saved.manifest["spec"]
    metadata = {**saved.manifest["metadata"], "uid": "none"}
    shape: Shape = parse_model({**saved.manifest, "metadata": metadata, "spec": spec}).shape
    return shape.env


def verdict(manifest: Manifest, live: Body | None, wish: Wish) -> str:
    """Return what to do with a model: one of CREATE, REPLACE, SAME, DIFFERENT."""
    if live is None:
        return CREATE
    if live["spec"] == manifest["spec"] and _has_metadata(live, manifest):
        return SAME
    return REPLACE if wish.replace else DIFFERENT


def _has_metadata(live: Body, manifest: Manifest) -> bool:
    pairs = (
        (live["metadata"].get(field) or {}, manifest["metadata"].get(field) or {})
        for field in ("labels", "annotations")
    )
    return all(there.get(name) == value for there, wanted in pairs for name, value in wanted.items())


def replaced(live: Body, manifest: Manifest) -> Manifest:
    """Return the live object with the spec of the backup, and with its labels and annotations besides its own."""
    metadata = dict(live["metadata"])
    for field in ("labels", "annotations"):
        metadata[field] = {**(metadata.get(field) or {}), **(manifest["metadata"].get(field) or {})}
    metadata.pop("managedFields", None)
    return {**live, "metadata": metadata, "spec": manifest["spec"]}


def archive_places(steps: Iterable[Step]) -> list[str]:
    """Return where the archives of what served lie: bucket and prefix, s3://e2i/team"""
    archives = (str(step.saved.serving.get("archive") or "") for step in steps if step.verdict != SAME)
    roots = {re.split("/(?:namespaces|bentos)/", each)[0] for each in archives if each.startswith("s3://")}
    return sorted(roots)


def expectation(saved: Saved, wish: Wish) -> str:
    """Return what will serve, as a clause."""
    asked, release = saved.manifest["spec"]["bento"]["tag"], saved.serving.get("release")
    if not release:
        return f"nothing served; {asked} is tried as a new release"
    what = f"release {release} ({saved.serving.get('bentoTag') or '?'})"
    if wish.namespace != saved.namespace:
        return f"{what} served in {saved.namespace}; here {asked} is tried as a new release"
    if saved.serving.get("asksForOther") and not wish.as_served:
        failed = next((each for each in saved.failures if each.get("bentoTag") == asked), None)
        then = f"{asked} stays in quarantine ({failed['reason']})" if failed else f"then {asked} is tried"
        return f"{what} served and comes back first; {then}"
    return f"{what} served and comes back, verified again"
