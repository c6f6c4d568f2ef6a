"""Verification and guard as a test decides them: the same methods as `VerificationJobs` and `GuardJobs`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.observed import Finding, Verdict

Key = tuple[str, str]


class Judges:
    """`bad_answers` and `bad_metrics` name releases by the value of their variable MODE."""

    def __init__(self, wake: Callable[[Key], None], clock: Callable[[], datetime]) -> None:
        self.bad_answers: set[str] = set()
        self.asked: list[str] = []
        """Names of the BentoDeployments that were verified."""
        self.passed: set[tuple[Key, str]] = set()
        """Trials that were found good."""
        self.slow = False
        """Whether answers are long in coming."""
        self.watches = WatchJudge(wake, clock)
        self._wake = wake
        self._known: dict[Key, tuple[str, Verdict | Finding]] = {}

    def forget_all(self) -> None:
        self._known.clear()
        self.watches.known.clear()

    def state(self, key: Key, trial: str) -> Verdict | Finding | None:
        asked, found = self._known.get(key, ("", Verdict.RUNNING))
        if asked != trial:
            return None
        if self.slow:
            return Verdict.RUNNING
        if found is Verdict.PASSED:
            self.passed.add((key, trial))
        return found

    async def start(self, model: Model, name: str, trial: str) -> None:
        self.asked.append(name)
        self._known[model.key] = (trial, self._judge(model))
        self._wake(model.key)

    def _judge(self, model: Model) -> Verdict | Finding:
        if mode_of(model) not in self.bad_answers:
            return Verdict.PASSED
        trouble = Problem(reason=Reason.PredictionNotFinite, message="the answer holds NaN", stalled=True)
        return Finding(trouble, http="POST /predict -> 200: NaN")

    def forget(self, key: Key) -> None:
        self._known.pop(key, None)

    async def close(self) -> None:
        return None


class WatchJudge:
    """Finds fault with the releases it is told of, as long as it watches them."""

    def __init__(self, wake: Callable[[Key], None], clock: Callable[[], datetime]) -> None:
        self.bad_metrics: set[str] = set()
        self.known: dict[Key, tuple[str, Problem | None, datetime]] = {}
        self.begun: list[tuple[str, datetime]] = []
        """(release, until)"""
        self._modes: dict[Key, str] = {}
        self._wake = wake
        self._clock = clock

    def spoil(self, mode: str) -> None:
        """From now on releases of this MODE do badly."""
        self.bad_metrics.add(mode)
        for key in self.known:
            self._wake(key)

    def is_watching(self, key: Key, trial: str) -> bool:
        watched, trouble, until = self.known.get(key, ("", None, self._clock()))
        return watched == trial and (trouble is not None or self._clock() < until)

    def trouble(self, key: Key, trial: str) -> Problem | None:
        if not self.is_watching(key, trial):
            return None
        watched, trouble, until = self.known[key]
        if trouble is None and self._modes[key] in self.bad_metrics:
            trouble = Problem(
                reason=Reason.ErrorRatioExceeded, message="9 of 10 requests to the release failed"
            )
            self.known[key] = (watched, trouble, until)
        return trouble

    def start(self, model: Model, release: str, trial: str, until: datetime) -> None:
        assert trial == naming.trial_of(model, release)
        self.begun.append((release, until))
        self.known[model.key] = (trial, None, until)
        self._modes[model.key] = mode_of(model)
        self._wake(model.key)

    def forget(self, key: Key) -> None:
        self.known.pop(key, None)

    async def close(self) -> None:
        return None


def mode_of(model: Model) -> str:
    return dict(model.shape.env).get("MODE", "")
