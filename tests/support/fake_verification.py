"""Fakes of `VerificationJobs` and `GuardJobs`: the test decides which releases are bad."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from support.fake_yatai import MEMORY

from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.actions import StartGuard, Verify
from e2i.controller.core.observed import VerificationState
from e2i.controller.core.releases.trials import trial_of

Key = tuple[str, str]


class FakeVerificationJobs:
    """Finds that releases give good answers, except those with a MODE in `bad_answers`."""

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self.bad_answers: set[str] = set()
        """Values of the variable MODE."""
        self.asked: list[str] = []
        """Names of the BentoDeployments that were verified."""
        self.passed: set[tuple[Key, str]] = set()
        """Trials that passed."""
        self.slow = False
        """Whether verifications do not end."""
        self._wake = wake
        self._known: dict[Key, tuple[str, VerificationState | Problem]] = {}

    def forget_all(self) -> None:
        """Forget every result, as a restart does."""
        self._known.clear()

    def state(self, key: Key, trial: str) -> VerificationState | Problem | None:
        asked, found = self._known.get(key, ("", VerificationState.RUNNING))
        if asked != trial:
            return None
        if self.slow:
            return VerificationState.RUNNING
        if found is VerificationState.PASSED:
            self.passed.add((key, trial))
        return found

    async def start(self, model: Model, action: Verify) -> None:
        assert action.owner, "a Service of somebody else could be asked"
        self.asked.append(action.name)
        self._known[model.key] = (action.trial, self._judge(model))
        self._wake(model.key)

    def _judge(self, model: Model) -> VerificationState | Problem:
        if mode_of(model) not in self.bad_answers:
            return VerificationState.PASSED
        return Problem(
            reason=Reason.PredictionNotFinite,
            message="the answer holds NaN",
            stalled=True,
            final=True,
            http="POST /predict -> 200: NaN",
        )

    def cancel(self, key: Key) -> None:
        self._known.pop(key, None)

    async def close(self) -> None:
        return None


class FakeGuardJobs:
    """Finds a problem with each guarded release that has a MODE in `bad_metrics`."""

    def __init__(self, wake: Callable[[Key], None], clock: Callable[[], datetime]) -> None:
        self.bad_metrics: set[str] = set()
        self.known: dict[Key, tuple[str, Problem | None, datetime]] = {}
        self.services: list[str] = []
        """Whose requests are judged, for every guard that was started."""
        self.begun: list[tuple[str, datetime]] = []
        """(release, until)"""
        self.seen: Literal["unknown", "clear"] | Problem = "unknown"
        """Whether guards can judge what they read."""
        self._modes: dict[Key, str] = {}
        self._wake = wake
        self._clock = clock

    def forget_all(self) -> None:
        """Forget every guard, as a restart does."""
        self.known.clear()

    def spoil(self, mode: str) -> None:
        """From now on the metrics of releases with this MODE are bad."""
        self.bad_metrics.add(mode)
        for key in self.known:
            self._wake(key)

    def is_guarding(self, key: Key, trial: str) -> bool:
        watched, problem, until = self.known.get(key, ("", None, self._clock()))
        return watched == trial and (problem is not None or self._clock() < until)

    def problem(self, key: Key, trial: str) -> Problem | None:
        if not self.is_guarding(key, trial):
            return None
        watched, problem, until = self.known[key]
        if problem is None and self._modes[key] in self.bad_metrics:
            problem = Problem(
                reason=Reason.ErrorRatioExceeded, message="9 of 10 requests to the release failed"
            )
            self.known[key] = (watched, problem, until)
        return problem

    def sight(self, key: Key, trial: str) -> Literal["unknown", "clear"] | Problem:
        return self.seen if self.is_guarding(key, trial) else "unknown"

    def start(self, model: Model, action: StartGuard) -> None:
        assert action.trial == trial_of(model, action.release)
        assert action.service, "without it the bento's internal calls would be judged"
        self.begun.append((action.release, action.until))
        self.services.append(action.service)
        self.known[model.key] = (action.trial, None, action.until)
        self._modes[model.key] = mode_of(model)
        self._wake(model.key)

    def cancel(self, key: Key) -> None:
        self.known.pop(key, None)

    async def close(self) -> None:
        return None


def mode_of(model: Model) -> str:
    memory = MEMORY.get(dict(model.shape.limits).get("memory", ""), "")
    return dict(model.shape.env).get("MODE", memory)
