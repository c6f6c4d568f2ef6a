"""Verification and watch as a test decides them: the same methods as `e2i.edge.verifications` and `.watches`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from e2i.core import naming
from e2i.core.conditions import Reason
from e2i.core.model import Model
from e2i.core.observed import Finding, Trouble, Verdict

Key = tuple[str, str]


class Judges:
    """`bad_answers` and `bad_metrics` name releases by the value of their variable MODE."""

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self.bad_answers: set[str] = set()
        self.asked: list[str] = []
        """Names of the BentoDeployments that were verified."""
        self.watches = WatchJudge(wake)
        self._wake = wake
        self._known: dict[Key, tuple[str, Verdict | Finding]] = {}

    def forget_all(self) -> None:
        self._known.clear()
        self.watches.known.clear()

    def state(self, key: Key, trial: str) -> Verdict | Finding | None:
        asked, found = self._known.get(key, ("", Verdict.RUNNING))
        return found if asked == trial else None

    async def start(self, model: Model, name: str, trial: str) -> None:
        self.asked.append(name)
        self._known[model.key] = (trial, self._judge(model))
        self._wake(model.key)

    def _judge(self, model: Model) -> Verdict | Finding:
        if mode_of(model) not in self.bad_answers:
            return Verdict.PASSED
        trouble = Trouble(reason=Reason.PredictionNotFinite, message="the answer holds NaN", stalled=True)
        return Finding(trouble, http="POST /predict -> 200: NaN")

    def forget(self, key: Key) -> None:
        self._known.pop(key, None)

    async def close(self) -> None:
        return None


class WatchJudge:
    """Finds fault at once with the releases it is told of."""

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self.bad_metrics: set[str] = set()
        self.known: dict[Key, tuple[str, Trouble | None]] = {}
        self._wake = wake

    def is_watching(self, key: Key, trial: str) -> bool:
        return self.known.get(key, ("", None))[0] == trial

    def trouble(self, key: Key, trial: str) -> Trouble | None:
        return self.known[key][1] if self.is_watching(key, trial) else None

    def start(self, model: Model, release: str, trial: str, until: datetime) -> None:
        bad = mode_of(model) in self.bad_metrics
        message = f"9 of 10 requests to release {release} failed"
        trouble = Trouble(reason=Reason.ErrorRatioExceeded, message=message) if bad else None
        self.known[model.key] = (naming.trial_of(model, release), trouble)
        self._wake(model.key)

    def forget(self, key: Key) -> None:
        self.known.pop(key, None)

    async def close(self) -> None:
        return None


def mode_of(model: Model) -> str:
    return dict(model.shape.env).get("MODE", "")
