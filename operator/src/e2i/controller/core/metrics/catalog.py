"""Every metric of the operator: its name, its labels, and how many series it can have. Pure.

Names of controller-runtime are used where it has one, so that existing dashboards and habits work. The reference page
is made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

CONTROLLER = "e2imodel"
"""Value of the label `controller`, and of `name` for the work queue."""

ONE = "1"
OF_A_MODEL = "1 for each model"
SECONDS_OF_A_PASS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SECONDS_OF_AN_EXPORT = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
SECONDS_OF_A_RELEASE = (5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)


class Kind(Enum):
    """How Prometheus reads a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    series: str = ONE
    """How many series it can have; a histogram has as many for each of its buckets."""
    buckets: tuple[float, ...] = ()


def _counter(name: str, text: str, labels: tuple[str, ...] = (), series: str = ONE) -> Metric:
    return Metric(name=name, kind=Kind.COUNTER, text=text, labels=labels, series=series)


def _gauge(name: str, text: str, labels: tuple[str, ...] = (), series: str = ONE) -> Metric:
    return Metric(name=name, kind=Kind.GAUGE, text=text, labels=labels, series=series)


def _histogram(name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()) -> Metric:
    return Metric(name=name, kind=Kind.HISTOGRAM, text=text, labels=labels, buckets=buckets)


_BY_CONTROLLER, _BY_NAME = ("controller",), ("name",)
_MODEL = ("namespace", "model")

# Passes, as controller-runtime counts them.
RECONCILES = _counter(
    "controller_runtime_reconcile_total",
    "Passes by their result: success, error, requeue (something was changed), requeue_after.",
    ("controller", "result"),
    "4",
)
RECONCILE_ERRORS = _counter(
    "controller_runtime_reconcile_errors_total", "Passes that failed.", _BY_CONTROLLER
)
RECONCILE_SECONDS = _histogram(
    "controller_runtime_reconcile_time_seconds", "Seconds of a pass.", SECONDS_OF_A_PASS, _BY_CONTROLLER
)
WORKERS = _gauge("controller_runtime_active_workers", "Passes that are running.", _BY_CONTROLLER)
DEPTH = _gauge("workqueue_depth", "Models that wait for a pass.", _BY_NAME)
ADDS = _counter("workqueue_adds_total", "Models that were put on the queue.", _BY_NAME)
WAIT_SECONDS = _histogram(
    "workqueue_queue_duration_seconds",
    "Seconds that a model waited for its pass.",
    SECONDS_OF_A_PASS,
    _BY_NAME,
)
WORK_SECONDS = _histogram(
    "workqueue_work_duration_seconds",
    "Seconds that the queue's work on a model took.",
    SECONDS_OF_A_PASS,
    _BY_NAME,
)
RETRIES = _counter(
    "workqueue_retries_total", "Models that were put back because their pass failed.", _BY_NAME
)
LONGEST = _gauge(
    "workqueue_longest_running_processor_seconds", "Age of the oldest pass that is running.", _BY_NAME
)
REST_REQUESTS = _counter(
    "rest_client_requests_total",
    "Requests to the API server by status; `<error>` without an answer.",
    ("code", "method"),
    "5 methods times the statuses of the API server",
)
LEADER = _gauge("leader_election_master_status", "1 for the active operator, 0 for a standby.", _BY_NAME)

# The operator.
BUILD_INFO = _gauge("e2i_build_info", "Always 1; the version of the operator.", ("version",))
MODELS = _gauge("e2i_models", "Models by their condition Ready.", ("ready", "reason"), "3 times the reasons")
RELEASES = _counter(
    "e2i_releases_total",
    "Releases by what became of them: Served, RolledBack (after it had the address), Failed (before), Overtaken.",
    ("result",),
    "4",
)
LEAD_SECONDS = _histogram(
    "e2i_release_lead_seconds",
    "Seconds from the sight of a changed model to the moment when its release has the address.",
    SECONDS_OF_A_RELEASE,
)
ROLLBACKS = _counter("e2i_rollbacks_total", "Rollbacks by their cause.", ("reason",), "the reasons")
VERIFICATIONS = _counter(
    "e2i_verifications_total",
    "Verifications by golden predictions: passed, failed, held_up (by somebody else than the release).",
    ("result",),
    "3",
)
EXPORTS = _counter(
    "e2i_exports_total",
    "Exports that ended, each try: exported, refused (the bento cannot be exported as it is), failed (all else).",
    ("result",),
    "3",
)
EXPORT_BYTES = _counter("e2i_export_bytes_total", "Bytes of the archives that were uploaded.")
EXPORT_SECONDS = _histogram(
    "e2i_export_seconds", "Seconds of an export, with its wait.", SECONDS_OF_AN_EXPORT
)
EXPORTS_HUNG = _gauge("e2i_exports_hung", "Exports that were given up and whose threads do not return.")
ARCHIVES_MISSING = _gauge(
    "e2i_archives_missing",
    "Archives of models that the last look, every ten minutes, found missing in the bucket and could not export again.",
)
S3_REQUESTS = _counter(
    "e2i_s3_requests_total",
    "Requests to the S3 server by operation and status; `<error>` without an answer.",
    ("operation", "code"),
    "13 operations times the statuses of the server",
)
ACTIONS = _counter("e2i_actions_total", "Actions of passes, by their kind.", ("action",), "the actions")
ACTION_FAILURES = _counter(
    "e2i_action_failures_total",
    "Actions that failed, by their kind and the reason.",
    ("action", "reason"),
    "the actions times the reasons",
)
WATCH_AGE = _gauge(
    "e2i_watch_age_seconds",
    "Seconds since the API server last said something of a kind.",
    ("kind",),
    "9 kinds",
)
WATCH_FAILING = _gauge(
    "e2i_watch_failing", "1 while a kind cannot be listed or watched.", ("kind",), "9 kinds"
)
BUILDS = _gauge(
    "e2i_builds",
    "Images that are asked for: waiting (nobody builds them yet), running, failed.",
    ("state",),
    "3",
)

# Each model, from its status, at the moment of the scrape: a deleted model has no series.
MODEL_READY = _gauge("e2i_model_ready", "1 if the model is Ready, else 0.", (*_MODEL, "reason"), OF_A_MODEL)
RELEASE_INFO = _gauge(
    "e2i_release_info",
    "Always 1; the bento of each release that has a BentoDeployment, and its entry service. `role`: serving, desired, "
    "or kept.",
    (*_MODEL, "release", "tag", "digest", "service", "role"),
    "1 for each BentoDeployment: mostly one for each model, two during a release",
)
REPLICAS = _gauge("e2i_model_replicas", "Pods of the release that has the address.", _MODEL, OF_A_MODEL)
READY_REPLICAS = _gauge("e2i_model_ready_replicas", "Those of them that are ready.", _MODEL, OF_A_MODEL)
MAX_REPLICAS = _gauge(
    "e2i_model_max_replicas", "spec.autoscaling.maxReplicas.", _MODEL, "1 for each model with an autoscaler"
)
QUARANTINED = _gauge(
    "e2i_model_quarantined",
    "1 while the release that the spec asks for is not tried any more, because it failed.",
    (*_MODEL, "release", "reason"),
    "1 for each model in this state",
)
ROLLED_BACK_AT = _gauge(
    "e2i_model_rolled_back_timestamp_seconds",
    "When the model's last rollback ended, as long as its history has it.",
    (*_MODEL, "release", "reason"),
    "1 for each model that had one",
)
CANARY_WEIGHT = _gauge(
    "e2i_model_canary_weight_ratio",
    "Share of the requests that a canary has.",
    (*_MODEL, "release"),
    "1 for each model with a canary",
)
CANARY_STEP_AT = _gauge(
    "e2i_model_canary_step_timestamp_seconds",
    "When the present step of a canary began.",
    (*_MODEL, "release"),
    "1 for each model with a canary",
)
DRIFTED = _gauge(
    "e2i_model_drifted",
    "1 while inputs of the release that serves are distributed otherwise than in its training data, else 0.",
    (*_MODEL, "release"),
    "1 for each model whose bento shows drift",
)
PROBE = _gauge(
    "e2i_model_probe_success",
    "1 if the release that serves answered its golden predictions rightly when it was asked last, else 0; only with "
    "E2I_PROBE_SECONDS.",
    (*_MODEL, "release"),
    "1 for each model that has golden predictions",
)
OOM_KILLED_AT = _gauge(
    "e2i_model_oom_killed_timestamp_seconds",
    "When a container of the release's pods last ended because it used more memory than its limit.",
    (*_MODEL, "release"),
    "1 for each release whose pods show such an end",
)

OF_THE_MODELS = (
    MODEL_READY,
    RELEASE_INFO,
    REPLICAS,
    READY_REPLICAS,
    MAX_REPLICAS,
    QUARANTINED,
    ROLLED_BACK_AT,
    CANARY_WEIGHT,
    CANARY_STEP_AT,
    DRIFTED,
    PROBE,
    OOM_KILLED_AT,
)
METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them, in the order of this page."""
