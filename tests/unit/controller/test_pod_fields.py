"""Fields of pods that a BentoDeployment cannot say: which pods lack them, and what is waited for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_deployment_spec,
    a_model,
    a_workload,
    seconds,
    seen_ready,
)

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.render.manifests import bento_deployment
from e2i.controller.core.rules import pod_fields, table

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
CHILD = a_deployment(MODEL)
PATCHED = replace(
    CHILD,
    patched=True,
    spec=bento_deployment(MODEL, a_deployment_spec(MODEL, RELEASE, patched=True))["spec"],
)
RUNNER = replace(a_workload(CHILD), name=f"{CHILD.name}-runner-0", uid="uid-runner", existing=2)
"""A runner with a pod of its template and one of the template before."""


@pytest.mark.parametrize(
    ("state", "waits"),
    [
        pytest.param(seen_ready(MODEL, deployments=(PATCHED,), runners=(RUNNER,)), True, id="the operator patches it"),
        pytest.param(seen_ready(MODEL, runners=(RUNNER,)), False, id="the policy gives every pod its fields"),
    ],
)  # fmt: skip
def test_an_old_pod_is_waited_for_if(state: Observed, waits: bool) -> None:
    chosen = pod_fields.wait_for_patched_pods(Situation(MODEL, state), NOON)
    assert (chosen is not None) is waits
    if chosen:
        assert chosen.message == (
            f"a pod of {RUNNER.name} of release {RELEASE} still ends: it lacks fields of the spec"
        )


def test_a_runner_that_loses_its_fields_before_its_server_exists_holds_up_nothing() -> None:
    state = seen_ready(MODEL, deployments=(PATCHED,), workloads=(), unpatched=((RUNNER, seconds(30)),))
    chosen = table.plan(Situation(MODEL, state), NOON)
    assert chosen.reason is Reason.Deploying


def test_a_bare_pod_of_a_model_that_only_its_policy_gives_fields_is_told_without_their_names() -> None:
    chosen = table.plan(Situation(MODEL, seen_ready(MODEL, bare_pods=("churn-x",))), NOON)
    assert chosen.message.startswith("churn-x: created without what it asks the policy for, while the policy")
