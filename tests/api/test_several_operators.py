"""Two installations of the operator with the same namespace on a real API server: one operates, the other says so."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from support.operating import Operator
from support.stage import Stage, condition
from support.warmoperator import operating

from e2i.api import naming
from e2i.api.model import PROMOTE_ANNOTATION
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, E2I_MODELS, EVENTS, LEASES

pytestmark = pytest.mark.api

SECOND = "second"
"""The Lease of the second installation."""


async def minimum(stage: Stage) -> int:
    found = await stage.children(BENTO_DEPLOYMENTS)
    (child,) = (each for each in found if each["metadata"]["labels"][naming.MODEL_LABEL] == "churn")
    wanted: int = child["spec"]["autoscaling"]["minReplicas"]
    return wanted


async def is_contested(stage: Stage) -> str | None:
    told = condition(await stage.model(), "Contested")
    return told["message"] if told else None


async def test_the_second_one_leaves_the_model_alone_until_the_first_is_removed(
    stage: Stage, store: Path, tmp_path: Path
) -> None:
    """One for the whole cluster, and one for the namespace."""
    with operating(stage.home, tmp_path, store) as first:
        await stage.create()
        await stage.ready()
        with operating(
            stage.home, tmp_path, store, E2I_LEASE_NAME=SECOND, E2I_NAMESPACES=stage.namespace
        ) as second:
            message: str = await stage.until(lambda: is_contested(stage), "the second operator to speak")
            print(message)  # noqa: T201 - to be read as users would
            await stage.until(lambda: _event(stage, message), "its event")
            await stage.until(lambda: _logged(second, message), "its log line")
            await stage.until(lambda: _unready(second), "it to be unready")
            assert first.probe("/readyz") == 200

            # The first one operates on, and the two do not fight about the status.
            await stage.change(replicas=2)
            await stage.until(lambda: _has(stage, 2), "two pods to be asked for")
            await stage.ready()
            await stage.until(lambda: _speaks_of_this_spec(stage), "the second operator to see the new spec")
            await stage.until(lambda: _rests_with(stage, 2), "the first one to have told of both pods")
            version = (await stage.model())["metadata"]["resourceVersion"]
            await stage.touch("churn")
            touched = (await stage.model())["metadata"]["resourceVersion"]
            assert version != touched
            await stage.create("later")
            await stage.ready()
            assert (await stage.model("later"))["status"]["operator"] == "e2i-system/e2i-operator"
            assert (await stage.model())["metadata"]["resourceVersion"] == touched
            # The first one is removed for good, with its Lease.
            first.stop()
            await stage.change(replicas=3)
            await stage.kube.delete(LEASES, "e2i-system", "e2i-operator")
            await stage.until(lambda: _is_taken(stage, 3), "the second operator to take over")
            await stage.until(lambda: _is_uncontested(stage), "the condition to go")
            await stage.ready()
            assert (await stage.model())["status"]["operator"] == f"e2i-system/{SECOND}"
    await stage.kube.delete(LEASES, "e2i-system", SECOND)


async def _event(stage: Stage, message: str) -> bool:
    found, _ = await stage.kube.list(EVENTS, stage.namespace)
    return any((e["reason"], e["message"]) == ("SeveralOperators", message) for e in found)


async def _logged(operator: Operator, message: str) -> bool:
    return any(message in line["message"] for line in operator.said())


async def _unready(operator: Operator) -> bool:
    return operator.probe("/readyz") == 503


async def _has(stage: Stage, count: int) -> bool:
    return await minimum(stage) == count


async def _is_taken(stage: Stage, count: int) -> bool:
    """Wake the second operator, which else looks at the Lease again after half a minute (tests/scenarios).

    A promotion is news, and means nothing to a model without a canary.
    """
    body = {"metadata": {"annotations": {PROMOTE_ANNOTATION: str(time.monotonic_ns())}}}
    await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body)
    return await _has(stage, count)


async def _rests_with(stage: Stage, count: int) -> bool:
    model = await stage.model()
    return model["status"].get("readyReplicas") == count and condition(model, "Reconciling") is None


async def _is_uncontested(stage: Stage) -> bool:
    return await is_contested(stage) is None


async def _speaks_of_this_spec(stage: Stage) -> bool:
    model: Any = await stage.model()
    told = condition(model, "Contested")
    return bool(told and told["observedGeneration"] == model["metadata"]["generation"])
