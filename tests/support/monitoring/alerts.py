"""The alerts. `@5m` is a duration and `@1h@` its number of seconds, so that a test can shorten all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from support.monitoring.windows import BURNS, ERROR_BUDGET, LEAST_REQUESTS, SLOW_BUDGET, Burn

RUNBOOK = "https://github.com/e2i-dev/e2i-operator/blob/main/docs/runbook/alerts.md"
MODEL = "{{ $labels.namespace }}/{{ $labels.model }}"
REASON = (
    '{{ range printf "e2i_model_ready{namespace=%q,model=%q}" $labels.namespace $labels.model | query }}'
    "{{ .Labels.reason }}{{ end }}"
)
"""The present reason: as a label of the alert it would begin the alert anew whenever it changes."""
_FAILED = "sum by (code) (increase(rest_client_requests_total{code!~'2..|3..|404|409'}[10m]))"
FAILED_WITH = (
    f'{{{{ range query "topk(1, {_FAILED} > 0)" }}}} The API server answers most requests that fail with '
    "{{ .Labels.code }}.{{ end }}"
)
"""401: the token, 403: rights or a quota, 500: etcd or a webhook, <error>: no answer. Empty if none failed."""
OPERATOR = 'controller="e2imodel"'
REFUSED = "e2i_gateway_refused_total"
WAITS_ON_PURPOSE = "CanaryPaused|Promoting|Paused|Suspended|Deleting"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert."""

    name: str
    expr: str
    hold: str = ""
    """How long it must be true."""
    severity: str = "warning"
    """critical: somebody is woken."""
    summary: str
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def anchor(self) -> str:
        return self.name.lower()


def alerts() -> Iterator[Alert]:
    """Return all alerts."""
    for burn in BURNS:
        yield _budget(burn, "ErrorBudgetBurn", "errors", ERROR_BUDGET, "requests fail")
        yield _budget(burn, "LatencyBudgetBurn", "slow", SLOW_BUDGET, "requests are slow")
    yield from _OF_MODELS
    yield from _OF_INPUTS
    yield from _OF_OPERATOR
    yield from _OF_GATEWAY


def _budget(burn: Burn, name: str, kind: str, budget: float, what: str) -> Alert:
    limit = f"{burn.factor * budget:g}"
    long, short = (f"model:e2i_request_{kind}:ratio_rate{each}" for each in (burn.long, burn.short))
    enough = f"model:e2i_requests:rate{burn.long} * @{burn.long}@ >= {LEAST_REQUESTS}"
    return Alert(
        name=f"E2I{name}",
        expr=f"{long} > {limit} and {short} > {limit} and {enough}",
        hold=f"@{burn.hold}",
        severity=burn.severity,
        summary=f"{MODEL}: {what} {burn.factor:g} times as often as its budget of 30 days allows, over {burn.long}.",
        labels=(("long_window", burn.long), ("short_window", burn.short)),
    )


_OF_MODELS = (
    Alert(
        name="E2IHighErrorRate",
        expr="model:e2i_request_errors:ratio_rate5m > 0.01 and model:e2i_requests:rate5m > 0",
        hold="@2m",
        severity="critical",
        summary=f"{MODEL}: {{{{ $value | humanizePercentage }}}} of the requests fail.",
    ),
    Alert(
        name="E2IHighLatency",
        expr="model:e2i_request_seconds:p95_rate5m > 0.1",
        hold="@5m",
        summary=f"{MODEL}: one request of twenty takes longer than {{{{ $value | humanizeDuration }}}}.",
    ),
    Alert(
        name="E2IModelNotReady",
        expr=f'max by (namespace, model) (e2i_model_ready{{reason!~"{WAITS_ON_PURPOSE}"}}) == 0',
        hold="@15m",
        severity="critical",
        summary=f"{MODEL} is not Ready: {REASON}.",
    ),
    Alert(
        name="E2IGoldenPredictionsFail",
        expr="min by (namespace, model, release) (e2i_model_probe_success) == 0",
        hold="@5m",
        severity="critical",
        summary=f"{MODEL}: release {{{{ $labels.release }}}} serves, and its golden predictions fail.",
    ),
    Alert(
        name="E2IRollbackHappened",
        expr="time() - max by (namespace, model, release, reason) (e2i_model_rolled_back_timestamp_seconds) < @1h@",
        summary=f"{MODEL}: release {{{{ $labels.release }}}} was taken back: {{{{ $labels.reason }}}}.",
    ),
    Alert(
        name="E2IReleaseQuarantined",
        expr="max by (namespace, model, release, reason) (e2i_model_quarantined) == 1",
        summary=f"{MODEL}: release {{{{ $labels.release }}}} failed and is not tried again: {{{{ $labels.reason }}}}.",
    ),
    Alert(
        name="E2ICanaryWaitsTooLong",
        expr="time() - max by (namespace, model, release) (e2i_model_canary_step_timestamp_seconds) > @1d@",
        summary=f"{MODEL}: the canary {{{{ $labels.release }}}} has been at the same step for a day.",
    ),
    Alert(
        name="E2ICapacityAtMax",
        expr="max by (namespace, model) (e2i_model_replicas) >= max by (namespace, model) (e2i_model_max_replicas)",
        hold="@30m",
        summary=f"{MODEL} has as many pods as its autoscaler may make ({{{{ $value }}}}).",
    ),
    Alert(
        name="E2IOomKilled",
        expr="time() - max by (namespace, model, release) (e2i_model_oom_killed_timestamp_seconds) < @1h@",
        summary=f"{MODEL}: a container of release {{{{ $labels.release }}}} ended: it used more memory than its limit.",
    ),
    Alert(
        name="E2IOomKilledAgain",
        # Not of a release that is gone by now.
        expr=(
            "max by (namespace, model, release) (changes(e2i_model_oom_killed_timestamp_seconds[@1h])) >= 2 and "
            "max by (namespace, model, release) (e2i_model_oom_killed_timestamp_seconds)"
        ),
        severity="critical",
        summary=f"{MODEL}: release {{{{ $labels.release }}}} ended for memory three times or more within an hour.",
    ),
    Alert(
        name="E2IDeletionStuck",
        expr='max by (namespace, model) (e2i_model_ready{reason="Deleting"}) == 0',
        hold="@1h",
        summary=f"{MODEL} has been on its way out for an hour, and its namespace cannot go either.",
    ),
    Alert(
        name="E2IMetricsAbsent",
        expr=(
            "max by (namespace, model) (e2i_model_ready_replicas) > 0 unless on (namespace, model) "
            'count by (namespace, model) (bentoml_service_request_total{model!=""})'
        ),
        hold="@15m",
        summary=f"{MODEL} has ready pods, and Prometheus has no metrics of them.",
    ),
)

_OF_INPUTS = (
    Alert(
        name="E2IDriftDetected",
        expr="max by (namespace, model, release) (e2i_model_drifted) == 1",
        summary=f"{MODEL}: inputs or answers of release {{{{ $labels.release }}}} are not as in training any more.",
    ),
    Alert(
        name="E2ICaptureLags",
        expr='sum by (namespace, model) (increase(e2i_captured_rows_total{result="lost"}[@10m])) > 0',
        hold="@5m",
        summary=f"{MODEL}: {{{{ $value | humanize }}}} inputs were to be captured in ten minutes and were not written.",
    ),
)

_OF_OPERATOR = (
    Alert(
        name="E2IOperatorDown",
        expr="absent(e2i_build_info)",
        hold="@5m",
        severity="critical",
        summary="No operator of e2i gives metrics: releases, rollbacks and the care of models stand still.",
    ),
    Alert(
        name="E2INoLeader",
        expr="max by (name) (leader_election_master_status and on (instance) e2i_build_info) == 0",
        hold="@2m",
        severity="critical",
        summary=f"Operators are there, and none of them holds the Lease {{{{ $labels.name }}}}.{FAILED_WITH}",
    ),
    Alert(
        name="E2IReconcileErrors",
        expr=(
            f"sum(rate(controller_runtime_reconcile_errors_total{{{OPERATOR}}}[@10m])) / "
            f"(sum(rate(controller_runtime_reconcile_total{{{OPERATOR}}}[@10m])) > 0) > 0.1"
        ),
        hold="@10m",
        summary=f"{{{{ $value | humanizePercentage }}}} of the operator's passes fail.{FAILED_WITH}",
    ),
    Alert(
        name="E2IQueueStuck",
        expr=(
            'max(workqueue_longest_running_processor_seconds{name="e2imodel"}) > @5m@ or '
            '(max(min_over_time(workqueue_depth{name="e2imodel"}[@10m])) > 0 and '
            f"sum(rate(controller_runtime_reconcile_total{{{OPERATOR}}}[@10m])) == 0)"
        ),
        hold="@5m",
        severity="critical",
        summary="Models wait for the operator, and it gets no further.",
    ),
    Alert(
        name="E2IModelsUnseen",
        # The last part: an operator that leads, and cannot make its first lists.
        expr=(
            'max(e2i_watch_age_seconds{kind="E2IModel"}) > @10m@ or max(e2i_watch_failing{kind="E2IModel"}) == 1 or '
            "(max(leader_election_master_status and on (instance) e2i_build_info) == 1 unless "
            'max(e2i_watch_age_seconds{kind="E2IModel"}))'
        ),
        hold="@2m",
        severity="critical",
        summary=f"The operator cannot list or watch the models: nothing is released or rolled back.{FAILED_WITH}",
    ),
    Alert(
        name="E2IWatchStale",
        expr=(
            'max by (kind) (e2i_watch_age_seconds{kind!="E2IModel"}) > @10m@ or '
            'max by (kind) (e2i_watch_failing{kind!="E2IModel"}) == 1'
        ),
        hold="@5m",
        summary="The operator learns nothing of {{ $labels.kind }} any more.",
    ),
    Alert(
        name="E2IExportFailing",
        expr=(
            'sum(increase(e2i_exports_total{result="failed"}[@30m])) >= 3 unless '
            'sum(increase(e2i_exports_total{result="exported"}[@30m])) > 0'
        ),
        hold="@5m",
        summary="No bento could be exported for half an hour, in {{ $value | humanize }} attempts.",
    ),
    Alert(
        name="E2IBucketUnreachable",
        expr=(
            'sum(rate(e2i_s3_requests_total{code=~"<error>|5.."}[@5m])) > 0 unless '
            'sum(rate(e2i_s3_requests_total{code!~"<error>|5.."}[@5m])) > 0'
        ),
        hold="@5m",
        severity="critical",
        summary="The S3 server answers none of the operator's requests.",
    ),
    Alert(
        name="E2ILedgerWriteFailing",
        expr='sum by (reason) (rate(e2i_action_failures_total{action="WriteRecord"}[@10m])) > 0',
        hold="@10m",
        summary="Records of releases cannot be written: {{ $labels.reason }}.",
    ),
    Alert(
        name="E2IArchivesMissing",
        expr="max(e2i_archives_missing) > 0",
        hold="@15m",
        summary="{{ $value }} archives of models are missing in the bucket, and cannot be exported again.",
    ),
    Alert(
        name="E2IYataiParked",
        expr='sum by (reason) (e2i_models{reason=~"YataiNotResponding|YataiNotInstalled"}) > 0',
        hold="@5m",
        severity="critical",
        summary="{{ $value }} models wait for Yatai's controllers: {{ $labels.reason }}.",
    ),
    Alert(
        name="E2IBuildBacklog",
        expr='max(e2i_builds{state="waiting"}) > 10',
        hold="@15m",
        summary="{{ $value }} images wait for somebody to build them.",
    ),
)

_OF_GATEWAY = (
    Alert(
        name="E2IGatewayCircuitOpen",
        # While a model fails, its circuit is half open for a moment after every half minute.
        expr="max by (model) (max_over_time(e2i_gateway_circuit_state[@2m])) == 2",
        hold="@1m",
        severity="critical",
        summary="The gateway sends {{ $labels.model }} nothing, because most of its last requests failed.",
    ),
    Alert(
        name="E2IGatewayAuthFailures",
        expr=f'sum(rate({REFUSED}{{reason="NotAuthenticated"}}[@5m])) > 1',
        hold="@5m",
        summary="{{ $value | humanize }} requests a second come to the gateway without a key or token that it knows.",
    ),
    Alert(
        name="E2IGatewaySaturated",
        expr=f'sum(rate({REFUSED}{{reason="ModelOverloaded"}}[@5m])) > 0',
        hold="@5m",
        summary="The gateway refuses requests, because as many as it allows are under way to a model.",
    ),
)
