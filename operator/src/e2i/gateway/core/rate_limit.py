"""A token bucket for each caller. Pure: the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """Requests a second in the long run, and how many may come at once."""

    per_second: float
    burst: int


@dataclass(frozen=True)
class Bucket:
    """Tokens that were left at a time (seconds of a monotonic clock)."""

    tokens: float
    at: float


def take(bucket: Bucket | None, rate: Rate, now: float) -> tuple[Bucket, float]:
    """Take a token; return the bucket afterwards and the seconds to wait, 0 if there was one.

    rate 2/s, burst 3: three at once -> 0, 0, 0; the fourth -> 0.5; half a second later -> 0
    """
    if bucket is None:
        bucket = Bucket(rate.burst, now)
    tokens = min(rate.burst, bucket.tokens + max(0.0, now - bucket.at) * rate.per_second)
    if tokens >= 1:
        return Bucket(tokens - 1, now), 0.0
    return Bucket(tokens, now), (1 - tokens) / rate.per_second
