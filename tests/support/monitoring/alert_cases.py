"""For each alert the series with which it must fire, and those just below its bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MODEL = 'namespace="models",model="churn"'
RELEASE = f'{MODEL},release="r2"'
FAILED = '{code="<error>",operation="PutObject"}'
ANSWERED = '{code="200",operation="PutObject"}'
ABSENT = "_"

Values = Mapping[str, str]
"""A value for each series: 3 stays, +3 rises by 3 with each sample, _ is no sample."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One alert, with its series in two states. Each state lasts `steps` samples, `every` apart."""

    alert: str
    bad: Values
    good: Values
    """The same series, just below the bound."""
    labels: str = ""
    """What its series has beside the name, to tell it from others of that name."""
    fires_when_absent: bool = False
    every: str = "1m"
    steps: int = 59
    """Samples of each state; less than an hour, which is the bound of a rollback's age."""


def cases() -> Iterator[Case]:
    """Return a case for each way in which an alert fires."""
    yield from _of_requests()
    yield from _of_models()
    yield from _of_inputs()
    yield from _of_operator()
    yield from _of_what_it_needs()
    yield from _of_gateway()


def _requests(failed: float, slow: float) -> Values:
    """1000 requests with each sample, so many of which fail, and so many take longer than 0.1 s."""
    of = f'{RELEASE},endpoint="/predict",runner_name="churn_model"'
    probes = f'{RELEASE},endpoint="/readyz",runner_name="churn_model"'
    inner = f'{RELEASE},endpoint="/predict",runner_name="inner"'
    bucket, total = "bentoml_service_request_duration_seconds_bucket", "bentoml_service_request_total"
    return {
        f'e2i_release_info{{{RELEASE},tag="churn:2",digest="sha256:a",service="churn_model",role="serving"}}': "1",
        f'{total}{{{of},http_response_code="200"}}': f"+{1000 - failed:g}",
        f'{total}{{{of},http_response_code="500"}}': f"+{failed:g}",
        # Neither probes nor the calls between the services of a bento count.
        f'{total}{{{probes},http_response_code="500"}}': "+1000",
        f'{total}{{{inner},http_response_code="500"}}': "+1000",
        f'{bucket}{{{of},le="0.1"}}': f"+{1000 - slow:g}",
        f'{bucket}{{{of},le="0.25"}}': "+1000",
        f'{bucket}{{{of},le="+Inf"}}': "+1000",
    }


def _of_requests() -> Iterator[Case]:
    burns = (
        ("1h", 14.4, 720, "1m", 120),
        ("6h", 6, 300, "5m", 120),
        ("1d", 3, 150, "30m", 80),
        ("3d", 1, 50, "1h", 110),
    )
    for window, failed, slow, every, steps in burns:
        for alert, above, below in (
            ("E2IErrorBudgetBurn", (failed * 1.02, 0), (failed * 0.98, 0)),
            ("E2ILatencyBudgetBurn", (0, slow * 1.02), (0, slow * 0.98)),
        ):
            yield Case(
                alert=alert,
                labels=f'long_window="{window}"',
                bad=_requests(*above),
                good=_requests(*below),
                every=every,
                steps=steps,
            )
    yield Case(alert="E2IHighErrorRate", bad=_requests(10.2, 0), good=_requests(9.8, 0))
    yield Case(alert="E2IHighLatency", bad=_requests(0, 51), good=_requests(0, 49))


def _of_models() -> Iterator[Case]:
    crashing, paused = (
        f'e2i_model_ready{{{MODEL},reason="{reason}"}}' for reason in ("CrashLoop", "CanaryPaused")
    )
    yield Case(
        alert="E2IModelNotReady", bad={crashing: "0", paused: ABSENT}, good={crashing: ABSENT, paused: "0"}
    )
    probe = f"e2i_model_probe_success{{{RELEASE}}}"
    yield Case(alert="E2IGoldenPredictionsFail", bad={probe: "0"}, good={probe: "1"})
    rolled = f'e2i_model_rolled_back_timestamp_seconds{{{RELEASE},reason="PodsLost"}}'
    yield Case(alert="E2IRollbackHappened", bad={rolled: "0"}, good={rolled: "-120"})
    quarantined = f'e2i_model_quarantined{{{RELEASE},reason="CrashLoop"}}'
    yield Case(alert="E2IReleaseQuarantined", bad={quarantined: "1"}, good={quarantined: ABSENT})
    begun = f"e2i_model_canary_step_timestamp_seconds{{{RELEASE}}}"
    # The test's clock begins at 0, and a day has 86400 s: after an hour this step is a minute too old, or too young.
    yield Case(alert="E2ICanaryWaitsTooLong", bad={begun: "-82920"}, good={begun: "-79200"})
    killed = f"e2i_model_oom_killed_timestamp_seconds{{{RELEASE}}}"
    yield Case(alert="E2IOomKilled", bad={killed: "0"}, good={killed: "-120"})
    # Three ends are two changes.
    yield Case(alert="E2IOomKilledAgain", bad={killed: "+60"}, good={killed: "5"})
    yield Case(alert="E2IOomKilledAgain", bad={killed: "+60"}, good={killed: ABSENT}, steps=30)
    deleting = f'e2i_model_ready{{{MODEL},reason="Deleting"}}'
    yield Case(alert="E2IDeletionStuck", bad={deleting: "0"}, good={deleting: ABSENT}, every="5m")
    pods, most = f"e2i_model_replicas{{{MODEL}}}", f"e2i_model_max_replicas{{{MODEL}}}"
    yield Case(alert="E2ICapacityAtMax", bad={pods: "4", most: "4"}, good={pods: "3", most: "4"})
    ready, seen = f"e2i_model_ready_replicas{{{MODEL}}}", f"bentoml_service_request_total{{{RELEASE}}}"
    yield Case(alert="E2IMetricsAbsent", bad={ready: "1", seen: ABSENT}, good={ready: "1", seen: "0"})


def _of_inputs() -> Iterator[Case]:
    drifted = f"e2i_model_drifted{{{RELEASE}}}"
    yield Case(alert="E2IDriftDetected", bad={drifted: "1"}, good={drifted: "0"})
    lost, written = (
        f'e2i_captured_rows_total{{{RELEASE},result="{result}"}}' for result in ("lost", "written")
    )
    yield Case(alert="E2ICaptureLags", bad={lost: "+1", written: "+1"}, good={lost: "7", written: "+1"})


def _of_operator() -> Iterator[Case]:
    here = 'e2i_build_info{instance="a",version="0.1.0"}'
    yield Case(alert="E2IOperatorDown", bad={here: ABSENT}, good={here: "1"}, fires_when_absent=True)
    leads, other = (
        f'leader_election_master_status{{name="{name}",instance="a"}}' for name in ("e2i-operator", "x")
    )
    yield Case(alert="E2INoLeader", bad={here: "1", leads: "0"}, good={here: "1", leads: "1"})
    # Those of other operators are somebody else's.
    yield Case(alert="E2INoLeader", labels='name="e2i-operator"', bad={here: "1", leads: "0", other: ABSENT},
               good={here: ABSENT, leads: ABSENT, other: "0"})  # fmt: skip
    errors = 'controller_runtime_reconcile_errors_total{controller="e2imodel"}'
    total = 'controller_runtime_reconcile_total{controller="e2imodel"}'
    yield Case(
        alert="E2IReconcileErrors", bad={errors: "+11", total: "+100"}, good={errors: "+9", total: "+100"}
    )
    longest = 'workqueue_longest_running_processor_seconds{name="e2imodel"}'
    yield Case(alert="E2IQueueStuck", bad={longest: "301"}, good={longest: "299"})
    depth = 'workqueue_depth{name="e2imodel"}'
    yield Case(alert="E2IQueueStuck", bad={depth: "1", total: "5"}, good={depth: "1", total: "+1"})
    age, failing = (f'e2i_watch_{what}{{kind="E2IModel"}}' for what in ("age_seconds", "failing"))
    yield Case(alert="E2IModelsUnseen", bad={age: "601", failing: "0"}, good={age: "599", failing: "0"})
    yield Case(alert="E2IModelsUnseen", bad={age: "1", failing: "1"}, good={age: "1", failing: "0"})
    yield Case(
        alert="E2IModelsUnseen",
        bad={here: "1", leads: "1", age: ABSENT},
        good={here: "1", leads: "1", age: "1"},
    )
    age, failing = 'e2i_watch_age_seconds{kind="Pod"}', 'e2i_watch_failing{kind="Pod"}'
    yield Case(alert="E2IWatchStale", bad={age: "601", failing: "0"}, good={age: "599", failing: "0"})
    yield Case(alert="E2IWatchStale", bad={age: "1", failing: "1"}, good={age: "1", failing: "0"})


def _of_what_it_needs() -> Iterator[Case]:
    """Bucket, bento store, and Yatai's operators."""
    failed, done = (f'e2i_exports_total{{result="{result}"}}' for result in ("failed", "exported"))
    yield Case(alert="E2IExportFailing", bad={failed: "+0.11", done: "7"}, good={failed: "+0.09", done: "7"})
    yield Case(alert="E2IExportFailing", bad={failed: "+1", done: "7"}, good={failed: "+1", done: "+1"})
    lost, good = (f"e2i_s3_requests_total{labels}" for labels in (FAILED, ANSWERED))
    yield Case(alert="E2IBucketUnreachable", bad={lost: "+1", good: "7"}, good={lost: "+1", good: "+1"})
    refused = 'e2i_action_failures_total{action="WriteRecord",reason="BucketAccessDenied"}'
    yield Case(alert="E2ILedgerWriteFailing", bad={refused: "+1"}, good={refused: "7"})
    yield Case(
        alert="E2IArchivesMissing", bad={"e2i_archives_missing": "1"}, good={"e2i_archives_missing": "0"}
    )
    silent = 'e2i_models{ready="False",reason="YataiNotResponding"}'
    yield Case(alert="E2IYataiParked", bad={silent: "1"}, good={silent: ABSENT})
    waiting = 'e2i_builds{state="waiting"}'
    yield Case(alert="E2IBuildBacklog", bad={waiting: "11"}, good={waiting: "10"})


def _of_gateway() -> Iterator[Case]:
    unknown, many = (
        f'e2i_gateway_refused_total{{reason="{reason}"}}'
        for reason in ("NotAuthenticated", "ModelOverloaded")
    )
    circuit = 'e2i_gateway_circuit_state{model="models/churn"}'
    yield Case(alert="E2IGatewayCircuitOpen", bad={circuit: "2"}, good={circuit: "1"})
    # A sample each minute: just above and just below one a second.
    yield Case(alert="E2IGatewayAuthFailures", bad={unknown: "+61"}, good={unknown: "+59"})
    yield Case(alert="E2IGatewaySaturated", bad={many: "+1"}, good={many: "7"})
