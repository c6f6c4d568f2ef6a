"""Counts what the operator does, for Prometheus.

Each method costs microseconds. Those of S3 may be called from any thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.actions import Result
from e2i.controller.core.metrics import catalog
from e2i.controller.core.metrics.catalog import CONTROLLER, Metric
from e2i.controller.core.metrics.release_ends import RESULTS, SERVED, ReleaseEnd
from e2i.controller.core.metrics.series import Series
from e2i.controller.core.persisted_status import ROLLED_BACK
from e2i.controller.edge.work_queue import Key

NO_ANSWER = "<error>"
"""What controller-runtime's client says in place of a status."""
OF_THE_BUCKET = (Reason.BucketNotFound, Reason.BucketAccessDenied, Reason.BucketNotConfigured)
"""Reasons that a person has to remove, and that are not the bento's."""
PASS_RESULTS = ("success", "error", "requeue", "requeue_after")

# Series that say when another one was made: as many again, and nobody asks for them.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Measures:
    """The counters and histograms of one operator."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        passes = self._counter(catalog.RECONCILES)
        self._passes = {result: passes.labels(CONTROLLER, result) for result in PASS_RESULTS}
        self._errors = self._counter(catalog.RECONCILE_ERRORS).labels(CONTROLLER)
        self._pass_seconds = self._histogram(catalog.RECONCILE_SECONDS).labels(CONTROLLER)
        self._adds = self._counter(catalog.ADDS).labels(CONTROLLER)
        self._wait_seconds = self._histogram(catalog.WAIT_SECONDS).labels(CONTROLLER)
        self._work_seconds = self._histogram(catalog.WORK_SECONDS).labels(CONTROLLER)
        self._retries = self._counter(catalog.RETRIES).labels(CONTROLLER)
        self._api_requests = self._counter(catalog.REST_REQUESTS)
        self._s3_requests = self._counter(catalog.S3_REQUESTS)
        self._actions = self._counter(catalog.ACTIONS)
        self._action_failures = self._counter(catalog.ACTION_FAILURES)
        self._releases = self._counter(catalog.RELEASES)
        self._lead_seconds = self._histogram(catalog.LEAD_SECONDS)
        self._rollbacks = self._counter(catalog.ROLLBACKS)
        self._verifications = self._counter(catalog.VERIFICATIONS)
        self._exports = self._counter(catalog.EXPORTS)
        self._export_bytes = self._counter(catalog.EXPORT_BYTES)
        self._export_seconds = self._histogram(catalog.EXPORT_SECONDS)
        self._sought: dict[Key, tuple[tuple[str, int, str], float]] = {}
        """Which form of a model is being brought to its address, and since when this operator has seen it."""
        self._begin_at_zero()

    def added(self) -> None:
        """Count a model that was put on the queue."""
        self._adds.inc()

    def taken(self, waited: float) -> None:
        """Note how many seconds a model waited for its pass."""
        self._wait_seconds.observe(waited)

    def retried(self) -> None:
        """Count a model that is put back after a failure."""
        self._retries.inc()

    def pass_ended(self, result: str, seconds: float) -> None:
        """Note a pass, and one of PASS_RESULTS."""
        self._passes[result].inc()
        self._pass_seconds.observe(seconds)
        self._work_seconds.observe(seconds)
        if result == "error":
            self._errors.inc()

    def acted(self, results: Iterable[Result]) -> None:
        """Count the actions of a pass."""
        for result in results:
            action = type(result.action).__name__
            self._actions.labels(action).inc()
            if result.problem:
                self._action_failures.labels(action, result.problem.reason.name).inc()

    def asked_api(self, method: str, status: int) -> None:
        """Count a request to the API server; status 0: no answer."""
        self._api_requests.labels(str(status or NO_ANSWER), method).inc()

    def asked_s3(self, operation: str, status: int) -> None:
        """Count a request to the S3 server; status 0: no answer."""
        self._s3_requests.labels(operation, str(status or NO_ANSWER)).inc()

    def exported(self, problem: Problem | None, sent: int, seconds: float) -> None:
        """Note an export that ended, and the bytes that were uploaded."""
        is_refused = problem is not None and problem.stalled and problem.reason not in OF_THE_BUCKET
        self._exports.labels("refused" if is_refused else "failed" if problem else "exported").inc()
        self._export_bytes.inc(sent)
        self._export_seconds.observe(seconds)

    def verified(self, problem: Problem | None) -> None:
        """Count a verification that ended."""
        held_up = problem is not None and not problem.final
        self._verifications.labels("held_up" if held_up else "failed" if problem else "passed").inc()

    def sought(self, model: Model) -> None:
        """Note since when a model has had its present form: a new one begins the way of a release."""
        form = (model.uid, model.generation, model.shape.restart)
        known = self._sought.get(model.key)
        if known is None or known[0] != form:
            # What this operator found when it started began before that, nobody knows when.
            is_old = model.status.get("observedGeneration") == model.generation
            self._sought[model.key] = (form, -1.0 if is_old and known is None else time.monotonic())

    def released(self, model: Model, ends: Iterable[ReleaseEnd]) -> None:
        """Count what became of releases of a model."""
        for end in ends:
            self._releases.labels(end.result).inc()
            if end.result == ROLLED_BACK:
                self._rollbacks.labels(end.reason).inc()
            _, since = self._sought.get(model.key, (None, -1.0))
            if end.result == SERVED and since >= 0:
                self._lead_seconds.observe(time.monotonic() - since)

    def forget(self, key: Key) -> None:
        """Forget a model that is gone."""
        self._sought.pop(key, None)

    def page(self, gauges: Iterable[Series]) -> bytes:
        """Return the metrics in Prometheus' text format."""
        now = CollectorRegistry()
        now.register(_Gauges(gauges))
        return prometheus_client.generate_latest(self._registry) + prometheus_client.generate_latest(now)

    def _begin_at_zero(self) -> None:
        """Make the series with known labels: a rate begins only at a series' second value."""
        for result in RESULTS:
            self._releases.labels(result)
        for result in ("passed", "failed", "held_up"):
            self._verifications.labels(result)
        for result in ("exported", "failed", "refused"):
            self._exports.labels(result)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.text, metric.labels, registry=self._registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(
            metric.name, metric.text, metric.labels, buckets=metric.buckets, registry=self._registry
        )


class _Gauges(Collector):
    """Series that were read at the moment of a scrape, so that nothing of a deleted model is left."""

    def __init__(self, series: Iterable[Series]) -> None:
        self._series = series

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for metric, labels, value in self._series:
            family = families.get(metric.name)
            if family is None:
                family = families[metric.name] = GaugeMetricFamily(
                    metric.name, metric.text, labels=metric.labels
                )
            family.add_metric(labels, float(value))
        yield from families.values()
