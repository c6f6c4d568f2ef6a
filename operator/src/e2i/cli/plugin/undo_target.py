"""Chooses the release that `undo` returns to, or says why there is none. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from e2i.api import naming
from e2i.cli.plugin import previous_specs
from e2i.cli.plugin.advice import command
from e2i.cli.plugin.errors import CommandError
from e2i.inspection.document import is_current

Body = Mapping[str, Any]

_SERVED = ("Serving", "Superseded")
"""Results of releases that served and did not fail."""


@dataclass(frozen=True, kw_only=True)
class UndoTarget:
    """The release to return to, and its spec."""

    release: str
    tag: str
    bento: Body
    """spec.bento of the release."""
    spec: previous_specs.Spec | None
    """None if the earlier spec cannot be found."""
    by_tag: bool
    """Whether only the bento and the restart differ."""
    restart: str
    """The value of the annotation restart-at for which it was made; empty without one."""


def find_undo_target(model: Body, deployments: Iterable[Body], to: str | None) -> UndoTarget:
    """Return the release or bento tag `to`, or the release that served last; CommandError if there is none.

    `deployments`: the model's BentoDeployments, which show the shape of releases that still have pods.
    """
    entry = _named(model, to) if to else _last(model)
    if failure := _quarantine(model, entry["release"]):
        raise CommandError(
            f"Release {entry['release']} ({entry.get('bentoTag', '?')}) is in quarantine: it failed with "
            f"{failure['reason']} at {failure['failedAt']}. To try it again, set that bento in spec.bento.tag and "
            f"run {command('retry', model['metadata'])}."
        )
    return _undo_target(model, deployments, entry)


def _last(model: Body) -> Body:
    """Return the newest release that served, other than the desired one."""
    name = model["metadata"]["name"]
    earlier = [
        entry
        for entry in model.get("status", {}).get("history", ())
        if entry["result"] in _SERVED and entry.get("bentoTag") and not _is_wanted(model, entry)
    ]
    if not earlier:
        raise CommandError(
            f"{name} has no earlier release that served: see {command('history', model['metadata'])}."
        )
    return next((entry for entry in earlier if not _quarantine(model, entry["release"])), earlier[0])


def _is_wanted(model: Body, entry: Body) -> bool:
    """Whether it is the desired release, also while the operator has not yet seen the spec."""
    if is_current(model):
        return bool(model["status"].get("desiredRelease") == entry["release"])
    if previous_specs.with_bento(model, entry)["bento"] != model["spec"]["bento"]:
        return False
    return _is_asked_for_by_tag(model, entry)


def _named(model: Body, to: str) -> Body:
    """Return the newest entry of that release or tag; of several, one that differs in the tag only."""
    name = model["metadata"]["name"]
    history = model.get("status", {}).get("history", ())
    found = [
        entry
        for entry in history
        if to in (entry["release"], entry.get("bentoTag")) and entry.get("bentoTag")
    ]
    if not found:
        # A release that was gone back to has two entries.
        known = dict.fromkeys(f"{entry['release']} ({entry.get('bentoTag', '?')})" for entry in history)
        has = ", ".join(known) or "nothing"
        raise CommandError(f"The history of {name} has no release or bento {to}. It has {has}.")
    return next((entry for entry in found if _is_asked_for_by_tag(model, entry)), found[0])


def _quarantine(model: Body, release: str) -> Body | None:
    failed = model.get("status", {}).get("failedReleases", ())
    return next((entry for entry in failed if entry["release"] == release), None)


def _is_asked_for_by_tag(model: Body, entry: Body) -> bool:
    digest: str = entry.get("digest", "")
    spec = previous_specs.with_bento(model, entry)
    release: str = entry["release"]
    return previous_specs.release_of(model, spec, digest) == release


def _undo_target(model: Body, deployments: Iterable[Body], entry: Body) -> UndoTarget:
    release, tag = entry["release"], entry["bentoTag"]
    restart: str = entry.get("restartAt", "")
    then = previous_specs.with_restart(model, restart)
    asked = previous_specs.with_bento(model, entry)
    found = partial(UndoTarget, release=release, tag=tag, bento=asked["bento"], restart=restart)
    if _is_asked_for_by_tag(then, entry):
        return found(spec=asked, by_tag=True)
    labels = ((body, body["metadata"].get("labels") or {}) for body in deployments)
    kept = next((body for body, own in labels if own.get(naming.RELEASE_LABEL) == release), None)
    spec = previous_specs.earlier_spec(then, kept, entry) if kept else None
    return found(spec=spec, by_tag=False)
