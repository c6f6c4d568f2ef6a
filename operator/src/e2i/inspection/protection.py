"""Says whether anybody looks after a model, and what protects its callers from wrong answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unseen(model: Mapping[str, Any]) -> list[str]:
    """Return a sentence when no operator has looked at the model."""
    if model.get("status"):
        return []
    return ["No operator has looked at it. If this stays so, kubectl e2i doctor says why"]


def unprotected(model: Mapping[str, Any]) -> list[str]:
    """Return a sentence when no release of the model is asked a known question before it gets the requests."""
    rollout = model["spec"].get("rollout") or {}
    if rollout.get("verify"):
        return []
    before = "A release gets the requests when its pods are ready, whatever they answer: spec.rollout.verify is empty"
    after = "" if rollout.get("watch") else ", and without spec.rollout.watch only crashes take it back"
    return [f"{before}{after}. Look at kubectl explain e2im.spec.rollout"]
