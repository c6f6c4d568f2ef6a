"""Which annotation a wish becomes, and when the wish makes no sense. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from e2i.api.model import PAUSED_ANNOTATION, PROMOTE_ANNOTATION, RETRY_ANNOTATION
from e2i.cli.plugin.advice import command, follow
from e2i.cli.plugin.errors import CommandError
from e2i.inspection.document import is_paused

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What to tell the user, and the annotations to set, or to remove where the value is None."""

    sentence: str
    annotations: Mapping[str, str | None] = field(default_factory=dict)


def retry(model: Body, now: datetime) -> Change:
    """Fault when the release that the spec asks for is not in quarantine."""
    name, status = model["metadata"]["name"], model.get("status", {})
    failed = {entry["release"]: entry for entry in status.get("failedReleases", ())}
    if not failed:
        raise CommandError(f"Nothing is to be tried anew: no release of {name} is in quarantine.")
    wanted = status.get("desiredRelease")
    if wanted not in failed:
        known = ", ".join(f"{release} ({entry.get('bentoTag', '?')})" for release, entry in failed.items())
        raise CommandError(
            f"The release that {name} asks for ({wanted or 'not known yet'}) is not in quarantine; {known} is. Ask "
            "for that bento in spec.bento.tag first."
        )
    entry = failed[wanted]
    return Change(
        f"{name}: release {wanted} ({entry.get('bentoTag', '?')}), which failed with {entry['reason']}, is tried "
        f"anew. Follow it: {follow(model['metadata'])}",
        {RETRY_ANNOTATION: _moment(now)},
    )


def promote(model: Body, now: datetime) -> Change:
    """Fault when no canary is in a pause."""
    name = model["metadata"]["name"]
    rollout = model.get("status", {}).get("rollout")
    if not rollout:
        raise CommandError(f"Nothing is to be promoted: no canary of {name} is under way.")
    steps = model["spec"].get("rollout", {}).get("steps", ())
    step = rollout.get("step", 0)
    if not (step < len(steps) and "pause" in steps[step]):
        raise CommandError(
            f"The canary {rollout['release']} of {name} does not wait: it is at step {min(step + 1, len(steps))} of "
            f"{len(steps)}, which is no pause. See {command('status', model['metadata'])}."
        )
    return Change(
        f"{name}: the canary {rollout['release']} goes on after step {step + 1} of {len(steps)}. "
        f"Follow it: {follow(model['metadata'])}",
        {PROMOTE_ANNOTATION: _moment(now)},
    )


def pause(model: Body) -> Change:
    name = model["metadata"]["name"]
    if is_paused(model):
        return Change(f"{name} is paused already. Let it go on: {command('resume', model['metadata'])}")
    return Change(
        f"{name}: the rollout stays where it is; scaling and rollback go on. Let it go on: "
        f"{command('resume', model['metadata'])}",
        {PAUSED_ANNOTATION: "true"},
    )


def resume(model: Body) -> Change:
    name = model["metadata"]["name"]
    if PAUSED_ANNOTATION not in (model["metadata"].get("annotations") or {}):
        return Change(f"{name} is not paused.")
    return Change(f"{name}: the rollout goes on.", {PAUSED_ANNOTATION: None})


def _moment(now: datetime) -> str:
    """Exact enough that asking twice within a second is asking twice."""
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
