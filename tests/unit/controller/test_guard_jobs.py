"""Guards after the switch: each problem is found once, and a bug does not count as a healthy release."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import pytest
from support.builders import NOON, a_model, seconds

from e2i import clock
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.actions import StartGuard
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.core.guard.samples import Sample
from e2i.controller.edge.jobs import guard_jobs as module
from e2i.controller.edge.jobs.guard_jobs import GuardJobs
from e2i.controller.edge.metrics_client import Reading

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
        self.silent = ""
        """Why no pod has usable metrics."""
        self.buckets: tuple[tuple[float, float], ...] = ()
        self.now = NOON

    def release_addresses(self, *_: object) -> list[str]:
        return [] if self.away else ["10.97.0.5"]

    async def read_release(self, addresses: list[str], service: str, *, path_prefix: str) -> Reading:
        assert (service, path_prefix) == ("churn_model", "/v1")
        self.read.append(tuple(addresses))
        if self.silent:
            return Reading(unreadable=dict.fromkeys(addresses, self.silent))
        if self.broken:
            raise RuntimeError("a bug")
        self.requests += 10
        buckets = tuple((bound, share * self.requests) for bound, share in self.buckets)
        return Reading({pod: Sample(self.requests, self.errors, buckets) for pod in addresses})

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
    await asyncio.wait_for(made.close(), 60)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for is told by nobody
            await asyncio.sleep(0.005)


def begin(guards: GuardJobs, trial: str = "1") -> None:
    guards.start(MODEL, StartGuard("0b1d77e2", trial, NOON + seconds(60), "churn_model", "/v1"))


async def test_nobody_guards_yet(guards: GuardJobs) -> None:
    assert not guards.is_guarding(KEY, "1")
    assert guards.problem(KEY, "1") is None
    assert guards.sight(KEY, "1") == "unknown"


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
    await until(lambda: guards.problem(KEY, "1") is not None)
    assert woken == [KEY, KEY]
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
    await until(lambda: not guards.is_guarding(KEY, "1"))
    assert woken == [KEY, KEY], "because it sees, and because it ends"
    assert not guards.is_guarding(KEY, "1")


async def test_a_bug_ends_the_watch_and_is_not_repeated_in_a_tight_loop(
    guards: GuardJobs, pods: Pods, woken: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    pods.broken = True
    begin(guards)
    await until(lambda: woken == [KEY])
    assert not guards.is_guarding(KEY, "1"), "the next pass begins it again"
    assert "a bug" in caplog.text


async def test_another_trial_begins_anew(guards: GuardJobs, pods: Pods, woken: list[tuple[str, str]]) -> None:
    begin(guards)
    await until(lambda: len(pods.read) > 1)
    woken.clear()
    begin(guards, "2")
    assert guards.is_guarding(KEY, "2")
    assert not guards.is_guarding(KEY, "1")
    guards.cancel(KEY)
    guards.cancel(KEY)
    assert not guards.is_guarding(KEY, "2")
    assert woken == []


async def test_metrics_that_can_be_judged_wake_the_model_once(
    guards: GuardJobs, pods: Pods, woken: list[tuple[str, str]]
) -> None:
    begin(guards)
    await until(lambda: len(pods.read) > 5)
    assert (guards.sight(KEY, "1"), woken) == ("clear", [KEY])


async def test_a_guard_that_is_blind_says_what_it_saw_until_it_sees(
    guards: GuardJobs, pods: Pods, woken: list[tuple[str, str]]
) -> None:
    pods.silent = "were answered with status 401"
    begin(guards)
    await until(lambda: len(pods.read) > 2 * module.SILENCE)
    sight = guards.sight(KEY, "1")
    assert isinstance(sight, Problem)
    assert sight.reason is Reason.MetricsUnreadable
    assert "release 0b1d77e2 (GET /v1/metrics on port 3000) were answered with status 401" in sight.message
    assert woken == [KEY]
    pods.silent = ""
    await until(lambda: guards.sight(KEY, "1") == "clear")
    assert woken == [KEY, KEY]


async def test_a_release_without_pods_to_read_is_said(guards: GuardJobs, pods: Pods) -> None:
    pods.silent, pods.away = "unused", True
    begin(guards)
    await until(lambda: guards.sight(KEY, "1") != "unknown")
    assert "no pod of it has an address" in str(guards.sight(KEY, "1"))


async def test_buckets_that_cannot_judge_are_said_and_remembered(
    pods: Pods, guards: GuardJobs, woken: list[tuple[str, str]]
) -> None:
    limited = a_model(rollout={"watch": {"seconds": 60, "maxLatencyP99": "500ms", "minRequests": 10}})
    pods.buckets = ((1.0, 1.0), (float("inf"), 1.0))
    guards.start(limited, StartGuard("0b1d77e2", "1", NOON + seconds(60), "churn_model", "/v1"))
    await until(lambda: isinstance(guards.sight(KEY, "1"), Problem))
    told, count = guards.sight(KEY, "1"), len(pods.read)
    await until(lambda: len(pods.read) > count + 5)
    assert guards.sight(KEY, "1") is told, "its numbers do not change with every reading"
    assert isinstance(told, Problem)
    assert told.reason is Reason.LatencyUnclear
