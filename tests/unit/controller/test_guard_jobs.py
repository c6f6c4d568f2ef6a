"""Guards after the switch: each problem is found once, and a bug does not count as a healthy release."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

import pytest
from support.builders import NOON, a_model, seconds

from e2i import clock
from e2i.api.conditions import Reason
from e2i.controller.core.guard.limits import Sample
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.edge.jobs import guard_jobs as module
from e2i.controller.edge.jobs.guard_jobs import GuardJobs
from e2i.kube import ApiError

MODEL = a_model(rollout={"watch": {"seconds": 60, "maxErrorRatio": "0.05", "minRequests": 10}})
KEY = MODEL.key
NETWORK = PodNetwork.parse("10.97.0.0/16=127.97.0.0/16")


class Pods:
    """What there is to be read, and how often it was."""

    def __init__(self) -> None:
        self.errors = 0.0
        self.requests = 0.0
        self.read: list[tuple[str, ...]] = []
        self.broken = False
        self.away = False
        self.silent = False
        self.now = NOON

    async def list(self, *_: object, **__: object) -> tuple[list[dict[str, Any]], str]:
        if self.away:
            raise ApiError(503, "ServiceUnavailable", "etcd is away")
        return [
            {"metadata": {}, "status": {"podIP": "10.97.0.5"}},
            {"metadata": {}, "status": {}},
            {"metadata": {"deletionTimestamp": "now"}, "status": {"podIP": "10.97.0.6"}},
        ], "1"

    async def read_release(self, addresses: list[str]) -> Mapping[str, Sample]:
        self.read.append(tuple(addresses))
        if self.silent:
            return {}
        if self.broken:
            raise RuntimeError("a bug")
        self.requests += 10
        return {address: Sample(self.requests, self.errors) for address in addresses}

    def clock(self) -> datetime:
        return self.now


@pytest.fixture
def pods(monkeypatch: pytest.MonkeyPatch) -> Pods:
    made = Pods()
    monkeypatch.setattr(module, "read_release", made.read_release)
    monkeypatch.setattr(module, "PERIOD", 0.005)
    monkeypatch.setattr(clock, "now", made.clock)
    return made


@pytest.fixture
def woken() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def guards(pods: Pods, woken: list[tuple[str, str]]) -> AsyncIterator[GuardJobs]:
    made = GuardJobs(pods, woken.append, NETWORK)  # type: ignore[arg-type]
    yield made
    await asyncio.wait_for(made.close(), 30)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for is told by nobody
            await asyncio.sleep(0.005)


def begin(guards: GuardJobs, trial: str = "1") -> None:
    guards.start(MODEL, "0b1d77e2", trial, NOON + seconds(60))


async def test_nobody_guards_yet(guards: GuardJobs) -> None:
    assert not guards.is_guarding(KEY, "1")
    assert guards.problem(KEY, "1") is None


async def test_pods_that_stay_are_read_where_they_are_reached(guards: GuardJobs, pods: Pods) -> None:
    begin(guards)
    await until(lambda: len(pods.read) > 7)
    assert set(pods.read) == {("127.97.0.5",)}
    assert guards.is_guarding(KEY, "1")
    assert not guards.is_guarding(KEY, "2")


async def test_a_limit_that_is_crossed_wakes_the_model_and_stays_known(
    guards: GuardJobs, pods: Pods, woken: list[tuple[str, str]]
) -> None:
    begin(guards)
    await until(lambda: bool(pods.read))
    pods.errors = 1000
    await until(lambda: woken == [KEY])
    problem = guards.problem(KEY, "1")
    assert problem
    assert problem.reason is Reason.ErrorRatioExceeded
    assert guards.is_guarding(KEY, "1"), "it does not go away"


async def test_at_its_end_a_watch_is_over(
    guards: GuardJobs, pods: Pods, woken: list[tuple[str, str]]
) -> None:
    begin(guards)
    await until(lambda: bool(pods.read))
    pods.now = NOON + seconds(60)
    await until(lambda: woken == [KEY])
    assert not guards.is_guarding(KEY, "1")


async def test_a_bug_ends_the_watch_and_is_not_repeated_in_a_tight_loop(
    guards: GuardJobs, pods: Pods, woken: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    pods.broken = True
    begin(guards)
    await until(lambda: woken == [KEY])
    assert not guards.is_guarding(KEY, "1"), "the next pass begins it again"
    assert "a bug" in caplog.text


async def test_pods_that_were_known_are_read_on_while_they_cannot_be_listed(
    guards: GuardJobs, pods: Pods
) -> None:
    begin(guards)
    await until(lambda: bool(pods.read))
    pods.away = True
    count = len(pods.read)
    await until(lambda: len(pods.read) > count + 2 * module.LIST_PODS_EVERY)
    assert set(pods.read) == {("127.97.0.5",)}


async def test_another_trial_begins_anew(guards: GuardJobs, pods: Pods, woken: list[tuple[str, str]]) -> None:
    begin(guards)
    await until(lambda: bool(pods.read))
    begin(guards, "2")
    assert guards.is_guarding(KEY, "2")
    assert not guards.is_guarding(KEY, "1")
    guards.cancel(KEY)
    guards.cancel(KEY)
    assert not guards.is_guarding(KEY, "2")
    assert woken == []


async def test_pods_that_never_answer_are_told_once_because_nothing_is_judged(
    pods: Pods, guards: GuardJobs, caplog: pytest.LogCaptureFixture
) -> None:
    pods.silent = True
    guards.start(MODEL, "0b1d77e2", "trial", NOON + seconds(60))
    await until(lambda: len(pods.read) > 2 * module.SILENCE)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no pod of release 0b1d77e2 answers GET /metrics" in caplog.text
