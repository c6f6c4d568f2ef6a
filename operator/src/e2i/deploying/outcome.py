"""The result of a deployment, and the duration of each phase."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A successful deployment: the model serves the requested bento."""

    name: str
    namespace: str
    url: str
    """The stable address inside the cluster."""
    release: str
    bento: str
    """name:version"""
    digest: str
    """sha256:... over the files of the bento."""
    packaged: bool
    """True if this deployment packaged the bento, False if it was in the store."""
    timings: Mapping[str, float]
    """Seconds of each phase: `find` (with packaging if needed), `push` (to a bucket), `apply`, then the reasons of the
    E2IModel's condition Ready (Building, Deploying, Verifying, ...)."""
    conditions: tuple[Mapping[str, Any], ...]
    """status.conditions of the E2IModel."""

    def document(self) -> dict[str, Any]:
        """Return it as a value for JSON."""
        return asdict(self)


class Stopwatch:
    """Sum of seconds for each phase, in the order of their first start."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._phase = ""
        self._since = time.monotonic()

    def enter(self, phase: str) -> bool:
        """Begin a phase; return False if it is already the current one."""
        if phase == self._phase:
            return False
        self.stop()
        self._phase = phase
        return True

    def in_phase(self) -> float:
        """Return the seconds since the current phase began."""
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
