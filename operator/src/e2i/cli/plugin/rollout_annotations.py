"""The annotations of `restart`, `retry`, `promote`, `pause` and `resume`, and when these are refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from e2i.api.model import PAUSED_ANNOTATION, PROMOTE_ANNOTATION, RESTART_ANNOTATION, RETRY_ANNOTATION
from e2i.api.naming import CLI_FIELD_MANAGER
from e2i.cli.plugin.advice import command, follow
from e2i.cli.plugin.errors import CommandError
from e2i.inspection import gitops
from e2i.inspection.document import is_paused

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A message for the user, and the annotations to set, or to remove where the value is None."""

    sentence: str
    annotations: Mapping[str, str | None] = field(default_factory=dict)


def restart(model: Body, now: datetime) -> Change:
    """Ask for a release with new pods; CommandError if the annotation is Git's, which would put it back."""
    name = model["metadata"]["name"]
    tool = gitops.managing_tool(model)
    if tool and gitops.is_set_by_others(model, RESTART_ANNOTATION, CLI_FIELD_MANAGER):
        raise CommandError(
            f"{name} is managed by {tool}, and its manifest has the annotation {RESTART_ANNOTATION}. Give it another "
            "value there."
        )
    held = " once spec.suspend is false" if model["spec"].get("suspend") else ""
    return Change(
        f"{name}: a release of the same spec with new pods is brought up{held}. It gets the address when it is ready "
        f"and verified. Follow it: {follow(model['metadata'])}",
        {RESTART_ANNOTATION: _moment(now)},
    )


def retry(model: Body, now: datetime) -> Change:
    """Try the desired release again; CommandError if it is not in quarantine."""
    name, status = model["metadata"]["name"], model.get("status", {})
    failed = {entry["release"]: entry for entry in status.get("failedReleases", ())}
    if not failed:
        raise CommandError(f"Nothing to retry: no release of {name} is in quarantine.")
    wanted = status.get("desiredRelease")
    if wanted not in failed:
        known = ", ".join(f"{release} ({entry.get('bentoTag', '?')})" for release, entry in failed.items())
        raise CommandError(
            f"The desired release of {name} ({wanted or 'not known yet'}) is not in quarantine; {known} is. Set that "
            "bento in spec.bento.tag first."
        )
    entry = failed[wanted]
    return Change(
        f"{name}: release {wanted} ({entry.get('bentoTag', '?')}), which failed with {entry['reason']}, is tried "
        f"again. Follow it: {follow(model['metadata'])}",
        {RETRY_ANNOTATION: _moment(now)},
    )


def promote(model: Body, now: datetime) -> Change:
    """End the pause of the canary; CommandError if no canary is in a pause."""
    name = model["metadata"]["name"]
    rollout = model.get("status", {}).get("rollout")
    if not rollout:
        raise CommandError(f"Nothing to promote: no canary of {name} is in progress.")
    steps = model["spec"].get("rollout", {}).get("steps", ())
    step = rollout.get("step", 0)
    if not (step < len(steps) and "pause" in steps[step]):
        raise CommandError(
            f"The canary {rollout['release']} of {name} is not in a pause: it is at step "
            f"{min(step + 1, len(steps))} of {len(steps)}. See {command('status', model['metadata'])}."
        )
    return Change(
        f"{name}: the canary {rollout['release']} continues after step {step + 1} of {len(steps)}. "
        f"Follow it: {follow(model['metadata'])}",
        {PROMOTE_ANNOTATION: _moment(now)},
    )


def pause(model: Body) -> Change:
    """Hold the rollout; nothing to do if it is paused."""
    name = model["metadata"]["name"]
    if is_paused(model):
        return Change(f"{name} is already paused. Resume it: {command('resume', model['metadata'])}")
    return Change(
        f"{name}: the rollout is paused; scaling and rollback continue. Resume it: "
        f"{command('resume', model['metadata'])}",
        {PAUSED_ANNOTATION: "true"},
    )


def resume(model: Body) -> Change:
    """Let the rollout continue; nothing to do if it is not paused."""
    name = model["metadata"]["name"]
    if PAUSED_ANNOTATION not in (model["metadata"].get("annotations") or {}):
        return Change(f"{name} is not paused.")
    return Change(f"{name}: the rollout continues.", {PAUSED_ANNOTATION: None})


def _moment(now: datetime) -> str:
    """Return the time in milliseconds: two calls within a second must differ."""
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
