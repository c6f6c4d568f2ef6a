"""The result of a deployment, and how long each phase took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The model answers, with the bento that was asked for."""

    name: str
    namespace: str
    url: str
    """The stable address inside the cluster."""
    release: str
    bento: str
    """name:version"""
    digest: str
    """sha256: over the bento's files."""
    packaged: bool
    """Whether the bento was made now, and not found."""
    timings: Mapping[str, float]
    """Seconds: `find` (with packaging, where it was needed), `push` (to a bucket), `apply`, then by what the
    E2IModel's condition Ready said meanwhile (Building, Deploying, Verifying, ...)."""
    conditions: tuple[Mapping[str, Any], ...]
    """The E2IModel's, as the API server has them."""

    def document(self) -> dict[str, Any]:
        """Return it as a value for JSON."""
        return asdict(self)


class Stopwatch:
    """Adds up seconds by phase, in the order in which the phases first came."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._phase = ""
        self._since = time.monotonic()

    def enter(self, phase: str) -> bool:
        """Begin the phase; return whether another one was under way."""
        if phase == self._phase:
            return False
        self.stop()
        self._phase = phase
        return True

    def in_phase(self) -> float:
        """Seconds since the present phase began."""
        return time.monotonic() - self._since

    def stop(self) -> None:
        now = time.monotonic()
        if self._phase:
            self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = "", now

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.enter(name)
        try:
            yield
        finally:
            self.stop()

    @property
    def seconds(self) -> dict[str, float]:
        return {phase: round(seconds, 2) for phase, seconds in self._seconds.items()}
