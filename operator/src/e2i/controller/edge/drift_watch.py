"""Looks from time to time at the drift of what serves, in the background: no pass and no release waits for it.

A pass says what is to be looked at and takes the verdict; only another verdict wakes the model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from e2i.api.drift_bounds import DriftBounds
from e2i.controller.core.drift.judgement import Judgement, Verdict, look, resumed
from e2i.controller.core.drift.scores import Scores, mean
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.core.releases.release import existing_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.status.drift_condition import known_drift
from e2i.controller.edge.metrics_client import read_drift
from e2i.controller.edge.model_children import ModelChildren
from e2i.controller.edge.rounds import go_round
from e2i.controller.edge.work_queue import Key
from e2i.controller.settings import Settings

AT_ONCE = 8
"""Models whose pods are read at the same time."""
MOST_PODS = 10
"""Pods of a release that are read: their rows are a sample that is large enough."""

logger = logging.getLogger("e2i")


class Read(Protocol):
    """Reads the drift that the pods at these addresses show."""

    def __call__(self, addresses: list[str], *, path_prefix: str) -> Awaitable[list[Scores]]: ...


@dataclass
class _Subject:
    """A release that serves."""

    release: str
    path_prefix: str
    bounds: DriftBounds
    judgement: Judgement


class DriftWatch:
    """The releases that serve, and what their pods showed. Belongs to the event loop."""

    def __init__(
        self,
        children: ModelChildren,
        wake: Callable[[Key], None],
        network: PodNetwork,
        period: float,
        read: Read = read_drift,
    ) -> None:
        self._children = children
        self._wake = wake
        self._network = network
        self._period = period
        self._read = read
        self._subjects: dict[Key, _Subject] = {}

    def follow(self, here: Situation) -> None:
        """Look at the release that serves from now on, by the bounds of the spec."""
        key, release = here.model.key, here.serving
        child = here.seen.deployment(release)
        if release is None or child is None:
            self.forget(key)
            return
        subject = self._subjects.get(key)
        if subject is None or subject.release != release:
            judgement = resumed(known_drift(here.model.status, release))
            subject = self._subjects[key] = _Subject(release, "", here.model.drift, judgement)
        subject.bounds = here.model.drift
        subject.path_prefix = existing_release(here.seen, child).artifact.path_prefix

    def verdict(self, key: Key, release: str) -> Verdict | Literal["unknown"]:
        """Return the features that have drifted of the inputs of the release, if it was looked at often enough."""
        subject = self._subjects.get(key)
        known = subject.judgement.verdict if subject and subject.release == release else None
        return "unknown" if known is None else known

    def forget(self, key: Key) -> None:
        """Look at the model no more."""
        self._subjects.pop(key, None)

    async def run(self) -> None:
        """Look at all models without end."""
        while True:
            await asyncio.sleep(self._period)
            await self.look_at_all()

    async def look_at_all(self) -> None:
        """Look at each model once."""
        await go_round(self._subjects, AT_ONCE, self._visit)

    async def _visit(self, key: Key) -> None:
        try:
            await self._look_at(key)
        except Exception:
            # Of one model: a bug must not blind the operator for the others.
            logger.exception("%s/%s: the drift of its inputs could not be looked at", *key)

    async def _look_at(self, key: Key) -> None:
        subject = self._subjects.get(key)
        if subject is None:
            return
        addresses = self._children.release_addresses(key, subject.release)[:MOST_PODS]
        pods = [self._network.reach(address) for address in addresses]
        scores = mean(await self._read(pods, path_prefix=subject.path_prefix)) if pods else {}
        before = subject.judgement.verdict
        subject.judgement = look(subject.judgement, scores, subject.bounds)
        if subject.judgement.verdict != before and self._subjects.get(key) is subject:
            self._wake(key)


def drift_watch(
    settings: Settings, children: ModelChildren, wake: Callable[[Key], None]
) -> DriftWatch | None:
    """Return the watch of the settings; None with E2I_DRIFT_SECONDS=0."""
    if settings.drift_seconds == 0:
        return None
    return DriftWatch(children, wake, settings.pod_network, settings.drift_seconds)
