"""Samples of the metrics of pods: how many requests were answered, how, and how fast. Pure.

BentoML 1.4 exposes these counters under /metrics, by service (runner_name) of the bento:

    bentoml_service_request_total{endpoint="/predict",http_response_code="200",runner_name="churn",...} 14.0
    bentoml_service_request_duration_seconds_bucket{endpoint="/predict",le="0.5",runner_name="churn",...} 14.0

A bento in the style before BentoML 1.2 has bentoml_api_server_request_... instead, without runner_name.

Counters only grow, except when a container starts again. So only the increase from one reading to the next is
counted, pod by pod.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, pairwise

from e2i.controller.core.exposition import LABELS, NUMBER

PROBES = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})

_LINE = re.compile(
    rf"^bentoml_(?:service|api_server)_request_(total|duration_seconds_bucket)\{{({LABELS})\}} ({NUMBER})(?:\s|$)",
    re.M,
)
_LABEL = re.compile(r'(endpoint|http_response_code|le|runner_name)="((?:[^"\\\n]|\\.)*)"')
_BOUND = re.compile(rf"{NUMBER}|\+Inf")
_OTHER_COUNTERS = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]{0,60}_request_total)\{", re.M)
_LONGEST_KNOWN = 512
"""Characters of labels that are remembered."""
_SHOWN = 3
"""Names in a message, at most."""


class NoRequestsCounted(ValueError):
    """The metrics count no requests of callers. The message is a clause that says what is there instead."""


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


def parse_metrics(text: str, service: str = "") -> Sample:
    """Parse an answer of /metrics. NoRequestsCounted if nothing in it counts the requests of callers.

    `service`: name of the bento's entry service. The requests that it sends to the other services of its bento are
    counted in the same text, and are none of a caller. Empty: all are counted.
    """
    requests = errors = 0.0
    buckets: defaultdict[float, float] = defaultdict(float)
    counted, others = False, set[str]()
    for kind, written, number in _LINE.findall(text):
        meaning = _known_meaning if len(written) <= _LONGEST_KNOWN else _meaning
        counter, is_probe, is_error, bound = meaning(written)
        if service and counter not in ("", service):
            others.add(counter)
            continue
        counted = True
        if is_probe:
            continue
        if kind == "total":
            requests += float(number)
            errors += float(number) if is_error else 0
        elif bound is not None:
            buckets[bound] += float(number)
    if not counted:
        raise NoRequestsCounted(_what_is_there(text, service, others))
    return Sample(requests, errors, tuple(sorted(buckets.items())))


def _meaning(written: str) -> tuple[str, bool, bool, float | None]:
    """Return service, whether a probe asked, whether it failed, and the bucket's bound, of the labels of a counter."""
    labels = dict(_LABEL.findall(written))
    bound = labels.get("le", "")
    return (
        labels.get("runner_name", ""),
        labels.get("endpoint") in PROBES,
        labels.get("http_response_code", "").startswith("5"),
        float(bound) if _BOUND.fullmatch(bound) else None,
    )


_known_meaning = lru_cache(maxsize=8192)(_meaning)
"""The same, remembered: a pod has the same labels every second."""


def _what_is_there(text: str, service: str, others: set[str]) -> str:
    if others:
        names = ", ".join(sorted(others)[:_SHOWN])
        return f"count requests of {names}, but none of the entry service {service}"
    named = dict.fromkeys(match[1] for match in islice(_OTHER_COUNTERS.finditer(text), 100))
    there = f", but {', '.join(list(named)[:_SHOWN])}" if named else ""
    return f"have no bentoml_service_request_total{there}"


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
