"""Finds the release that is judged while it gets requests. Pure."""

from __future__ import annotations

from e2i.controller.core.releases import sizes
from e2i.controller.core.releases.release import Release, existing_release
from e2i.controller.core.releases.situation import Situation


def judged_release(here: Situation) -> Release | None:
    """Return the canary while it has a share of the requests, otherwise the serving release."""
    judged = here.asked if sizes.canary_share(here) else here.serving
    if here.desired and judged == here.desired.release:
        return here.desired
    child = here.seen.deployment(judged)
    return existing_release(here.seen, child) if child else None
