"""Events on a real API server: how many there are, and in which order kubectl shows them."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from support.cluster import TestCluster
from support.operating import installed

from e2i import clock
from e2i.api import naming
from e2i.api.model import Model
from e2i.api.model_body import parse_model
from e2i.controller.core.status.transitions import Transition
from e2i.controller.edge.event_recorder import EventRecorder
from e2i.kube import Kube, Resource
from e2i.kube.e2i_kinds import E2I_MODELS, EVENTS
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome

pytestmark = pytest.mark.api
STEPS = [f"Step{number:02d}" for number in range(15)]


def transition(reason: str, message: str = "as it is") -> Transition:
    return Transition(type="Ready", status="False", reason=reason, message=message, warning=False)


@pytest.fixture
def home(control_plane: TestCluster) -> ClusterHome:
    cluster = installed(control_plane, "a cluster of somebody's own has its CRDs already")
    assert cluster.home
    return cluster.home


@pytest.fixture
async def kube(home: ClusterHome) -> AsyncIterator[Kube]:
    async with await Kube.from_kubeconfig(home.kubeconfig) as opened:
        yield opened


@pytest.fixture
async def model(kube: Kube) -> Model:
    namespace = f"events-{uuid.uuid4().hex[:6]}"
    await kube.create(Resource("", "v1", "namespaces", "Namespace", namespaced=False), None, {
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})  # fmt: skip
    body = {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        "metadata": {"name": "churn", "namespace": namespace},
        "spec": {"type": "Classification", "bento": {"tag": "churn:1"}},
    }
    return parse_model(await kube.create(E2I_MODELS, namespace, body))


async def test_kubectl_describe_shows_the_events_in_their_order(
    home: ClusterHome, kube: Kube, model: Model
) -> None:
    """Fifteen events of three seconds: sorted by lastTimestamp, and within a second by their names."""
    recorder, now = EventRecorder(kube), clock.now()
    for number, reason in enumerate(STEPS):
        await recorder.record(model, transition(reason), now + timedelta(seconds=number // 5))
    shown = kubectl(home, "describe", "e2im", "churn", f"--namespace={model.namespace}")
    assert re.findall(r"Step\d+", shown) == STEPS
    listed = kubectl(
        home, "get", "events", f"--namespace={model.namespace}", "--sort-by=.lastTimestamp", "--no-headers"
    )
    assert re.findall(r"Step\d+", listed) == STEPS


async def test_ten_flips_of_ready_are_two_events_that_say_ten_times(
    home: ClusterHome, kube: Kube, model: Model
) -> None:
    recorder, now = EventRecorder(kube), clock.now()
    for number in range(10):
        await recorder.record(model, transition("Scaling"), now + timedelta(seconds=2 * number))
        await recorder.record(model, transition("Ready"), now + timedelta(seconds=2 * number + 1))
    found, _ = await kube.list(EVENTS, model.namespace)
    assert sorted((event["reason"], event["count"]) for event in found) == [("Ready", 10), ("Scaling", 10)]
    shown = kubectl(home, "describe", "e2im", "churn", f"--namespace={model.namespace}")
    assert shown.count("(x10 over") == 2
    assert re.findall(r"Normal +(Scaling|Ready)", shown) == ["Scaling", "Ready"]
