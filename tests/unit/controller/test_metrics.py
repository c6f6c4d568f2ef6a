"""The value of each metric, in the situation that it is made for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from support.builders import NOON, a_deployment, a_line, a_model, a_request, at_step, failed
from support.model_bodies import a_pod
from support.s3 import free_port
from support.scraped import Scraped

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Autoscaling, Model
from e2i.api.problem import Problem
from e2i.controller.core.actions import DeleteBudget, Result
from e2i.controller.core.children import Build
from e2i.controller.core.metrics.catalog import METRICS, Kind
from e2i.controller.core.metrics.model_series import model_series
from e2i.controller.core.metrics.operator_series import (
    Family,
    Picture,
    Probed,
    Watch,
    operator_series,
    process_series,
)
from e2i.controller.core.metrics.release_ends import ReleaseEnd, release_ends
from e2i.controller.core.metrics.series import Series
from e2i.controller.core.parse import parse_child
from e2i.controller.core.pods import Pod
from e2i.controller.edge import measures as module
from e2i.controller.edge.measures import PASS_RESULTS, Measures
from e2i.controller.edge.metrics_server import MetricsServer
from e2i.controller.edge.work_queue import Queue

KEY = ("models", "churn")
DIGEST = "sha256:" + "a" * 64
RELEASE = naming.release_of(a_model(), DIGEST)
REFUSED = Problem(reason=Reason.Refused, message="no")


def ready(status: str = "True", reason: str = "Ready", **fields: Any) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": status, "reason": reason}], **fields}


def scrape(measures: Measures, series: Iterable[Series] = ()) -> Scraped:
    return Scraped(measures.page(series).decode())


def of_model(model: Model) -> Scraped:
    request = a_request(model, digest=DIGEST)
    return scrape(Measures(), model_series(model, (a_deployment(model, digest=DIGEST),), (request,)))


def a_picture(*models: Model, builds: Iterable[Build] = (), watches: Iterable[Watch] = ()) -> Picture:
    requests = tuple(a_request(build=build) for build in builds)
    return Picture(
        models=tuple(Family(model, requests=requests) for model in models),
        watches=tuple(watches),
        waiting=3,
        passes=(0.5, 7.0),
        hung=1,
        missing=2,
    )


def failing(message: str = "it broke") -> Result:
    action = DeleteBudget("churn", "u")
    return Result(action, Problem(reason=Reason.ApiUnavailable, message=message))


# Passes and the queue.


@pytest.mark.parametrize("result", PASS_RESULTS)
def test_a_pass_counts_by_its_result(result: str) -> None:
    measures = Measures()
    measures.pass_ended(result, 0.02)
    page = scrape(measures)
    counted = {each: page.value("controller_runtime_reconcile_total", result=each) for each in PASS_RESULTS}
    assert counted == {each: float(each == result) for each in PASS_RESULTS}
    assert page.value("controller_runtime_reconcile_errors_total") == float(result == "error")
    for name in ("controller_runtime_reconcile_time_seconds", "workqueue_work_duration_seconds"):
        assert page.value(f"{name}_sum") == pytest.approx(0.02)
        assert page.value(f"{name}_bucket", le="0.01") == 0
        assert page.value(f"{name}_bucket", le="0.025") == 1


async def test_the_queue_counts_what_is_added_and_how_long_it_waits() -> None:
    measures = Measures()
    queue = Queue(measures)
    for _ in range(3):
        queue.add(KEY)  # It is due once.
    queue.add(("models", "risk"))
    assert await queue.get() == KEY
    queue.failed(KEY)
    page = scrape(measures)
    assert page.value("workqueue_adds_total", name="e2imodel") == 2
    assert page.value("workqueue_queue_duration_seconds_count") == 1
    assert page.value("workqueue_retries_total") == 1
    queue.forget(KEY)


def test_the_running_passes_and_those_that_wait_are_shown() -> None:
    page = scrape(Measures(), operator_series(a_picture()))
    assert page.value("workqueue_depth") == 3
    assert page.value("controller_runtime_active_workers") == 2
    assert page.value("workqueue_longest_running_processor_seconds") == 7.0
    assert page.value("e2i_exports_hung") == 1
    assert page.value("e2i_archives_missing") == 2


@pytest.mark.parametrize("leads", [True, False])
def test_it_says_which_operator_is_the_active_one(leads: bool) -> None:
    page = scrape(Measures(), process_series("0.1.0", "e2i-operator", leads=leads))
    assert page.value("leader_election_master_status", name="e2i-operator") == float(leads)
    assert page.value("e2i_build_info", version="0.1.0") == 1


# Requests and actions.


@pytest.mark.parametrize(("status", "code"), [(200, "200"), (503, "503"), (0, "<error>")])
def test_requests_count_by_their_status(status: int, code: str) -> None:
    measures = Measures()
    measures.asked_api("PATCH", status)
    measures.asked_s3("PutObject", status)
    page = scrape(measures)
    assert page.value("rest_client_requests_total", method="PATCH", code=code) == 1
    assert page.value("e2i_s3_requests_total", operation="PutObject", code=code) == 1


def test_an_action_that_failed_counts_with_its_reason() -> None:
    measures = Measures()
    measures.acted([Result(DeleteBudget("churn", "u"), None), failing()])
    page = scrape(measures)
    assert page.value("e2i_actions_total", action="DeleteBudget") == 2
    assert page.value("e2i_action_failures_total") == 1
    assert page.labels("e2i_action_failures_total") == [
        {"action": "DeleteBudget", "reason": "ApiUnavailable"}
    ]


@pytest.mark.parametrize(
    ("problem", "result"),
    [(None, "passed"), (REFUSED, "held_up"), (replace(REFUSED, stalled=True, final=True), "failed")],
)
def test_a_verification_counts_by_its_result(problem: Problem | None, result: str) -> None:
    measures = Measures()
    measures.verified(problem)
    page = scrape(measures)
    counted = {each["result"] for each in page.labels("e2i_verifications_total")}
    assert counted == {"passed", "failed", "held_up"}
    assert page.value("e2i_verifications_total", result=result) == 1


def test_an_export_counts_with_its_bytes_and_seconds() -> None:
    measures = Measures()
    measures.exported(None, 4096, 3.0)
    away = Problem(reason=Reason.BucketUnreachable, message="it is away")
    denied = Problem(reason=Reason.BucketAccessDenied, message="it is closed", stalled=True)
    missing = Problem(reason=Reason.BentoNotFound, message="it is not there", stalled=True)
    for problem in (away, denied, missing):
        measures.exported(problem, 0, 1.0)
    page = scrape(measures)
    assert page.value("e2i_exports_total", result="exported") == 1
    assert page.value("e2i_exports_total", result="failed") == 2, "the bucket is everybody's"
    assert page.value("e2i_exports_total", result="refused") == 1, "one bento is its author's"
    assert page.value("e2i_export_bytes_total") == 4096
    assert page.value("e2i_export_seconds_sum") == 6.0


# Releases.

SERVING = a_line("r1", "Serving", servedAt="2026-11-21T12:00:00Z")
NEXT = a_line("r2", "Serving", servedAt="2026-11-21T13:00:00Z")
ENDED = {"endedAt": "2026-11-21T13:00:00Z"}
FAILED = a_line("r2", "Failed", reason="CrashLoop", **ENDED)
BACK = {**NEXT, "result": "RolledBack", "reason": "ErrorRatioExceeded", **ENDED}
AGAIN = {**SERVING, "servedAt": "2026-11-21T13:01:00Z"}
OVERTAKEN = a_line("r2", "Overtaken", **ENDED)


@pytest.mark.parametrize(
    ("old", "new", "ends"),
    [
        pytest.param([], [SERVING], [("Served", "")], id="a first release"),
        pytest.param(
            [SERVING], [NEXT, {**SERVING, "result": "Superseded", **ENDED}], [("Served", "")], id="a next"
        ),
        pytest.param([SERVING], [SERVING], [], id="nothing new"),
        pytest.param([SERVING], [{**SERVING, "reason": "PodsLost"}], [], id="it begins to fail"),
        pytest.param(
            [SERVING], [FAILED, SERVING], [("Failed", "CrashLoop")], id="a failure before the switch"
        ),
        pytest.param([NEXT], [AGAIN, BACK], [("RolledBack", "ErrorRatioExceeded")], id="a rollback"),
        pytest.param(
            [SERVING], [OVERTAKEN, SERVING], [("Overtaken", "")], id="a canary that another one followed"
        ),
        pytest.param([FAILED, SERVING], [SERVING], [], id="the oldest is dropped"),
    ],
)
def test_what_became_of_releases(old: list[Any], new: list[Any], ends: list[tuple[str, str]]) -> None:
    assert [tuple(end) for end in release_ends({"history": old}, {"history": new})] == ends


def test_a_rollback_counts_by_its_cause() -> None:
    measures = Measures()
    measures.released(a_model(), [ReleaseEnd("RolledBack", "PodsLost")])
    page = scrape(measures)
    assert page.value("e2i_releases_total", result="RolledBack") == 1
    assert page.value("e2i_releases_total", result="Served") == 0
    assert page.value("e2i_rollbacks_total", reason="PodsLost") == 1
    assert page.value("e2i_release_lead_seconds_count") == 0


def test_the_lead_time_counts_from_the_sight_of_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    measures, served = Measures(), [ReleaseEnd("Served", "")]
    old = a_model(status={"observedGeneration": 1})
    measures.sought(old)
    measures.released(old, served)
    assert scrape(measures).value("e2i_release_lead_seconds_count") == 0, "when it was applied nobody knows"
    changed = replace(old, generation=2)
    measures.sought(changed)
    now = 142.0
    measures.sought(changed)
    measures.released(changed, served)
    assert scrape(measures).value("e2i_release_lead_seconds_sum") == 42.0
    now = 150.0
    measures.sought(replace(changed, shape=replace(changed.shape, restart="now")))
    now = 158.0
    measures.released(changed, served)
    assert scrape(measures).value("e2i_release_lead_seconds_sum") == 50.0
    measures.forget(changed.key)
    measures.released(changed, served)
    assert scrape(measures).value("e2i_release_lead_seconds_count") == 2


# Models.


def test_models_count_by_their_reason() -> None:
    models = [a_model(name=name, status=ready()) for name in ("a", "b")]
    late = a_model(name="c", status=ready("False", "CrashLoop"))
    page = scrape(Measures(), operator_series(a_picture(*models, late, a_model(name="new"))))
    assert page.value("e2i_models", ready="True", reason="Ready") == 2
    assert page.value("e2i_models", ready="False", reason="CrashLoop") == 1
    assert page.value("e2i_models", ready="Unknown", reason="Pending") == 1


def test_a_model_shows_whether_it_is_ready_and_why_not() -> None:
    assert of_model(a_model(status=ready())).value("e2i_model_ready", reason="Ready") == 1
    bad = of_model(a_model(status=ready("False", "CrashLoop")))
    assert bad.value("e2i_model_ready", namespace="models", model="churn", reason="CrashLoop") == 0


def test_each_release_shows_its_bento() -> None:
    model = a_model(status=ready(servingRelease=RELEASE, desiredRelease=RELEASE))
    assert of_model(model).labels("e2i_release_info") == [
        {
            "namespace": "models",
            "model": "churn",
            "release": RELEASE,
            "tag": model.tag,
            "digest": DIGEST,
            "service": "churn_model",
            "role": "serving",
        }
    ]
    other = of_model(a_model(status=ready(servingRelease="other", desiredRelease=RELEASE)))
    assert other.labels("e2i_release_info")[0]["role"] == "desired"
    assert of_model(a_model(status=ready())).labels("e2i_release_info")[0]["role"] == "kept"


def test_a_release_whose_request_is_gone_has_no_digest() -> None:
    model = a_model()
    page = scrape(Measures(), model_series(model, (a_deployment(model, digest=DIGEST),) * 2, ()))
    (labels,) = page.labels("e2i_release_info")
    assert (labels["digest"], labels["service"]) == ("", "")


def test_pods_are_counted_and_the_autoscaler_has_a_bound() -> None:
    status = ready(replicas=4, readyReplicas=3)
    page = of_model(a_model(autoscaling=Autoscaling(minimum=1, maximum=4), status=status))
    assert page.value("e2i_model_replicas") == 4
    assert page.value("e2i_model_ready_replicas") == 3
    assert page.value("e2i_model_max_replicas") == 4
    assert of_model(a_model(replicas=4, status=status)).value("e2i_model_max_replicas") is None
    assert of_model(a_model(status=ready(replicas="many"))).value("e2i_model_replicas") == 0


def test_a_release_in_quarantine_is_shown_with_its_reason() -> None:
    bad = failed(a_model(), reason="CrashLoop", digest=DIGEST)
    bad = replace(bad, status={**bad.status, "desiredRelease": RELEASE})
    assert of_model(bad).value("e2i_model_quarantined", release=RELEASE, reason="CrashLoop") == 1
    gone = replace(bad, status={**bad.status, "desiredRelease": "other"})
    assert of_model(gone).value("e2i_model_quarantined") is None


def test_the_last_rollback_is_shown() -> None:
    earlier = a_line("r0", "RolledBack", reason="CrashLoop", endedAt="2026-11-21T11:00:00Z")
    history = [AGAIN, {**BACK, "endedAt": "2026-11-21T12:00:00Z"}, earlier]
    page = of_model(a_model(status=ready(history=history)))
    at = page.value("e2i_model_rolled_back_timestamp_seconds", release="r2", reason="ErrorRatioExceeded")
    assert at == NOON.timestamp()
    assert of_model(a_model()).value("e2i_model_rolled_back_timestamp_seconds") is None


def test_a_canary_shows_its_share_and_since_when() -> None:
    page = of_model(at_step(a_model(), 1, weight=20, actualWeight=25))
    (labels,) = page.labels("e2i_model_canary_weight_ratio")
    assert page.value("e2i_model_canary_weight_ratio") == 0.25
    assert (
        page.value("e2i_model_canary_step_timestamp_seconds", release=labels["release"]) == NOON.timestamp()
    )


def drifted(status: str) -> dict[str, Any]:
    told = {"type": "Drifted", "status": status, "reason": "InputsDrifted"}
    return {**ready(servingRelease=RELEASE), "conditions": [told]}


@pytest.mark.parametrize(("status", "value"), [("True", 1), ("False", 0)])
def test_inputs_that_have_drifted_are_shown_for_the_release_that_serves(status: str, value: int) -> None:
    page = of_model(a_model(status=drifted(status)))
    assert page.value("e2i_model_drifted", namespace="models", model="churn", release=RELEASE) == value
    assert of_model(a_model(status=ready())).value("e2i_model_drifted") is None


def an_ended_pod(name: str, reason: str, at: str, state: str = "lastState") -> Pod:
    """A pod of the release whose container ended."""
    deployment = a_deployment(a_model(), digest=DIGEST)
    owner = {"kind": "ReplicaSet", "controller": True, "name": f"{deployment.name}-5f6", "uid": "uid-set"}
    body = a_pod(name, {**naming.pod_labels("churn", RELEASE), "pod-template-hash": "5f6"})
    body["metadata"]["ownerReferences"] = [owner]
    ended = {"terminated": {"exitCode": 137, "reason": reason, "finishedAt": at}}
    body["status"]["containerStatuses"] = [{"name": "main", "ready": True, "restartCount": 1, state: ended}]
    found = parse_child("Pod", body)
    assert isinstance(found, Pod)
    return found


def test_the_last_end_for_its_memory_is_shown_for_each_release() -> None:
    model, deployment = a_model(), a_deployment(a_model(), digest=DIGEST)
    pods = [
        an_ended_pod("a", "OOMKilled", "2026-11-21T11:00:00Z"),
        an_ended_pod("b", "OOMKilled", "2026-11-21T12:00:00Z"),
        an_ended_pod("c", "Error", "2026-11-21T13:00:00Z"),
        an_ended_pod("d", "OOMKilled", "yesterday"),
    ]
    page = scrape(Measures(), model_series(model, (deployment,), (), pods))
    assert page.value("e2i_model_oom_killed_timestamp_seconds", release=RELEASE) == NOON.timestamp()
    strange = scrape(Measures(), model_series(model, (), (), pods))
    assert strange.value("e2i_model_oom_killed_timestamp_seconds") is None, "labels alone make no pod its own"
    sound = scrape(Measures(), model_series(model, (deployment,), (), pods[2:]))
    assert sound.value("e2i_model_oom_killed_timestamp_seconds") is None


def test_images_that_wait_are_counted_apart() -> None:
    builds = (Build.UNKNOWN, Build.UNKNOWN, Build.RUNNING, Build.DONE)
    page = scrape(Measures(), operator_series(a_picture(a_model(), builds=builds)))
    counted = {state: page.value("e2i_builds", state=state) for state in ("waiting", "running", "failed")}
    assert counted == {"waiting": 2, "running": 1, "failed": 0}


def test_the_worst_watch_of_a_kind_is_shown() -> None:
    watches = [Watch(kind="Pod", age=age, is_failing=bad) for age, bad in ((3, False), (9, True), (1, False))]
    page = scrape(Measures(), operator_series(a_picture(watches=watches)))
    assert page.value("e2i_watch_age_seconds", kind="Pod") == 9
    assert page.value("e2i_watch_failing", kind="Pod") == 1


# The page.


def busy() -> tuple[Measures, list[Series]]:
    """Counters and a picture in which every metric has a series."""
    measures = Measures()
    measures.asked_api("GET", 200)
    measures.asked_s3("HeadObject", 200)
    measures.acted([failing()])
    measures.released(a_model(), [ReleaseEnd("RolledBack", "PodsLost")])
    bad = at_step(failed(a_model(autoscaling=Autoscaling(minimum=1, maximum=2)), digest=DIGEST), 1)
    bad = replace(
        bad, status={**bad.status, "desiredRelease": RELEASE, "history": [AGAIN, BACK], **drifted("True")}
    )
    model = Family(
        bad,
        (a_deployment(bad, digest=DIGEST),),
        (a_request(bad, digest=DIGEST),),
        (an_ended_pod("a", "OOMKilled", "2026-11-21T11:00:00Z"),),
    )
    picture = replace(
        a_picture(watches=[Watch(kind="Pod", age=1, is_failing=False)]),
        models=(model,),
        probes={bad.key: Probed(RELEASE, passed=False)},
    )
    return measures, [*process_series("0.1.0", "e2i-operator", leads=True), *operator_series(picture)]


def test_every_metric_of_the_catalog_is_on_the_page_and_no_other_but_the_process() -> None:
    page = scrape(*busy())
    assert {name for name in page.names if not name.startswith("process_")} == {each.name for each in METRICS}
    assert "process_resident_memory_bytes" in page.names


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_prometheus(metric: Any) -> None:
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert metric.text.endswith(".")
    assert not {"uid", "message", "pod", "hash"} & set(metric.labels), "no label without a bound"
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)


def test_each_series_has_the_labels_of_the_catalog() -> None:
    _, series = busy()
    for each in series:
        assert len(each.labels) == len(each.metric.labels), each


async def test_the_page_is_served_as_prometheus_asks_for_it() -> None:
    measures, series = busy()
    server, port = MetricsServer(measures, lambda: series), free_port()
    await server.start("127.0.0.1", port)
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                text = await answer.text()
                assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                assert answer.status == 404
    finally:
        await server.close()
    assert Scraped(text).value("e2i_rollbacks_total", reason="PodsLost") == 1
    assert "_created" not in text


async def test_a_page_of_a_thousand_models_holds_no_pass_up() -> None:
    models = [a_model(name=f"m{number}", status=ready(replicas=1)) for number in range(1000)]
    measures, turns = Measures(), 0
    making = asyncio.create_task(asyncio.to_thread(measures.page, operator_series(a_picture(*models))))
    while not making.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 1
    assert len(Scraped((await making).decode()).labels("e2i_model_ready")) == 1000
