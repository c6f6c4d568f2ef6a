"""Chooses the failures that the status has. Pure."""

from __future__ import annotations

from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases import recording
from e2i.controller.core.releases.situation import Situation

MOST = 8
"""Largest number that the schema allows."""


def of_desired(here: Situation, plan: Plan) -> Failure | None:
    """Return how the desired release failed; None if it did not."""
    if plan.failure and plan.failure.release == here.asked:
        return plan.failure
    return here.quarantine


def present(here: Situation, plan: Plan) -> tuple[Failure, ...]:
    """Return how the desired and the serving release failed, the desired one first."""
    return _without_repetition(of_desired(here, plan), plan.failure, here.serving_failure)


def kept(here: Situation, plan: Plan) -> tuple[Failure, ...]:
    """Return these, and those of earlier releases until the release store has them."""
    return _without_repetition(*present(here, plan), *recording.of_others(here))[:MOST]


def _without_repetition(*failures: Failure | None) -> tuple[Failure, ...]:
    by_trial = {failure.trial: failure for failure in reversed(failures) if failure}
    return tuple(reversed(by_trial.values()))
