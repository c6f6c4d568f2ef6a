"""What a release's metrics say after the switch, and when that is too much."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from e2i.api.conditions import Reason
from e2i.controller.core.guard.limits import GuardLimits, bounds_of, judge, parse_limits, unclear
from e2i.controller.core.guard.samples import (
    PROBES,
    NoRequestsCounted,
    Sample,
    Tally,
    add,
    follow,
    parse_metrics,
    since,
)

LABELS = ("endpoint", "service_name", "service_version", "http_response_code", "runner_name")
BOUNDS = (0.1, 0.5, 1.0)
Request = tuple[str, int, float]
"""Endpoint, status, seconds."""


def exposed(*requests: Request, service: str = "churn", namespace: str = "bentoml_service") -> str:
    """What BentoML exposes of one service: the same families, written by the same library."""
    registry = CollectorRegistry()
    total = Counter("request_total", "-", LABELS, namespace, registry=registry)
    duration = Histogram(
        "request_duration_seconds", "-", LABELS, namespace, registry=registry, buckets=BOUNDS
    )
    Counter("request_total", "Of another server.", ["endpoint"], "other", registry=registry).labels(
        "/predict"
    ).inc()
    for endpoint, status, seconds in requests:
        labels = (endpoint, "churn", "1.0.0", str(status), service)
        total.labels(*labels).inc()
        duration.labels(*labels).observe(seconds)
    return generate_latest(registry).decode()


def a_sample(requests: float = 100, errors: float = 0, slow: float = 0) -> Sample:
    """`slow`: how many took from half a second to a second; the others took less than a tenth."""
    fast = requests - slow
    return Sample(requests, errors, ((0.1, fast), (0.5, fast), (1.0, requests), (math.inf, requests)))


def a_watch(**changed: Any) -> GuardLimits:
    return GuardLimits(**{"seconds": 60, "max_error_ratio": 0.05, "max_latency_p99": 0.5, **changed})


def test_every_limit_is_read() -> None:
    written = {"seconds": 60, "maxErrorRatio": "0.05", "maxLatencyP99": "1.5s", "minRequests": 7}
    assert parse_limits(written) == a_watch(max_latency_p99=1.5, min_requests=7)


def test_a_limit_that_is_not_written_is_none() -> None:
    assert parse_limits({"seconds": 60}) == a_watch(
        max_error_ratio=None, max_latency_p99=None, min_requests=20
    )


def test_milliseconds_are_parts_of_a_second() -> None:
    assert parse_limits({"seconds": 60, "maxLatencyP99": "250ms"}).max_latency_p99 == 0.25


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxErrorRatio", "5%"),
        ("maxErrorRatio", "1.5"),
        ("maxErrorRatio", "-1"),
        ("maxErrorRatio", "nan"),
        ("maxLatencyP99", "500"),
        ("maxLatencyP99", "1m"),
    ],
)
def test_a_limit_that_cannot_be_understood_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"spec.rollout.watch.{name} '{value}'"):
        parse_limits({"seconds": 60, name: value})


def test_requests_of_all_paths_count_but_those_of_probes() -> None:
    text = exposed(
        ("/predict", 200, 0.05), ("/predict", 500, 0.3), ("/explain", 400, 2.0),
        ("/livez", 200, 0.01), ("/readyz", 503, 9.0), ("/healthz", 200, 0.01), ("/metrics", 200, 0.01),
    )  # fmt: skip
    assert parse_metrics(text) == Sample(3, 1, ((0.1, 1), (0.5, 2), (1.0, 2), (math.inf, 3)))


@pytest.mark.parametrize("status", [500, 503, 504, 599])
def test_every_status_from_500_on_is_an_error(status: int) -> None:
    assert parse_metrics(exposed(("/predict", status, 0.1))).errors == 1


def test_an_old_style_bento_counts_under_another_name() -> None:
    line = 'bentoml_api_server_request_total{endpoint="/classify",http_response_code="500"} 3.0'
    assert parse_metrics(line).errors == 3


def test_many_requests_are_written_with_an_exponent() -> None:
    line = 'bentoml_service_request_total{endpoint="/predict",http_response_code="200"} 1.25e+07'
    assert parse_metrics(line).requests == 12_500_000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(exposed(("/readyz", 200, 0.01)), id="a service that only probes asked"),
        pytest.param(
            'bentoml_service_request_duration_seconds_bucket{le="soon"} 4', id="a bound that is none"
        ),
    ],
)
def test_an_answer_that_tells_of_no_request_is_all_zeros(text: str) -> None:
    assert parse_metrics(text) == Sample()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "have no bentoml_service_request_total", id="nothing"),
        pytest.param("<html>Not found</html>", "have no bentoml_service_request_total", id="a page"),
        pytest.param('bentoml_service_request_total{endpoint="/"} NaN', "have no", id="not a number"),
        pytest.param('bentoml_service_request_total{endpoint="/"} -4', "have no", id="less than none"),
        pytest.param('bentoml_service_request_total{endpoint="/"} 4,5', "have no", id="of another country"),
        pytest.param('bentoml_service_request_total{endpoint="/} 4', "have no", id="a label without an end"),
        pytest.param(
            exposed(("/predict", 500, 0.1), namespace="acme_ml"),
            "have no bentoml_service_request_total, but acme_ml_request_total, other_request_total",
            id="renamed metrics",
        ),
        pytest.param(
            exposed(("/rank", 500, 0.1), service="ranker"),
            "count requests of ranker, but none of the entry service churn",
            id="another service only",
        ),
    ],
)
def test_an_answer_that_counts_no_callers_says_what_is_there(text: str, words: str) -> None:
    with pytest.raises(NoRequestsCounted, match=words):
        parse_metrics(text, "churn")


def test_names_of_others_are_bounded() -> None:
    text = "\n".join(
        f"{'x' * 300}{number}_request_total{{}} 1\nx{number}_request_total{{}} 1" for number in range(9)
    )
    with pytest.raises(NoRequestsCounted) as raised:
        parse_metrics(text)
    assert str(raised.value).endswith(", but x0_request_total, x1_request_total, x2_request_total")


def test_only_requests_to_the_entry_service_are_those_of_callers() -> None:
    """40 of 40 callers got 500, and each asked the inner service four times: that is no ratio of 0.2."""
    entry = exposed(*[("/v1/predict", 500, 0.3)] * 40)
    inner = exposed(*[("/embed", 200, 0.01)] * 160, service="embedder")
    assert parse_metrics(entry + inner, "churn") == parse_metrics(entry)
    assert parse_metrics(entry + inner, "churn").errors == 40
    assert parse_metrics(entry + inner).requests == 200, "nothing is known of the bento's services"


def test_an_error_that_the_entry_service_catches_is_none_of_callers() -> None:
    text = exposed(("/predict", 200, 0.1)) + exposed(("/rank", 500, 0.1), service="ranker")
    assert parse_metrics(text, "churn").errors == 0


def test_a_counter_without_the_name_of_a_service_is_that_of_the_bento() -> None:
    line = 'bentoml_api_server_request_total{endpoint="/classify",http_response_code="500"} 3.0'
    assert parse_metrics(line, "iris").errors == 3


PATHS_OF_CALLERS = st.text().filter(lambda path: path not in PROBES)


@given(st.lists(st.tuples(PATHS_OF_CALLERS, st.sampled_from([200, 404, 500]), st.floats(0, 3)), max_size=8))
@settings(deadline=None)
def test_whatever_paths_were_asked_for_every_request_counts_once(requests: list[Request]) -> None:
    sample = parse_metrics(exposed(*requests)) if requests else Sample()
    assert sample.requests == len(requests)
    assert sample.errors == sum(status == 500 for _, status, _ in requests)
    assert dict(sample.buckets) == {
        bound: sum(seconds <= bound for *_, seconds in requests) for bound in (*BOUNDS, math.inf) if requests
    }


def test_a_thousand_paths_are_read_in_a_moment() -> None:
    text = exposed(*((f"/{number}", 404, 0.1) for number in range(1000)))
    before = time.process_time()
    assert parse_metrics(text).requests == 1000
    assert time.process_time() - before < 1


def test_samples_of_two_pods_add_up() -> None:
    assert add([a_sample(10, 1), a_sample(5, 2, slow=3)]) == a_sample(15, 3, slow=3)
    assert add([]) == Sample()
    assert add([Sample(), a_sample(10)]) == a_sample(10)


def test_what_was_answered_before_does_not_count() -> None:
    assert since(a_sample(100, 50, slow=20), a_sample(130, 51, slow=22)) == a_sample(30, 1, slow=2)
    assert since(Sample(), a_sample(7)) == a_sample(7)


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(a_sample(3), id="fewer requests"),
        pytest.param(a_sample(120, 4), id="more requests, fewer errors"),
        pytest.param(a_sample(120, 5, slow=0), id="fewer slow requests"),
        pytest.param(a_sample(120, 5, slow=120), id="fewer fast requests"),
        pytest.param(Sample(120, 5), id="no durations any more"),
    ],
)
def test_a_container_that_started_again_counts_from_zero(again: Sample) -> None:
    assert since(a_sample(100, 5, slow=10), again) == again


def test_the_first_reading_is_where_the_tally_begins() -> None:
    tally = follow(None, {"a": a_sample(100, 50)})
    assert tally.total == Sample()
    assert follow(tally, {"a": a_sample(130, 51)}).total == a_sample(30, 1)


def test_a_pod_that_starts_again_does_not_hide_what_another_answered() -> None:
    tally = follow(None, {"a": a_sample(100), "b": a_sample(100)})
    tally = follow(tally, {"a": a_sample(10, 10), "b": a_sample(200)})
    assert tally.total == a_sample(110, 10)


def test_a_pod_that_comes_later_counts_from_zero() -> None:
    tally = follow(follow(None, {"a": a_sample(100)}), {"a": a_sample(100), "b": a_sample(8, 2)})
    assert tally.total.requests == 8
    assert tally.total.errors == 2


def test_a_pod_that_was_silent_once_is_not_counted_twice() -> None:
    tally = follow(None, {"a": a_sample(100), "b": a_sample(50)})
    for reading in ({"a": a_sample(110)}, {"a": a_sample(120), "b": a_sample(60)}):
        tally = follow(tally, reading)
    assert tally.total.requests == 30


def test_what_a_pod_answered_stays_when_it_is_gone() -> None:
    tally = Tally(last={"a": a_sample(10)}, total=a_sample(30, 3))
    assert follow(tally, {}).total == a_sample(30, 3)


def test_the_ratio_of_errors_is_told_with_its_limit() -> None:
    problem = judge(a_watch(), a_sample(200, 11))
    assert problem
    assert problem.reason is Reason.ErrorRatioExceeded
    assert "11 of 200 requests" in problem.message
    assert "a ratio of 0.055, where spec.rollout.watch.maxErrorRatio allows 0.05" in problem.message


def test_the_latency_is_told_with_its_limit() -> None:
    problem = judge(a_watch(), a_sample(200, slow=4))
    assert problem
    assert problem.reason is Reason.LatencyExceeded
    assert "more than 1 % of the 200 requests since the switch took longer than 500 ms" in problem.message
    assert "spec.rollout.watch.maxLatencyP99 allows 500 ms" in problem.message


@pytest.mark.parametrize(
    ("limits", "sample"),
    [
        pytest.param(a_watch(), a_sample(200, 10), id="as many errors as allowed"),
        pytest.param(
            a_watch(), a_sample(200, slow=2), id="99 of 100 within the time, which is a bucket's bound"
        ),
        pytest.param(a_watch(), a_sample(19, 19, slow=19), id="too few requests"),
        pytest.param(a_watch(min_requests=0), Sample(), id="no request at all"),
        pytest.param(a_watch(max_error_ratio=None), a_sample(200, 200), id="errors are not limited"),
        pytest.param(a_watch(max_latency_p99=None), a_sample(200, slow=200), id="the time is not limited"),
        pytest.param(a_watch(), Sample(200), id="durations are not exposed"),
        pytest.param(
            a_watch(max_latency_p99=0.7),
            a_sample(200, slow=200),
            id="somewhere between 0.5 and 1 s, limit 0.7",
        ),
    ],
)
def test_a_release_within_its_limits_is_left_alone(limits: GuardLimits, sample: Sample) -> None:
    assert judge(limits, sample) is None


def test_no_error_at_all_may_be_asked_for() -> None:
    assert judge(a_watch(max_error_ratio=0.0), a_sample(1000, 1))
    assert judge(a_watch(max_error_ratio=0.0), a_sample(1000)) is None


COARSE = ((1.0, 100.0), (2.0, 100.0), (math.inf, 100.0))


@pytest.mark.parametrize(
    ("limits", "sample", "words"),
    [
        pytest.param(
            a_watch(), Sample(100, 0, COARSE), "after 100 requests the 99th percentile was in the one from 0 ms to 1 s",
            id="all in the first bucket, and the limit in its middle",
        ),
        pytest.param(
            a_watch(), Sample(100, 0, ((math.inf, 100.0),)), "from 0 ms to no end", id="a single bucket"
        ),
        pytest.param(a_watch(), Sample(100), "have no durations", id="no durations"),
        pytest.param(a_watch(max_latency_p99=1.0), Sample(100, 0, COARSE), "", id="within the limit"),
        pytest.param(a_watch(max_latency_p99=0.05), a_sample(100, slow=9), "", id="above the limit for certain"),
        pytest.param(a_watch(max_latency_p99=None), Sample(100, 0, COARSE), "", id="no limit"),
        pytest.param(a_watch(), Sample(19, 0, COARSE), "", id="too few requests"),
    ],
)  # fmt: skip
def test_buckets_that_cannot_judge_the_limit_are_named(
    limits: GuardLimits, sample: Sample, words: str
) -> None:
    """Requests of 86 ms have an estimated percentile of 990 ms in a bucket up to 1 s."""
    found = unclear(limits, sample)
    if not words:
        assert found is None
        return
    assert found
    assert found.reason is Reason.LatencyUnclear
    assert words in found.message
    assert "a bound of 0.5 s" in found.message
    assert judge(limits, sample) is None, "what is not known condemns nobody"


@pytest.mark.parametrize(
    ("buckets", "bounds"),
    [
        pytest.param(((0.1, 100.0), (math.inf, 100.0)), (0.0, 0.1), id="all in the first bucket"),
        pytest.param(((0.1, 0.0), (0.5, 100.0), (math.inf, 100.0)), (0.1, 0.5), id="in the middle"),
        pytest.param(
            ((0.1, 99.0), (0.5, 100.0), (math.inf, 100.0)), (0.0, 0.1), id="at the bound of a bucket"
        ),
        pytest.param(
            ((0.1, 0.0), (0.5, 0.0), (math.inf, 9.0)), (0.5, math.inf), id="longer than every bucket"
        ),
        pytest.param(((math.inf, 9.0),), (0.0, math.inf), id="no bucket ends: nothing is known"),
        pytest.param(((0.1, 0.0), (math.inf, 0.0)), None, id="no request"),
        pytest.param((), None, id="no bucket"),
    ],
)
def test_the_percentile_is_only_known_by_its_bucket(
    buckets: tuple[tuple[float, float], ...], bounds: tuple[float, float] | None
) -> None:
    assert bounds_of(0.99, buckets) == bounds


@given(st.lists(st.floats(0, 0.99), min_size=1, max_size=50))
def test_the_percentile_lies_in_the_bucket_of_the_request_that_has_it(durations: list[float]) -> None:
    sample = parse_metrics(exposed(*(("/predict", 200, seconds) for seconds in durations)))
    found = bounds_of(0.99, sample.buckets)
    exact = sorted(durations)[math.ceil(0.99 * len(durations)) - 1]
    bound = next(bound for bound in BOUNDS if exact <= bound)
    assert found == (max([0.0, *(other for other in BOUNDS if other < bound)]), bound)
