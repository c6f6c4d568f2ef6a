"""Verifications in the background: one for each trial, forgotten with the model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from support.builders import a_model

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.actions import Verify
from e2i.controller.core.observed import VerificationState
from e2i.controller.core.verification.checks import Verification
from e2i.controller.edge import golden_predictions
from e2i.controller.edge.jobs import verification_jobs as module
from e2i.controller.edge.jobs.verification_jobs import VerificationJobs
from e2i.kube import ApiError, Resource

MODEL = a_model(rollout={"checks": {"verify": [{"path": "/predict"}]}})
KEY = MODEL.key
OWNER = "uid-churn-1"
TOKEN = {
    "name": "Authorization",
    "value": "Bearer ",
    "valueFrom": {"secretKeyRef": {"name": "churn", "key": "token"}},
}
GUARDED = a_model(rollout={"checks": {"verify": [{"path": "/predict", "headers": [TOKEN]}]}})
WRONG = Problem(reason=Reason.VerificationFailed, message="wrong", final=True, http="POST /predict -> 200: 7")
Answer = Callable[[str], Awaitable[Problem | None]]


class Release:
    """Its Service, and what it answers."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.address: str | None = "10.0.0.7"
        self.refused: list[ApiError] = []
        self.problem: Problem | Exception | None = None
        self._open = asyncio.Event()
        self.answer()
        self.asked: list[str] = []
        self.owner = OWNER
        self.secrets: dict[str, dict[str, Any]] = {}
        self.sent: list[tuple[Verification, tuple[str, ...]]] = []

    def answer(self) -> None:
        """Answer at once; a pass waits for that however busy the machine is."""
        self._open.set()
        self._patch.setattr(module, "PATIENCE", 30.0)

    def hesitate(self) -> None:
        """Answer only after `answer`; a pass does not wait for that."""
        self._open.clear()
        self._patch.setattr(module, "PATIENCE", 0.01)

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        if self.refused:
            raise self.refused.pop()
        if resource.kind == "Secret":
            return self.secrets.get(name)
        if self.address is None:
            return None
        return {"metadata": {"ownerReferences": [{"uid": self.owner}]}, "spec": {"clusterIP": self.address}}

    async def verify(
        self, url: str, verification: Verification, kind: str, secrets: tuple[str, ...]
    ) -> Problem | None:
        self.asked.append(url)
        self.sent.append((verification, secrets))
        await self._open.wait()
        if isinstance(self.problem, Exception):
            raise self.problem
        return self.problem


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Release:
    made = Release(monkeypatch)
    monkeypatch.setattr(golden_predictions, "verify", made.verify)
    monkeypatch.setattr(golden_predictions, "WAITS", (0.0, 0.0))
    return made


@pytest.fixture
def woken() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def verifications(release: Release, woken: list[tuple[str, str]]) -> AsyncIterator[VerificationJobs]:
    made = VerificationJobs(release, woken.append)  # type: ignore[arg-type]
    yield made
    await asyncio.wait_for(made.close(), 60)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for is told by nobody
            await asyncio.sleep(0.005)


async def test_nobody_asked_yet(verifications: VerificationJobs) -> None:
    assert verifications.state(KEY, "1") is None


async def test_right_answers_are_known_when_the_pass_goes_on(
    verifications: VerificationJobs, release: Release, woken: list[tuple[str, str]]
) -> None:
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    assert verifications.state(KEY, "1") is VerificationState.PASSED
    assert release.asked == ["http://10.0.0.7:3000"]
    await until(lambda: woken == [KEY])


async def test_a_wrong_answer_is_kept_until_the_trial_changes(
    verifications: VerificationJobs, release: Release
) -> None:
    release.problem = WRONG
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    assert verifications.state(KEY, "1") == WRONG
    assert verifications.state(KEY, "2") is None


async def test_slow_answers_let_the_pass_go_and_wake_the_model(
    verifications: VerificationJobs, release: Release, woken: list[tuple[str, str]]
) -> None:
    release.hesitate()
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    assert verifications.state(KEY, "1") is VerificationState.RUNNING
    release.answer()
    await until(lambda: bool(woken))
    assert verifications.state(KEY, "1") is VerificationState.PASSED


async def test_another_trial_stops_the_one_before_it(
    verifications: VerificationJobs, release: Release
) -> None:
    release.hesitate()
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    release.answer()
    await verifications.start(MODEL, Verify("churn-2", "2", OWNER))
    assert (verifications.state(KEY, "1"), verifications.state(KEY, "2")) == (None, VerificationState.PASSED)


async def test_a_model_that_is_gone_is_forgotten(verifications: VerificationJobs, release: Release) -> None:
    release.hesitate()
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    verifications.cancel(KEY)
    verifications.cancel(KEY)
    assert verifications.state(KEY, "1") is None


async def test_an_api_server_that_is_away_is_not_the_release_s_fault(
    verifications: VerificationJobs, release: Release, woken: list[tuple[str, str]]
) -> None:
    release.refused.append(ApiError(503, "ServiceUnavailable", "etcd is away"))
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    assert verifications.state(KEY, "1") is None, "the next pass asks again"
    await until(lambda: woken == [KEY])


@pytest.mark.parametrize("address", [None, "", "None"])
async def test_a_release_without_an_address_cannot_be_asked(
    verifications: VerificationJobs, release: Release, address: str | None
) -> None:
    release.address = address
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    found = verifications.state(KEY, "1")
    assert isinstance(found, Problem)
    assert found.final
    assert found.reason is Reason.VerificationError
    assert "Service churn-1" in found.message


async def test_an_address_of_six_bytes_pairs_is_put_in_brackets(
    verifications: VerificationJobs, release: Release
) -> None:
    release.address = "fd00::7"
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    assert release.asked == ["http://[fd00::7]:3000"]


async def test_a_bug_is_no_right_answer(
    verifications: VerificationJobs, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    release.problem = RuntimeError("a bug")
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    found = verifications.state(KEY, "1")
    assert isinstance(found, Problem)
    assert found.final
    assert found.reason is Reason.VerificationError
    assert "a bug" in caplog.text


async def test_the_end_of_the_operator_is_the_end_of_its_questions(
    verifications: VerificationJobs, release: Release
) -> None:
    release.hesitate()
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    await asyncio.wait_for(verifications.close(), 60)
    assert verifications.state(KEY, "1") is None


async def test_a_service_of_somebody_else_is_asked_nothing(
    verifications: VerificationJobs, release: Release
) -> None:
    release.owner = "uid-stranger"
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    held = verifications.state(KEY, "1")
    assert isinstance(held, Problem)
    assert held.reason is Reason.NameTaken
    assert release.asked == []


async def test_the_value_of_a_secret_is_sent_and_is_no_part_of_any_message(
    verifications: VerificationJobs, release: Release
) -> None:
    release.secrets["churn"] = {"data": {"token": "aHVudGVyMjI="}}
    await verifications.start(GUARDED, Verify("churn-1", "1", OWNER))
    assert verifications.state(KEY, "1") is VerificationState.PASSED
    ((sent, secrets),) = release.sent
    assert [(header.name, header.value) for header in sent.checks[0].headers] == [
        ("Authorization", "Bearer hunter22")
    ]
    assert "hunter22" in secrets


@pytest.mark.parametrize(
    ("secret", "refusal", "words"),
    [
        pytest.param(None, None, "there is no Secret churn in models; create it", id="no Secret"),
        pytest.param({"data": {"other": "eA=="}}, None, "there is no key token of Secret churn", id="no such key"),
        pytest.param({}, None, "there is no key token of Secret churn", id="an empty Secret"),
        pytest.param({"data": {"token": "Cg=="}}, None, "is empty, or has a character", id="a line break only"),
        pytest.param({"data": {"token": "w7w="}}, None, "is empty, or has a character", id="beyond ASCII"),
        pytest.param({"data": {"token": "%"}}, None, "is empty, or has a character", id="no base64"),
        pytest.param({}, ApiError(403, "Forbidden", "no"), "may not read Secret churn in models.", id="no right"),
    ],
)  # fmt: skip
async def test_a_secret_that_cannot_be_read_holds_the_release_up_and_is_tried_again(
    verifications: VerificationJobs,
    release: Release,
    monkeypatch: pytest.MonkeyPatch,
    secret: dict[str, Any] | None,
    refusal: ApiError | None,
    words: str,
) -> None:
    if secret is not None:
        release.secrets["churn"] = secret
    release.refused = [refusal] if refusal else []
    await verifications.start(GUARDED, Verify("churn-1", "1", OWNER))
    held = verifications.state(KEY, "1")
    assert isinstance(held, Problem)
    assert held.reason is Reason.SecretUnreadable
    assert words in held.message
    monkeypatch.setattr(module, "RETRY", 0.0)
    assert verifications.state(KEY, "1") is None, "it is tried again"
    release.secrets["churn"] = {"data": {"token": "aHVudGVyMjI="}}
    release.hesitate()
    await verifications.start(GUARDED, Verify("churn-1", "1", OWNER))
    assert verifications.state(KEY, "1") == held, "meanwhile the same is said"
    release.answer()
    await until(lambda: verifications.state(KEY, "1") is VerificationState.PASSED)


async def test_a_verification_that_does_not_end_has_an_end(
    verifications: VerificationJobs,
    release: Release,
    woken: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(golden_predictions, "longest", lambda verification: 0.02)
    release.hesitate()
    await verifications.start(MODEL, Verify("churn-1", "1", OWNER))
    await until(lambda: bool(woken))
    found = verifications.state(KEY, "1")
    assert isinstance(found, Problem)
    assert found.final
    assert found.reason is Reason.VerificationTimeout
    assert "did not end within 0.02 s" in found.message


async def test_the_operators_own_keys_are_masked(release: Release) -> None:
    made = VerificationJobs(release, lambda key: None, ("hidden-key",))  # type: ignore[arg-type]
    await made.start(MODEL, Verify("churn-1", "1", OWNER))
    assert "hidden-key" in release.sent[0][1]
    await made.close()
