"""What a rule says, and what all rules share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from e2i.core import naming
from e2i.core.actions import Action
from e2i.core.conditions import Reason
from e2i.core.model import Model
from e2i.core.observed import Observed
from e2i.core.release import Desired, desired, ready_pods

PODS_POLL = timedelta(seconds=5)
"""Pods are not watched: while a release is not ready they are looked at this often for what holds them up."""
STORE_POLL = timedelta(seconds=15)
"""Neither the bento store nor the bucket can wake us."""
CLUSTER_POLL = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A rule's verdict: why, in one word and one sentence, what to do, and when to look again unasked."""

    reason: Reason
    message: str
    actions: tuple[Action, ...] = ()
    stalled: bool = False
    look_again: timedelta | None = None


Rule = Callable[[Model, Observed, datetime], Plan | None]


def the_desired(model: Model, seen: Observed) -> Desired:
    wanted = desired(model, seen)
    if wanted is None:
        raise AssertionError("a rule below export_bento was asked before the bento was exported")
    return wanted


def progress(model: Model, wanted: Desired) -> str:
    return (
        f"{ready_pods(wanted.workload)} of {model.autoscaling.minimum} pods of release {wanted.release} "
        f"({model.tag}) are ready"
    )


def serves(model: Model, wanted: Desired) -> str:
    return f"release {wanted.release} of {model.tag} serves at {naming.service_url(model)}"
