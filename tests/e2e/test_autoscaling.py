"""A model under load that its autoscaler really sees: pods come and go by CPU, or by a metric of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cluster import TestCluster
from support.custom_metrics import custom_metrics
from support.e2e import FIRST, PROJECT, SECOND, address, create, place, ready
from support.load import load
from support.prometheus import Prometheus
from support.stage import Stage

from e2i.api import naming
from e2i.kube import Object
from e2i.kube.e2i_kinds import DEPLOYMENTS, E2I_MODELS, PODS, SERVICES
from e2i.local.cluster import bring_up, overlay_of
from e2i.local.errors import ClusterError
from e2i.local.kubectl import kubectl
from e2i.local.toolchain import ALERTMANAGER, PROMETHEUS, ensure_built

pytestmark = pytest.mark.e2e

MOST = 3
BUSY = {"env": [{"name": "MOOD", "value": "busy: 0.02"}]}
"""Seconds of CPU for each of ten requests a second: 200m, and the autoscaler wants 50m a pod."""
RATE = 10.0
SPEC: dict[str, Any] = {
    **BUSY,
    "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
    "autoscaling": {
        "minReplicas": 1,
        "maxReplicas": MOST,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 100}},
            }
        ],
    },
    "rollout": {"scaleDownDelaySeconds": 5},
}
PATIENCE = 180.0
"""Seconds; only a bound for a machine under heavy load."""
LOOK_EVERY = 0.1


@pytest.fixture(scope="module")
def with_metrics(local_cluster: TestCluster, store: Path) -> Iterator[TestCluster]:
    """The cluster with metrics-server, which it has for these tests only: its autoscalers are in a hurry."""
    home = local_cluster.own_home("its controller manager is started with other flags")

    def say(line: str) -> None:
        pass

    store, overlay = home.root / "bentoml", overlay_of(home)
    with_them = bring_up(home, say, bento_store=store, overlay=overlay, metrics=True)
    yield TestCluster(local_cluster.kubeconfig, with_them)
    bring_up(with_them, say, bento_store=store, overlay=overlay, metrics=False)


@pytest.fixture
async def stage(with_metrics: TestCluster) -> AsyncIterator[Stage]:
    async with place(with_metrics) as stage:
        yield stage


@dataclass(frozen=True)
class Look:
    """What the address had at one moment: its ready pods, and how many the autoscaler of what serves wants."""

    release: str
    ready: int
    wanted: int


@dataclass
class Record:
    """Looks at a model's address, one after the other.

    A pod counts from the moment in which it is ready until somebody ends it or takes the address from it: what its
    probes say meanwhile, on a busy machine, is no write of the operator.
    """

    looks: list[Look] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    """The pods that have been ready, by their uid."""

    @property
    def most_ready(self) -> int:
        return max((look.ready for look in self.looks), default=0)

    def breaches(self) -> list[tuple[Look, Look]]:
        """Every step that took ready pods although as many were wanted.

        At a switch that is the number of before: the autoscaler of the next release knows no load yet.
        """
        return [
            (one, two)
            for one, two in itertools.pairwise(self.looks)
            if two.ready < min(one.ready, two.wanted if one.release == two.release else one.wanted)
        ]

    async def look(self, stage: Stage, name: str) -> None:
        """Ask for the number that is wanted last: when pods are gone because of it, it is known."""
        service = await stage.child(SERVICES, name)
        assert service
        release = service["metadata"]["annotations"][naming.SERVING_ANNOTATION]
        pods, _ = await stage.kube.list(PODS, stage.namespace, labels=f"{naming.MODEL_LABEL}={name}")
        workload = await stage.child(DEPLOYMENTS, naming.release_name(name, release))
        assert workload
        self.known |= {pod["metadata"]["uid"] for pod in pods if is_ready(pod)}
        selected = service["spec"]["selector"].items()
        stay = [
            pod["metadata"]["uid"]
            for pod in pods
            if selected <= pod["metadata"]["labels"].items() and "deletionTimestamp" not in pod["metadata"]
        ]
        ready = len(self.known.intersection(stay))
        self.looks.append(Look(release, ready, workload["spec"]["replicas"]))


@contextlib.asynccontextmanager
async def recorded(stage: Stage, name: str) -> AsyncIterator[Record]:
    """Look at the model's address all the time while the block lasts."""
    record = Record()

    async def look_on() -> None:
        while True:
            await record.look(stage, name)
            await asyncio.sleep(LOOK_EVERY)

    async with asyncio.TaskGroup() as group:
        looking = group.create_task(look_on())
        try:
            yield record
        finally:
            looking.cancel()


def is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


async def with_pods(stage: Stage, name: str, count: int) -> Object:
    """The model, Ready with this number of pods."""

    async def there() -> Object | None:
        model = await ready(stage, name)
        return model if model["status"]["readyReplicas"] == count else None

    model: Object = await stage.until(there, f"{count} pods of {name}", PATIENCE)
    return model


async def test_a_model_grows_with_its_load_and_shrinks_after_it_and_no_write_takes_a_pod_that_is_wanted(
    stage: Stage,
) -> None:
    await create(stage, "busy", FIRST, **SPEC)
    first = (await with_pods(stage, "busy", 1))["status"]["servingRelease"]
    _, cpu, memory = await use_of_a_pod(stage, "busy")
    assert cpu.endswith("m")
    assert int(memory.removesuffix("Mi")) > 20
    async with recorded(stage, "busy") as record:
        async with load(await address(stage, "busy"), RATE) as tally:
            await with_pods(stage, "busy", MOST)
            await stage.change("busy", bento={"tag": SECOND})
            second = (await with_pods(stage, "busy", MOST))["status"]["servingRelease"]
            # As `kubectl apply` of the same manifest: the operator looks at all again and writes nothing.
            body = {"spec": {**SPEC, "bento": {"tag": SECOND}}}
            await stage.kube.patch(E2I_MODELS, stage.namespace, "busy", body)
            await stage.touch("busy")
            await with_pods(stage, "busy", MOST)

            async def answers() -> bool:
                return SECOND in tally.bentos

            await stage.until(answers, f"an answer of {SECOND}", PATIENCE)
        await with_pods(stage, "busy", 1)
    assert record.breaches() == []
    assert record.most_ready == MOST
    assert [release for release, _ in itertools.groupby(look.release for look in record.looks)] == [
        first,
        second,
    ]
    assert tally.bentos == [FIRST, SECOND]


@pytest.mark.deep
async def test_a_model_grows_with_its_requests_in_progress_and_shrinks_after_them(
    stage: Stage, tmp_path: Path, say: Callable[[str], None]
) -> None:
    """By a metric of the kind Pods, as the page on autoscaling says it."""
    rules, autoscaling = custom_metrics_of_the_page()
    ensure_built((PROMETHEUS, ALERTMANAGER), say)
    prometheus = Prometheus(tmp_path, [], stage.home.kubeconfig)
    with (
        prometheus.running(),
        custom_metrics(stage.home, prometheus.address, rules, tmp_path, say),
    ):
        await create(stage, "slow", FIRST, mood="slow: 0.5", autoscaling=autoscaling)
        await with_pods(stage, "slow", 1)
        async with load(await address(stage, "slow"), RATE) as tally:
            await with_pods(stage, "slow", autoscaling["maxReplicas"])
        await with_pods(stage, "slow", 1)
    assert tally.failures == {}


def custom_metrics_of_the_page() -> tuple[str, dict[str, Any]]:
    """The adapter's rules and spec.autoscaling of docs/howto/scale.md; the range is shorter here."""
    _, _, section = (
        (PROJECT / "docs" / "howto" / "scale.md").read_text().partition("### By requests in progress")
    )
    rules, model = re.findall(
        r"^```yaml\n(.*?)^```$", section.partition("\n### ")[0], re.DOTALL | re.MULTILINE
    )
    return rules.replace("[2m]", "[15s]"), yaml.safe_load(model)["spec"]["autoscaling"]


async def use_of_a_pod(stage: Stage, name: str) -> list[str]:
    """Name, CPU and memory of one of the model's pods, as `kubectl top` tells once metrics-server has read it twice."""

    async def told() -> list[str] | None:
        try:
            lines = kubectl(stage.home, "top", "pods", f"-n={stage.namespace}", "--no-headers").splitlines()
        except ClusterError:
            return None
        return next((line.split() for line in lines if line.startswith(f"{name}-")), None)

    found: list[str] = await stage.until(told, "kubectl top to tell of it", PATIENCE)
    return found
