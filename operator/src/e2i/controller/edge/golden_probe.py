"""Asks what serves its golden predictions from time to time: where few callers ask, their errors come too late.

What it finds is a metric and a line of the log. No pass waits for it, and no release is condemned by it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.metrics.operator_series import Probed
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.verification.identity import judged_by
from e2i.controller.edge.golden_predictions import ask
from e2i.controller.edge.model_children import ModelChildren
from e2i.controller.edge.rounds import go_round
from e2i.controller.edge.work_queue import Key
from e2i.kube import ApiError, Kube

AT_ONCE = 4
"""Models that are asked at the same time."""

logger = logging.getLogger("e2i")


class Ask(Protocol):
    """Asks the release of a BentoDeployment with this name and uid."""

    def __call__(self, model: Model, name: str, owner: str) -> Awaitable[Problem | None]: ...


@dataclass
class _Subject:
    """A release that serves, and how it answered last; `passed` is None as long as nobody knows."""

    model: Model
    release: str
    name: str
    owner: str
    passed: bool | None = None

    def asks_as(self, other: _Subject) -> bool:
        """Whether the same release is asked the same."""
        mine, others = judged_by(self.model.rollout), judged_by(other.model.rollout)
        return (self.release, mine.identity) == (other.release, others.identity)


class GoldenProbe:
    """The releases that serve and have golden predictions. Belongs to the event loop."""

    def __init__(self, ask: Ask, children: ModelChildren, period: float) -> None:
        self._ask = ask
        self._children = children
        self._period = period
        self._subjects: dict[Key, _Subject] = {}

    @property
    def results(self) -> Mapping[Key, Probed]:
        """The last answer of each model that could be asked."""
        return {
            key: Probed(each.release, each.passed)
            for key, each in self._subjects.items()
            if each.passed is not None
        }

    def follow(self, here: Situation) -> None:
        """Ask the release that serves from now on, by the golden predictions of the spec."""
        model, release = here.model, here.serving
        child = here.seen.deployment(release)
        if release is None or child is None or not judged_by(model.rollout).checks:
            self.forget(model.key)
            return
        subject, before = _Subject(model, release, child.name, child.uid), self._subjects.get(model.key)
        if before and before.asks_as(subject):
            subject.passed = before.passed
        self._subjects[model.key] = subject

    def forget(self, key: Key) -> None:
        """Ask the model no more."""
        self._subjects.pop(key, None)

    async def run(self) -> None:
        """Ask all models without end."""
        while True:
            await asyncio.sleep(self._period)
            await self.ask_all()

    async def ask_all(self) -> None:
        """Ask each model once."""
        await go_round(self._subjects, AT_ONCE, self._visit)

    async def _visit(self, key: Key) -> None:
        try:
            await self._ask_one(key)
        except Exception:
            # Of one model: a bug must not keep the others from being asked.
            logger.exception("%s/%s: its golden predictions could not be asked", *key)

    async def _ask_one(self, key: Key) -> None:
        asked = self._subjects.get(key)
        if asked is None:
            return
        if not self._children.release_addresses(key, asked.release):
            asked.passed = None  # It is parked, or its pods start: the condition Ready says so.
            return
        try:
            problem = await self._ask(asked.model, asked.name, asked.owner)
        except ApiError:
            return  # Nobody knows more than before; the API server has alerts of its own.
        now = self._subjects.get(key)
        if now and now.asks_as(asked):
            _note(key, now, problem)


def _note(key: Key, subject: _Subject, problem: Problem | None) -> None:
    """Keep what a release answered; only a change is logged."""
    if problem and not problem.final:
        subject.passed = None  # It could not be asked, which is not its fault.
        return
    if problem and subject.passed is not False:
        logger.warning(
            "%s/%s: golden predictions of release %s, which serves, fail: %s",
            *key,
            subject.release,
            problem.message,
            extra={"reason": problem.reason.name},
        )
    if problem is None and subject.passed is False:
        logger.info("%s/%s: golden predictions of release %s pass again", *key, subject.release)
    subject.passed = problem is None


def golden_probe(
    period: int, kube: Kube, children: ModelChildren, secrets: tuple[str, ...]
) -> GoldenProbe | None:
    """Return the probe of the settings; None with E2I_PROBE_SECONDS=0."""
    return GoldenProbe(partial(ask, kube, secrets=secrets), children, period) if period else None
