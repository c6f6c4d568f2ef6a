"""Derives what the operator would do for a changed E2IModel, with the operator's own core. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.model import Model, Rollback
from e2i.api.model_body import parse_model
from e2i.cli.plugin.advice import command
from e2i.cli.plugin.capacity import (
    Extra,
    Size,
    defaulted,
    extra_capacity,
    grown,
    is_in_place,
    replacing_in_place,
    scaled_pods,
    sidecar_note,
    size_of,
    size_to_start,
)
from e2i.cli.plugin.room import placeable
from e2i.controller.core.children import BentoRequest, Build
from e2i.controller.core.observed import Observed
from e2i.controller.core.parse import parse_child
from e2i.controller.core.releases.release import artifact_of
from e2i.controller.core.releases.trials import trial_of
from e2i.inspection.document import is_current

Body = Mapping[str, Any]

NEW, NOTHING, SCALING, SETTINGS, RELEASE = "new model", "nothing", "scaling", "settings", "new release"
TRIAL = "new trial"
"""The same release, which failed, is tried again because its checks or deadlines change."""
REPLACING = (RELEASE, TRIAL)
STARTING = (NEW, *REPLACING)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The effects of an apply on one model."""

    change: str
    release: str | None
    """The desired release after the apply; None if its bento was never exported."""
    release_before: str | None
    image: str
    """State of the image: `kept`, `building`, `failed`, `given`, or `export and build` if there is none."""
    strategy: str
    pods: Size
    pods_before: Size | None
    started: Size
    """Pods that the operator would start."""
    extra: Extra
    """Capacity needed beyond the present pods; temporary, unless the model is new or grows."""
    quarantine: Body | None
    """The entry of status.failedReleases because of which the release is not tried."""
    notes: tuple[str, ...] = ()


def forecast(
    live: Body | None, after: Body, requests: Iterable[Body], workloads: Iterable[Body] = ()
) -> Forecast:
    """Return what the operator would do when `after` replaces `live` (None: there is no model yet).

    `after` is the object as the API server would store it; `requests` are the model's BentoRequests and Bentos, and
    `workloads` the Deployments that show Yatai's sidecars.
    """
    workloads = tuple(workloads)
    seen = Observed(requests=tuple(_requests(requests, after)))
    model = parse_model(after)
    before = parse_model(live) if live else None
    artifact = artifact_of(model, seen)
    release = naming.release_of(model, artifact.content) if artifact else None
    change = _change(live, after, before, model, seen)
    if change in (SETTINGS, SCALING) and _is_new_trial(model, release):
        change = TRIAL
    size, size_before = size_of(model), size_of(before) if before else None
    scaled = scaled_pods(live, workloads)
    now = size_before if scaled is None else Size(least=scaled, most=scaled)
    started = _started(change, size_to_start(model, scaled), now)
    in_place = change in REPLACING and before is not None and is_in_place(before, model, workloads)
    beside = replacing_in_place(size_of(model), started, now) if in_place and now else started
    return Forecast(
        change=change,
        release=release,
        release_before=_release_before(live, before, seen),
        image=_image(seen, model, artifact),
        strategy=model.rollout.strategy.value,
        pods=size,
        pods_before=size_before,
        started=started,
        extra=extra_capacity(model, beside, workloads),
        quarantine=_quarantine(model, release) if change in (RELEASE, SETTINGS) else None,
        notes=(
            *_notes(after, model, change),
            *_parking_notes(before, model, change),
            *sidecar_note(started, workloads),
        ),
    )


def with_room(found: Forecast, after: Body, nodes: Iterable[Body] | None, pods: Iterable[Body]) -> Forecast:
    """Return the forecast with a note when the nodes have no room for it, or could not be listed (None)."""
    extra = found.extra
    if nodes is None:
        note = "room on the nodes was not checked: you may not list nodes and pods"
        return replace(found, notes=(*found.notes, note))
    placed = placeable(extra.each, extra.pods.least, nodes, pods)
    if placed >= extra.pods.least:
        return found
    amounts = ", ".join(f"{name} {amount}" for name, amount in extra.each.items())
    defaults = defaulted(parse_model(after))
    origin = (
        f"; {' and '.join(defaults)} by e2i's default, which spec.resources.requests changes"
        if defaults
        else ""
    )
    count = f"{placed} of {extra.pods.least} more pods"
    note = f"the nodes have room for {count} now: each requests {amounts}{origin}"
    return replace(found, notes=(*found.notes, note))


def as_document(found: Forecast) -> dict[str, Any]:
    """Return the forecast as `plan -o json` prints it."""
    words = {"release_before": "releaseBefore", "pods_before": "podsBefore"}
    return {words.get(key, key): value for key, value in asdict(found).items() if key != "notes"} | {
        "notes": list(found.notes)
    }


def _requests(bodies: Iterable[Body], after: Body) -> Iterable[BentoRequest]:
    parsed = (parse_child(body["kind"], body) for body in bodies)
    owner = after["metadata"].get("uid")
    return (child for child in parsed if isinstance(child, BentoRequest) and child.owner == owner)


def _change(live: Body | None, after: Body, before: Model | None, model: Model, seen: Observed) -> str:
    if live is None or before is None:
        return NEW
    if _is_new_release(before, model, seen):
        return RELEASE
    if live["spec"] == after["spec"]:
        return NOTHING if user_metadata(live) == user_metadata(after) else SETTINGS
    sized = {key: after["spec"].get(key) for key in ("replicas", "autoscaling")}
    rest = {**live["spec"], **sized}
    return (
        SCALING
        if {key: value for key, value in rest.items() if value is not None} == after["spec"]
        else SETTINGS
    )


def user_metadata(body: Body) -> Body:
    """Return labels and annotations, except the annotation in which kubectl stores the last manifest."""
    metadata = body["metadata"]
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return {"labels": metadata.get("labels") or {}, "annotations": annotations}


def _is_new_release(before: Model, model: Model, seen: Observed) -> bool:
    old, new = artifact_of(before, seen), artifact_of(model, seen)
    if before.tag != model.tag and not (old and new):
        return True
    # For the same bento any digest shows whether the shape differs.
    digests = (old.content, new.content) if old and new else ("", "")
    return naming.release_of(before, digests[0]) != naming.release_of(model, digests[1])


def _release_before(live: Body | None, before: Model | None, seen: Observed) -> str | None:
    if live is None or before is None:
        return None
    artifact = artifact_of(before, seen)
    if artifact:
        return naming.release_of(before, artifact.content)
    desired: str | None = live.get("status", {}).get("desiredRelease")
    return desired if is_current(live) else None


def _image(seen: Observed, model: Model, artifact: Artifact | None) -> str:
    if artifact is None:
        return "resolve" if model.image else "export and build"
    if artifact.image:
        return "given"
    request = seen.request(naming.artifact_name(model.name, artifact.content))
    build = request.build if request else Build.UNKNOWN
    return {Build.DONE: "kept", Build.FAILED: "failed"}.get(build, "building")


def _started(change: str, size: Size, before: Size | None) -> Size:
    if change in STARTING:
        return size
    if change == SCALING and before:
        return grown(size, before)
    return Size(least=0, most=0)


def _quarantine(model: Model, release: str | None) -> Body | None:
    """Return the failure of this very trial, or None: other checks or deadlines make another trial."""
    if release is None or model.rollout.rollback is Rollback.DISABLED:
        return None
    trial = trial_of(model, release)
    failed = model.status.get("failedReleases", ())
    return next((dict(entry) for entry in failed if entry["trial"] == trial), None)


def _is_new_trial(model: Model, release: str | None) -> bool:
    failed = {entry["release"] for entry in model.status.get("failedReleases", ())}
    waits = release in failed and model.status.get("servingRelease") != release
    return waits and _quarantine(model, release) is None


def _notes(after: Body, model: Model, change: str) -> Iterable[str]:
    if change == NOTHING:
        return
    if model.suspended:
        yield "spec.suspend is true: the operator does nothing until it is false"
    if model.paused and change in (*REPLACING, SCALING):
        yield f"the rollout is paused: no switch before {command('resume', after['metadata'])}"
    if "deletionTimestamp" in after["metadata"]:
        yield "the model is being deleted, and an apply does not stop that"


def _parking_notes(before: Model | None, model: Model, change: str) -> Iterable[str]:
    was_parked = before is not None and before.is_parked
    if model.is_parked and change != NOTHING:
        ends = (
            "it gets an image and no pods"
            if was_parked or before is None
            else "its pods end; its image stays"
        )
        yield f"spec.replicas is 0: the model is parked, and {ends}. Nobody answers at its address"
    if was_parked and not model.is_parked:
        checks = model.rollout.checks.get("verify")
        then = "when it has given its golden predictions again" if checks else "when it has its pods"
        yield f"the model is woken, without an export or a build of what it has; it is Ready {then}"
