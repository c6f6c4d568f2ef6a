"""Looks at drift in the background: bounded, for what serves alone, and a bug of one model blinds nobody."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from support.builders import a_model, a_service, seen_serving
from unit.controller.test_metrics_client import WELL, pod

from e2i.api.model import Model
from e2i.controller.core.drift.judgement import LOOKS, Drifted
from e2i.controller.core.drift.scores import Scores
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.core.releases.situation import Situation
from e2i.controller.edge.drift_watch import AT_ONCE, MOST_PODS, DriftWatch
from e2i.controller.edge.metrics_client import read_drift

PAGE = 'e2i_input_drift_psi{feature="plan",model="churn",version="1"} 0.4\n'


class Pods:
    """Pods of every release, and what they show."""

    def __init__(self) -> None:
        self.addresses = ["10.97.0.5"]
        self.scores: list[Scores] = [{"plan": 0.4}]
        self.read: list[list[str]] = []
        self.broken = ""
        self.at_once = self.most_at_once = 0
        self.is_read = asyncio.Event()
        self.goes_on: asyncio.Event | None = None

    def release_addresses(self, key: tuple[str, str], release: str) -> list[str]:
        if key[1] == self.broken:
            raise RuntimeError("a bug")
        return self.addresses

    async def __call__(self, addresses: list[str], *, path_prefix: str) -> list[Scores]:
        self.read.append(addresses)
        self.is_read.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.goes_on:
            await self.goes_on.wait()
        await asyncio.sleep(0)
        self.at_once -= 1
        return self.scores


@pytest.fixture
def pods() -> Pods:
    return Pods()


@pytest.fixture
def woken() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def watch(pods: Pods, woken: list[tuple[str, str]]) -> DriftWatch:
    network = PodNetwork.parse("10.97.0.0/16=127.97.0.0/16")
    return DriftWatch(pods, woken.append, network, 1, pods)  # type: ignore[arg-type]


def serving(model: Model | None = None) -> Situation:
    model = model or a_model()
    return Situation(model, seen_serving(model))


async def looks(watch: DriftWatch, number: int = LOOKS) -> None:
    for _ in range(number):
        await watch.look_at_all()


async def test_another_verdict_wakes_the_model_once(
    watch: DriftWatch, pods: Pods, woken: list[tuple[str, str]]
) -> None:
    here = serving()
    watch.follow(here)
    release = here.serving or ""
    assert watch.verdict(here.model.key, release) == "unknown"
    await looks(watch, 5)
    assert pods.read == [["127.97.0.5"]] * 5
    assert woken == [here.model.key]
    assert watch.verdict(here.model.key, release) == (Drifted("plan", 0.4, 0.25),)
    assert watch.verdict(here.model.key, "another") == "unknown"


async def test_it_looks_again_and_again(pods: Pods, woken: list[tuple[str, str]]) -> None:
    watch = DriftWatch(pods, woken.append, PodNetwork(), 0.001, pods)  # type: ignore[arg-type]
    watch.follow(serving())
    endless = asyncio.create_task(watch.run())
    async with asyncio.timeout(60):
        for _ in range(LOOKS):
            await pods.is_read.wait()
            pods.is_read.clear()
    endless.cancel()


async def test_a_large_release_is_judged_by_a_part_of_its_pods(watch: DriftWatch, pods: Pods) -> None:
    pods.addresses = [f"10.97.0.{number}" for number in range(1, 99)]
    watch.follow(serving())
    await looks(watch, 1)
    assert len(pods.read[0]) == MOST_PODS


async def test_of_many_models_a_few_are_read_at_once(watch: DriftWatch, pods: Pods) -> None:
    for number in range(40):
        watch.follow(serving(a_model(name=f"model{number}")))
    await looks(watch, 1)
    assert len(pods.read) == 40
    assert pods.most_at_once == AT_ONCE


async def test_a_bug_with_one_model_is_logged_and_the_others_are_looked_at(
    watch: DriftWatch, pods: Pods, woken: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("risk", "churn"):
        watch.follow(serving(a_model(name=name)))
    pods.broken = "churn"
    await looks(watch)
    assert woken == [("models", "risk")]
    assert "models/churn: the drift of its inputs could not be looked at" in caplog.text


async def test_a_release_that_loses_the_address_during_a_look_wakes_nobody(
    watch: DriftWatch, pods: Pods, woken: list[tuple[str, str]]
) -> None:
    here = serving()
    watch.follow(here)
    await looks(watch, LOOKS - 1)
    pods.goes_on = asyncio.Event()
    pods.is_read.clear()
    last = asyncio.create_task(watch.look_at_all())
    await pods.is_read.wait()
    watch.forget(here.model.key)
    pods.goes_on.set()
    await last
    assert woken == []


async def test_nothing_is_read_for_a_model_that_is_gone_or_has_no_pods_or_serves_nothing(
    watch: DriftWatch, pods: Pods
) -> None:
    here = serving()
    watch.follow(here)
    pods.addresses = []
    await looks(watch, 1)
    pods.addresses = ["10.97.0.5"]
    watch.follow(
        Situation(here.model, seen_serving(here.model, service=a_service(here.model, release="gone")))
    )
    await looks(watch, 1)
    watch.follow(here)
    watch.forget(here.model.key)
    await looks(watch, 1)
    assert pods.read == []


async def test_the_pages_of_pods_are_read_as_after_a_switch() -> None:
    async def shows(request: web.Request) -> web.Response:
        return web.Response(text=PAGE if request.path == "/v1/metrics" else "")

    async with pod(shows, WELL) as port:
        assert await read_drift([WELL, "127.0.0.99"], port=port, path_prefix="/v1") == [{"plan": 0.4}]
        assert await read_drift([WELL], port=port) == []
