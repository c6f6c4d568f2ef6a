"""Compares the metrics of a release after the switch with the limits of spec.rollout.watch. Pure.

It reads the counters that BentoML 1.4 exposes under /metrics:

    bentoml_service_request_total{endpoint="/predict",http_response_code="200",...} 14.0
    bentoml_service_request_duration_seconds_bucket{endpoint="/predict",http_response_code="200",le="0.5",...} 14.0

A bento in the style before BentoML 1.2 has bentoml_api_server_request_... instead.

Counters only grow, except when a container starts again. So only the increase from one reading to the next is
counted, pod by pod.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from e2i.api.conditions import Reason
from e2i.api.problem import Problem

PROBES = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
QUANTILE = 0.99

# Not the parser of prometheus_client: that one takes ten times as long, and this is read every second from each pod.
_LABELS = r'(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*'
_NUMBER = r"[0-9]{1,30}(?:\.[0-9]{1,30})?(?:e[+-]?[0-9]{1,2})?"
_LINE = re.compile(
    rf"^bentoml_(?:service|api_server)_request_(total|duration_seconds_bucket)\{{({_LABELS})\}} ({_NUMBER})(?:\s|$)",
    re.M,
)
_LABEL = re.compile(r'(endpoint|http_response_code|le)="((?:[^"\\\n]|\\.)*)"')
_BOUND = re.compile(rf"{_NUMBER}|\+Inf")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s)")


@dataclass(frozen=True, kw_only=True)
class GuardLimits:
    """Limits of spec.rollout.watch; None: no such limit."""

    seconds: int
    max_error_ratio: float | None
    max_latency_p99: float | None
    """Seconds."""
    min_requests: int = 20


@dataclass(frozen=True)
class Sample:
    """Requests that were answered, without probes."""

    requests: float = 0.0
    errors: float = 0.0
    """Those with a status of 500 or above."""
    buckets: tuple[tuple[float, float], ...] = ()
    """(seconds, requests that took no longer), ascending; the last bound is infinite."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Requests that the pods of a release answered since the first reading."""

    last: Mapping[str, Sample] = field(hash=False)
    """The newest sample of each pod, by its address."""
    total: Sample = Sample()


def parse_limits(watch: Mapping[str, Any]) -> GuardLimits:
    """Parse spec.rollout.watch. ValueError names an invalid value."""
    ratio, latency = watch.get("maxErrorRatio"), watch.get("maxLatencyP99")
    return GuardLimits(
        seconds=watch["seconds"],
        max_error_ratio=None if ratio is None else _ratio(ratio),
        max_latency_p99=None if latency is None else _seconds(latency),
        min_requests=watch.get("minRequests", GuardLimits.min_requests),
    )


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = math.nan
    if not 0 <= ratio <= 1:
        raise ValueError(
            f"spec.rollout.watch.maxErrorRatio {text!r} is not a number from 0 to 1: write for instance 0.05"
        )
    return ratio


def _seconds(text: str) -> float:
    """Parse a duration: 500ms -> 0.5; 1.5s -> 1.5"""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"spec.rollout.watch.maxLatencyP99 {text!r} is not a duration: write for instance 500ms or 1.5s"
        )
    return float(match[1]) / (1000 if match[2] == "ms" else 1)


def parse_metrics(text: str) -> Sample:
    """Parse an answer of /metrics; zeros if it counts no request. Other lines are ignored."""
    requests = errors = 0.0
    buckets: defaultdict[float, float] = defaultdict(float)
    for kind, written, number in _LINE.findall(text):
        labels = dict(_LABEL.findall(written))
        if labels.get("endpoint") in PROBES:
            continue
        if kind == "total":
            requests += float(number)
            errors += float(number) if labels.get("http_response_code", "").startswith("5") else 0
        elif _BOUND.fullmatch(labels.get("le", "")):
            buckets[float(labels["le"])] += float(number)
    return Sample(requests, errors, tuple(sorted(buckets.items())))


def add(samples: Iterable[Sample]) -> Sample:
    """Return the sum of the samples."""
    requests = errors = 0.0
    buckets: defaultdict[float, float] = defaultdict(float)
    for sample in samples:
        requests += sample.requests
        errors += sample.errors
        for bound, count in sample.buckets:
            buckets[bound] += count
    return Sample(requests, errors, tuple(sorted(buckets.items())))


def since(first: Sample, last: Sample) -> Sample:
    """Return the increase from `first` to `last`, both of the same pod.

    A counter that fell shows that the container started again, with all counters at zero.
    """
    before = dict(first.buckets)
    rise = tuple((bound, count - before.get(bound, 0)) for bound, count in last.buckets)
    # Each bucket includes the shorter ones, so its increase is never smaller than theirs.
    fell = any(longer < shorter for shorter, longer in pairwise((0.0, *(count for _, count in rise))))
    if fell or len(rise) < len(before) or last.requests < first.requests or last.errors < first.errors:
        return last
    return Sample(last.requests - first.requests, last.errors - first.errors, rise)


def follow(tally: Tally | None, reading: Mapping[str, Sample]) -> Tally:
    """Add one reading of the pods, by address, to the tally. The first reading is the starting point.

    A pod that appears later starts at zero. A pod that does not answer keeps its last sample.
    """
    if tally is None:
        return Tally(last=dict(reading))
    rises = [since(tally.last.get(pod, Sample()), sample) for pod, sample in reading.items()]
    return Tally(last={**tally.last, **reading}, total=add([tally.total, *rises]))


def judge(limits: GuardLimits, sample: Sample) -> Problem | None:
    """Return the limit that the requests since the switch exceed; None if none, or below `min_requests`."""
    if sample.requests < max(limits.min_requests, 1):
        return None
    ratio, limit = sample.errors / sample.requests, limits.max_error_ratio
    if limit is not None and ratio > limit:
        return Problem(
            reason=Reason.ErrorRatioExceeded,
            message=f"{sample.errors:.0f} of {sample.requests:.0f} requests since the switch were answered with a "
            f"status of 500 or above: a ratio of {ratio:.3g}, where spec.rollout.watch.maxErrorRatio allows {limit:g}. "
            "The logs of the release's pods say why",
        )
    latency, longest = quantile(QUANTILE, sample.buckets), limits.max_latency_p99
    if latency is not None and longest is not None and latency > longest:
        return Problem(
            reason=Reason.LatencyExceeded,
            message=f"the 99th percentile of {sample.requests:.0f} requests since the switch is {_time(latency)}, "
            f"where spec.rollout.watch.maxLatencyP99 allows {_time(longest)}. Give the release more CPU, or allow more",
        )
    return None


def quantile(share: float, buckets: tuple[tuple[float, float], ...]) -> float | None:
    """Return the seconds in which this share of the requests was answered, as Prometheus estimates it, or None.

    Within a bucket the requests are assumed to be spread evenly, so only a limit that is the bound of a bucket is
    exact: 50 requests of 0.51 s, in the bucket from 0.5 s to 1 s, have an estimated p99 of 0.995 s.
    """
    if not buckets or buckets[-1][1] <= 0:
        return None
    rank = share * buckets[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank and math.isfinite(bound):
            return lower + (bound - lower) * (rank - below) / (count - below)
        if math.isfinite(bound):
            lower, below = bound, count
    # Longer than the last finite bucket.
    return lower


def _time(seconds: float) -> str:
    """Return the time for a message: 0.25 -> 250 ms; 1.5 -> 1.5 s"""
    return f"{seconds * 1000:.4g} ms" if seconds < 1 else f"{seconds:.4g} s"
