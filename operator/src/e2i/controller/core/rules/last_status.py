"""Questions about the last status, for the present spec: a restarted operator goes on saying it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from e2i.api import conditions
from e2i.api.conditions import Reason
from e2i.api.model import Rollback
from e2i.controller.core.releases.situation import Situation, targets_desired


def was_told(here: Situation, reason: Reason) -> bool:
    """Return whether the last status said that this keeps the model from being ready, so a restart says it on."""
    return _told(here, conditions.READY, reason)


def was_stalled(here: Situation, reason: Reason) -> bool:
    """Return whether the last status said that the model is stalled for this reason, so a restart keeps it so."""
    return _told(here, conditions.STALLED, reason)


def told_message(here: Situation, reason: Reason) -> str:
    """Return the words with which the last status said that this keeps the model from being ready; or nothing."""
    return next((str(each["message"]) for each in _telling(here, conditions.READY, reason)), "")


def _told(here: Situation, condition: str, reason: Reason) -> bool:
    return any(_telling(here, condition, reason))


def _telling(here: Situation, condition: str, reason: Reason) -> Iterator[Mapping[str, Any]]:
    """Return the condition of the last status if it has this reason, for the present spec."""
    wanted = (condition, reason.name, here.model.generation)
    for each in here.model.status.get("conditions", ()):
        if (each["type"], each["reason"], each["observedGeneration"]) == wanted:
            yield each


def was_final(here: Situation, reason: Reason) -> bool:
    """Return whether the last status said so of a release that is not given up for it.

    That is the release to go back to, or any with rollback Disabled."""
    given_up = here.model.rollout.rollback is not Rollback.DISABLED and targets_desired(here)
    return not given_up and was_stalled(here, reason)
