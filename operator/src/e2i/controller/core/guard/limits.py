"""Compares the requests of a release after the switch with the limits of spec.rollout.watch. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api.conditions import Reason
from e2i.api.fields import Fields
from e2i.api.plain_text import clean
from e2i.api.problem import Problem
from e2i.controller.core.guard.samples import Sample

SHARE = 0.99
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s)")


@dataclass(frozen=True, kw_only=True)
class GuardLimits:
    """Limits of spec.rollout.watch; None: no such limit."""

    seconds: int
    max_error_ratio: float | None
    max_latency_p99: float | None
    """Seconds."""
    min_requests: int = 20


def parse_limits(watch: Mapping[str, Any]) -> GuardLimits:
    """Parse spec.rollout.watch. ValueError names an invalid value."""
    fields = Fields(watch, "spec.rollout.watch")
    ratio, latency = fields.text("maxErrorRatio"), fields.text("maxLatencyP99")
    return GuardLimits(
        seconds=fields.number("seconds", least=0),
        max_error_ratio=_ratio(ratio) if ratio else None,
        max_latency_p99=_seconds(latency) if latency else None,
        min_requests=fields.number("minRequests", GuardLimits.min_requests),
    )


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = math.nan
    if not 0 <= ratio <= 1:
        raise ValueError(
            f"spec.rollout.watch.maxErrorRatio {clean(text, 64)!r} is not a number from 0 to 1: write for instance 0.05"
        )
    return ratio


def _seconds(text: str) -> float:
    """Parse a duration: 500ms -> 0.5; 1.5s -> 1.5"""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"spec.rollout.watch.maxLatencyP99 {clean(text, 64)!r} is not a duration: write for instance 500ms or 1.5s"
        )
    return float(match[1]) / (1000 if match[2] == "ms" else 1)


def judge(limits: GuardLimits, sample: Sample) -> Problem | None:
    """Return the limit that the requests since the switch exceed; None if none, or below `min_requests`."""
    if sample.requests < max(limits.min_requests, 1):
        return None
    ratio, limit = sample.errors / sample.requests, limits.max_error_ratio
    if limit is not None and ratio > limit:
        return Problem(
            reason=Reason.ErrorRatioExceeded,
            message=f"{sample.errors:.0f} of {sample.requests:.0f} requests since the switch were answered with a "
            f"status of 500 or above: a ratio of {ratio:.3g}, where spec.rollout.watch.maxErrorRatio allows {limit:g}",
        )
    longest, around = limits.max_latency_p99, bounds_of(SHARE, sample.buckets)
    if longest is not None and around is not None and around[0] >= longest:
        return Problem(
            reason=Reason.LatencyExceeded,
            message=f"more than 1 % of the {sample.requests:.0f} requests since the switch took longer than "
            f"{_time(around[0])}, where spec.rollout.watch.maxLatencyP99 allows {_time(longest)}. "
            "Give the release more CPU, or allow more",
        )
    return None


def unclear(limits: GuardLimits, sample: Sample) -> Problem | None:
    """Return that the latency cannot be judged: the limit lies inside of the bucket that has the percentile.

    None if it can be judged, is not limited, or if there are fewer requests than `min_requests`.
    """
    if limits.max_latency_p99 is None or sample.requests < max(limits.min_requests, 1):
        return None
    longest, around = limits.max_latency_p99, bounds_of(SHARE, sample.buckets)
    if around is not None and not around[0] < longest < around[1]:
        return None
    advice = f"Give metrics.duration.buckets of the service a bound of {longest:g} s, or choose a limit that is a bound"
    if around is None:
        seen = "the metrics have no durations of requests"
    else:
        seen = (
            f"BentoML counts durations in buckets, and after {sample.requests:.0f} requests the 99th percentile was "
            f"in the one from {_time(around[0])} to {_time(around[1])}"
        )
    return Problem(
        reason=Reason.LatencyUnclear,
        message=f"spec.rollout.watch.maxLatencyP99 {_time(longest)} could not be judged: {seen}. {advice}",
    )


def bounds_of(share: float, buckets: tuple[tuple[float, float], ...]) -> tuple[float, float] | None:
    """Return the bounds of the bucket with the request that this share of the requests did not exceed, or None.

    (lower, upper], in seconds. Where it lies between them is not known, so an estimate must not condemn a release:
    requests of 86 ms in a bucket from 0 to 1 s have an estimated 99th percentile of 990 ms.
    """
    if not buckets or buckets[-1][1] <= 0:
        return None
    rank, lower = share * buckets[-1][1], 0.0
    for bound, count in buckets:
        if count >= rank:
            return lower, bound
        lower = bound
    return None


def _time(seconds: float) -> str:
    """Return the time for a message: 0.25 -> 250 ms; 1.5 -> 1.5 s"""
    if math.isinf(seconds):
        return "no end"
    return f"{seconds * 1000:.4g} ms" if seconds < 1 else f"{seconds:.4g} s"
