"""Finds the release that serves although somebody deleted its BentoDeployment or its BentoRequest. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.model import Shape
from e2i.controller.core import persisted_status
from e2i.controller.core.children import BentoDeployment
from e2i.controller.core.releases import quarantine
from e2i.controller.core.releases.release import Release, build_release, newest_records
from e2i.controller.core.releases.situation import Situation


def lost_release(here: Situation) -> Release | None:
    """Return the release to create again; None if none is lost, or if nothing here knows its bento and its shape."""
    lost = _lost(here)
    known = ((artifact, shape) for artifact, shape in _candidates(here, lost) if shape) if lost else iter(())
    artifact, shape = next(known, (None, None))
    return (
        build_release(here.model, here.seen, lost, artifact, shape) if lost and artifact and shape else None
    )


def needs_records(here: Situation) -> bool:
    """Return whether only the release store can know how the lost release looked, and was not read yet."""
    return here.seen.records is None and _lost(here) is not None and lost_release(here) is None


def _lost(here: Situation) -> str | None:
    """Return the identity of the release that has the address, or had the deleted one, and lacks a child.

    After an edit in place the edited BentoDeployment is that of the next release.
    """
    serving = here.serving or here.comeback
    if serving is None and here.desired is None:
        entries = persisted_status.history(here.model)
        serving = next((each.release for each in entries if each.result == persisted_status.SERVING), None)
    in_place = naming.inplace_name(here.model.name)
    if serving is None or any(child.name == in_place for child in here.seen.deployments):
        return None
    child = here.seen.deployment(serving)
    gone = child is None or _lacks_request(here, child)
    return serving if gone and quarantine.failure(here.model, here.seen, serving) is None else None


def _lacks_request(here: Situation, child: BentoDeployment) -> bool:
    """Return whether its BentoRequest was deleted. One that cannot be read is there, and is not written over."""
    return not here.seen.malformed and here.seen.request(child.spec.get("bento", "")) is None


def _candidates(here: Situation, lost: str) -> Iterator[tuple[Artifact, Shape | None]]:
    """Return bentos with the shape that the lost release had with them, if it is known."""
    for request in here.seen.requests:
        if request.artifact:
            found = quarantine.known_shape(here.model, here.seen, here.model.shape, request.artifact, lost)
            yield request.artifact, found
    for record in newest_records(here.seen):
        if record.release == lost:
            yield (
                record.artifact,
                quarantine.known_shape(here.model, here.seen, record.shape, record.artifact, lost),
            )
