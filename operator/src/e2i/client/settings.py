"""Settings of a client, with the defaults that fit a BentoML server."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class BreakerSettings:
    """When the circuit of a model opens, and for how long."""

    failure_ratio: float = 0.5
    """Part of the requests in the window that must have failed."""
    window: float = 10.0
    """Seconds that are looked at."""
    min_requests: int = 10
    """Below so many requests in the window nothing is concluded."""
    open_seconds: float = 30.0
    """How long nothing is sent before one request, the probe, finds out whether the model answers again."""
    shortest_deadline: float = 1.0
    """An exceeded deadline counts as a failure of the model from so many seconds on: a shorter one may be the
    caller's own haste, and one hasty caller must not shut out all others."""

    def __post_init__(self) -> None:
        if not 0 < self.failure_ratio <= 1:
            raise ValueError(f"failure_ratio is {self.failure_ratio}: it must be above 0 and at most 1")
        for name in ("window", "min_requests", "open_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be above 0")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a client calls models. Times are in seconds."""

    deadline: float = 10.0
    """Time for a whole call with all its attempts, unless the call or the model's endpoint says another."""
    attempts: int = 4
    """How often a request is sent at most; 1: never again."""
    first_pause: float = 0.05
    """Pause before the second attempt, without its jitter. Each further pause is twice as long."""
    longest_pause: float = 2.0
    """No pause is longer, unless the server says so with Retry-After."""
    connect_timeout: float = 2.0
    """Time for a new connection: a pod that is gone without a word costs no more than this."""
    keepalive: float = 2.0
    """An unused connection is not used again after this time. BentoML closes it after 5 s, so this must be less."""
    connection_age: float = 10.0
    """A connection is not used again at this age: a new one finds new pods and the release that serves now."""
    connections: int = 100
    """Connections to one server at the same time; further requests wait for one."""
    largest_answer: int = 64 * 2**20
    """Bytes that are read of an answer."""
    breaker: BreakerSettings = field(default_factory=BreakerSettings)

    def __post_init__(self) -> None:
        for name in ("deadline", "attempts", "connect_timeout", "keepalive", "connections", "largest_answer"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be above 0")
