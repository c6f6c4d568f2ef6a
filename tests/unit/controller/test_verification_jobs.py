"""Verifications in the background: one for each trial, forgotten with the model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from support.builders import a_model

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.observed import Finding, VerificationState
from e2i.controller.edge.jobs import verification_jobs as module
from e2i.controller.edge.jobs.verification_jobs import VerificationJobs
from e2i.kube import ApiError

MODEL = a_model(rollout={"checks": {"verify": [{"path": "/predict"}]}})
KEY = MODEL.key
WRONG = Finding(Problem(reason=Reason.VerificationFailed, message="wrong"), http="POST /predict -> 200: 7")
Answer = Callable[[str], Awaitable[Finding | None]]


class Release:
    """Its Service, and what it answers."""

    def __init__(self) -> None:
        self.address: str | None = "10.0.0.7"
        self.refused: list[ApiError] = []
        self.finding: Finding | Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.asked: list[str] = []

    async def get(self, *_: object) -> dict[str, Any] | None:
        if self.refused:
            raise self.refused.pop()
        return {"spec": {"clusterIP": self.address}} if self.address is not None else None

    async def verify(self, url: str, *_: object) -> Finding | None:
        self.asked.append(url)
        await self.open.wait()
        if isinstance(self.finding, Exception):
            raise self.finding
        return self.finding


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Release:
    made = Release()
    monkeypatch.setattr(module, "verify", made.verify)
    monkeypatch.setattr(module, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    return made


@pytest.fixture
def woken() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def verifications(release: Release, woken: list[tuple[str, str]]) -> AsyncIterator[VerificationJobs]:
    made = VerificationJobs(release, woken.append)  # type: ignore[arg-type]
    yield made
    await asyncio.wait_for(made.close(), 30)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for is told by nobody
            await asyncio.sleep(0.005)


async def test_nobody_asked_yet(verifications: VerificationJobs) -> None:
    assert verifications.state(KEY, "1") is None


async def test_right_answers_are_known_when_the_pass_goes_on(
    verifications: VerificationJobs, release: Release, woken: list[tuple[str, str]]
) -> None:
    await verifications.start(MODEL, "churn-1", "1")
    assert verifications.state(KEY, "1") is VerificationState.PASSED
    assert release.asked == ["http://10.0.0.7:3000"]
    await until(lambda: woken == [KEY])


async def test_a_wrong_answer_is_kept_until_the_trial_changes(
    verifications: VerificationJobs, release: Release
) -> None:
    release.finding = WRONG
    await verifications.start(MODEL, "churn-1", "1")
    assert verifications.state(KEY, "1") == WRONG
    assert verifications.state(KEY, "2") is None


async def test_slow_answers_let_the_pass_go_and_wake_the_model(
    verifications: VerificationJobs, release: Release, woken: list[tuple[str, str]]
) -> None:
    release.open.clear()
    await verifications.start(MODEL, "churn-1", "1")
    assert verifications.state(KEY, "1") is VerificationState.RUNNING
    release.open.set()
    await until(lambda: bool(woken))
    assert verifications.state(KEY, "1") is VerificationState.PASSED


async def test_another_trial_stops_the_one_before_it(
    verifications: VerificationJobs, release: Release
) -> None:
    release.open.clear()
    await verifications.start(MODEL, "churn-1", "1")
    release.open.set()
    await verifications.start(MODEL, "churn-2", "2")
    assert (verifications.state(KEY, "1"), verifications.state(KEY, "2")) == (None, VerificationState.PASSED)


async def test_a_model_that_is_gone_is_forgotten(verifications: VerificationJobs, release: Release) -> None:
    release.open.clear()
    await verifications.start(MODEL, "churn-1", "1")
    verifications.cancel(KEY)
    verifications.cancel(KEY)
    assert verifications.state(KEY, "1") is None


async def test_an_api_server_that_is_away_is_not_the_release_s_fault(
    verifications: VerificationJobs, release: Release, woken: list[tuple[str, str]]
) -> None:
    release.refused.append(ApiError(503, "ServiceUnavailable", "etcd is away"))
    await verifications.start(MODEL, "churn-1", "1")
    assert verifications.state(KEY, "1") is None, "the next pass asks again"
    await until(lambda: woken == [KEY])


@pytest.mark.parametrize("address", [None, "", "None"])
async def test_a_release_without_an_address_cannot_be_asked(
    verifications: VerificationJobs, release: Release, address: str | None
) -> None:
    release.address = address
    await verifications.start(MODEL, "churn-1", "1")
    found = verifications.state(KEY, "1")
    assert isinstance(found, Finding)
    assert found.problem.reason is Reason.VerificationError
    assert "Service churn-1" in found.problem.message


async def test_an_address_of_six_bytes_pairs_is_put_in_brackets(
    verifications: VerificationJobs, release: Release
) -> None:
    release.address = "fd00::7"
    await verifications.start(MODEL, "churn-1", "1")
    assert release.asked == ["http://[fd00::7]:3000"]


async def test_a_bug_is_no_right_answer(
    verifications: VerificationJobs, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    release.finding = RuntimeError("a bug")
    await verifications.start(MODEL, "churn-1", "1")
    found = verifications.state(KEY, "1")
    assert isinstance(found, Finding)
    assert found.problem.reason is Reason.VerificationError
    assert "a bug" in caplog.text


async def test_the_end_of_the_operator_is_the_end_of_its_questions(
    verifications: VerificationJobs, release: Release
) -> None:
    release.open.clear()
    await verifications.start(MODEL, "churn-1", "1")
    await asyncio.wait_for(verifications.close(), 30)
    assert verifications.state(KEY, "1") is None
