"""Says what protects the callers of a model from a release that starts and answers wrongly. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unprotected(model: Mapping[str, Any]) -> list[str]:
    """Return a sentence when no release of the model is asked a known question before it gets the requests."""
    rollout = model["spec"].get("rollout") or {}
    if rollout.get("verify"):
        return []
    before = "A release gets the requests when its pods are ready, whatever they answer: spec.rollout.verify is empty"
    after = "" if rollout.get("watch") else ", and without spec.rollout.watch only crashes take it back"
    return [f"{before}{after}. Look at kubectl explain e2im.spec.rollout"]
