"""Which Deployments are scaled up from zero."""

from __future__ import annotations

from dataclasses import replace

from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_model,
    a_service,
    a_workload,
    beside,
    failed,
    seen_ready,
)

from e2i.api import naming
from e2i.controller.core.actions import ScaleWorkload
from e2i.controller.core.children import BentoDeployment
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules import capacity

MODEL = a_model()
OLD = a_model(env=(("VERSION", "old"),))
NEW_DEPLOYMENT, OLD_DEPLOYMENT = a_deployment(MODEL), a_deployment(OLD)


def with_idle_runner_of(child: BentoDeployment) -> Situation:
    """The new release failed, the old one serves."""
    runner = replace(a_workload(child, wanted=0), name=f"{child.name}-runner-0", uid="uid-runner")
    service = a_service(release=naming.release_of(OLD, DIGEST))
    state = beside(seen_ready(MODEL), OLD_DEPLOYMENT, service=service, runners=(runner,))
    return Situation(failed(MODEL), state)


def test_the_runners_of_what_serves_are_woken() -> None:
    chosen = capacity.wake_idle_releases(with_idle_runner_of(OLD_DEPLOYMENT), NOON)
    assert chosen
    assert chosen.actions == (ScaleWorkload(f"{OLD_DEPLOYMENT.name}-runner-0", "uid-runner", 1),)


def test_those_of_a_release_in_quarantine_sleep_on_also_beside_one_that_serves() -> None:
    assert capacity.wake_idle_releases(with_idle_runner_of(NEW_DEPLOYMENT), NOON) is None
