"""The recording rules: shares of failed and slow requests and quantiles, by release and by model."""

from __future__ import annotations

from collections.abc import Iterator

from support.monitoring.windows import ERROR_BUDGET, SLOW, SLOW_BUDGET, WINDOWS

Rule = dict[str, str]

OF_RELEASE = "namespace, model, release"
OF_MODEL = "namespace, model"
CALLERS = 'model!="",endpoint!~"(.*/)?(livez|readyz|healthz|metrics)"'
"""Requests of callers: probes are counted too, and those of Prometheus itself."""
ENTRY = "e2i:entry_service:info"
QUANTILES = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}


def recording_rules() -> Iterator[Rule]:
    """Return the rules in the order in which they need each other."""
    # A day long, so that the models' shares do not depend on the operator's being there.
    service = 'label_replace(last_over_time(e2i_release_info[@1d]), "runner_name", "$1", "service", "(.*)")'
    yield _rule(ENTRY, f"max by ({OF_RELEASE}, runner_name) ({service})")
    for window in WINDOWS:
        yield from _of_window(window)
    for name, quantile in QUANTILES.items():
        for level, labels in (("release", OF_RELEASE), ("model", OF_MODEL)):
            buckets = f"sum by ({labels}, le) ({_callers('duration_seconds_bucket', '5m')})"
            yield _rule(
                f"{level}:e2i_request_seconds:{name}_rate5m", f"histogram_quantile({quantile}, {buckets})"
            )
    requests = "release:e2i_requests:rate5m"
    bento = f"max by ({OF_RELEASE}, tag, digest) (e2i_release_info)"
    yield _rule(
        "bento:e2i_requests:rate5m", f"{requests} * on ({OF_RELEASE}) group_left (tag, digest) {bento}"
    )
    for kind, budget in (("errors", ERROR_BUDGET), ("slow", SLOW_BUDGET)):
        bad = f"sum_over_time(model:e2i_request_{kind}:rate5m[@30d])"
        total = "sum_over_time(model:e2i_requests:rate5m[@30d])"
        yield _rule(f"model:e2i_{kind}_budget_left:ratio30d", f"1 - {bad} / ({total} > 0) / {budget}")


def _of_window(window: str) -> Iterator[Rule]:
    requests = f"release:e2i_requests:rate{window}"
    yield _rule(requests, f"sum by ({OF_RELEASE}) ({_callers('total', window)})")
    only_failed = ',http_response_code=~"5.."'
    failed = f"sum by ({OF_RELEASE}) ({_callers('total', window, only_failed)})"
    # Where no request has failed yet, there may be no series of a failure.
    yield _rule(f"release:e2i_request_errors:rate{window}", f"{failed} or 0 * {requests}")
    bounds = (f',le="{bound}"' for bound in (SLOW, "+Inf"))
    quick, every = (
        f"sum by ({OF_RELEASE}) ({_callers('duration_seconds_bucket', window, bound)})" for bound in bounds
    )
    yield _rule(f"release:e2i_request_slow:rate{window}", f"{every} - {quick}")
    for kind in ("requests", "request_errors", "request_slow"):
        rate = f"e2i_{kind}:rate{window}"
        yield _rule(f"model:{rate}", f"sum by ({OF_MODEL}) (release:{rate})")
    for level in ("release", "model"):
        for kind in ("errors", "slow"):
            rate = f"{level}:e2i_request_{kind}:rate{window}"
            total = f"({level}:e2i_requests:rate{window} > 0)"
            yield _rule(f"{level}:e2i_request_{kind}:ratio_rate{window}", f"{rate} / {total}")


def _callers(metric: str, window: str, more: str = "") -> str:
    """Return the rates of requests of callers to the entry services: a bento counts those between its services too."""
    rate = f"rate(bentoml_service_request_{metric}{{{CALLERS}{more}}}[@{window}])"
    return f"{rate} and on ({OF_RELEASE}, runner_name) {ENTRY}"


def _rule(record: str, expr: str) -> Rule:
    return {"record": record, "expr": expr}
