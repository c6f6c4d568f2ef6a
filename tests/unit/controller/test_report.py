"""What the operator reports: conditions, fields and what is worth an event."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_line,
    a_model,
    a_record,
    a_request,
    a_service,
    a_workload,
    an_artifact,
    at_step,
    beside,
    failed,
    seconds,
    seen,
    seen_building,
    seen_exported,
    seen_ready,
    seen_serving,
    seen_starting,
)

from e2i.api import naming
from e2i.api.conditions import LONGEST_MESSAGE, Reason
from e2i.api.model import Model, Pause, Rollback, SetWeight, Strategy
from e2i.api.problem import Problem
from e2i.controller.core.actions import (
    Action,
    ApplyService,
    DeleteArchive,
    DeleteRequest,
    Result,
    WriteRecord,
)
from e2i.controller.core.children import Build
from e2i.controller.core.observed import Exporting, Observed, VerificationState
from e2i.controller.core.releases.failure_message import failure_message
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.table import plan
from e2i.controller.core.status.report import Report, report

MODEL = a_model()
MANUAL = a_model(rollout={"rollback": Rollback.MANUAL})
RELEASE = naming.release_of(MODEL, DIGEST)
REFUSED = Problem(reason=Reason.Refused, message="the Service was not written: denied", stalled=True)
BUSY = Problem(reason=Reason.ApiUnavailable, message="no answer; it is tried again")


def reported(model: Model, state: Observed, *results: Result, now: datetime = NOON) -> Report:
    return report(Situation(model, state), plan(Situation(model, state), now), results, now)


def conditions(given: Report) -> dict[str, tuple[str, str]]:
    return {item["type"]: (item["status"], item["reason"]) for item in given.status["conditions"]}


PENDING = "ReleaseServing=False/Pending"
UNASKED = "Verified=Unknown/NotAsked"
MADE = f"BentoExported=True/Exported ImageBuilt=True/Built {UNASKED}"
KNOWN = seen(records=())
OLD = a_model(env=(("VERSION", "old"),))
OLD_RELEASE = naming.release_of(OLD, DIGEST)
BEFORE = a_service(release=OLD_RELEASE, switched_at=NOON - seconds(3600))


@pytest.mark.parametrize(
    ("model", "state", "expected"),
    [
        pytest.param(
            MODEL, KNOWN, f"Ready=False/Exporting BentoExported=Unknown/Pending ImageBuilt=Unknown/Pending {UNASKED} "
            f"{PENDING} Reconciling=True/Exporting", id="a new model"),
        pytest.param(
            MODEL, seen(export=Exporting(done=1, total=4), records=()),
            f"Ready=False/Exporting BentoExported=False/Exporting ImageBuilt=Unknown/Pending {UNASKED} "
            f"{PENDING} Reconciling=True/Exporting", id="an export under way"),
        pytest.param(
            MODEL, seen(export=Problem(reason=Reason.BentoNotFound, message="none", stalled=True), records=()),
            f"Ready=False/BentoNotFound BentoExported=False/BentoNotFound ImageBuilt=Unknown/Pending {UNASKED} "
            f"{PENDING} Stalled=True/BentoNotFound", id="a bento that is not there"),
        pytest.param(
            a_model(tag="churn_model:latest"), seen(),
            f"Ready=False/TagRefused BentoExported=Unknown/TagRefused ImageBuilt=Unknown/Pending {UNASKED} "
            f"{PENDING} Stalled=True/TagRefused", id="a tag that cannot be"),
        pytest.param(
            MODEL, seen_exported(MODEL, records=()),
            f"Ready=False/Deploying BentoExported=True/Exported ImageBuilt=Unknown/Pending {UNASKED} "
            f"{PENDING} Reconciling=True/Deploying", id="exported, nothing made"),
        pytest.param(
            MODEL, seen_building(MODEL),
            f"Ready=False/Building BentoExported=True/Exported ImageBuilt=False/Building {UNASKED} "
            f"{PENDING} Reconciling=True/Building", id="building"),
        pytest.param(
            MODEL, seen_building(MODEL, pod_problem=Problem(reason=Reason.BuildBlocked, message="no room")),
            f"Ready=False/BuildBlocked BentoExported=True/Exported ImageBuilt=False/BuildBlocked {UNASKED} "
            f"{PENDING} Reconciling=True/BuildBlocked", id="a build that cannot start"),
        pytest.param(
            MODEL, seen_building(MODEL, requests=(a_request(build=Build.FAILED, message="Job x is failed."),)),
            f"Ready=False/BuildFailed BentoExported=True/Exported ImageBuilt=False/BuildFailed {UNASKED} "
            f"{PENDING} Stalled=True/BuildFailed", id="a failed build"),
        pytest.param(
            MODEL, seen_starting(MODEL), f"Ready=False/Deploying {MADE} {PENDING} Reconciling=True/Deploying",
            id="pods starting"),
        pytest.param(
            MODEL, seen_serving(MODEL), f"Ready=True/Ready {MADE} ReleaseServing=True/Serving", id="serving"),
        pytest.param(
            MODEL, seen_serving(MODEL, workloads=()),
            f"Ready=False/Scaling {MADE} ReleaseServing=False/Deploying Reconciling=True/Scaling",
            id="the address without a pod"),
        pytest.param(
            a_model(suspended=True), seen_serving(MODEL),
            f"Ready=True/Suspended {MADE} ReleaseServing=True/Serving", id="suspended and whole"),
        pytest.param(
            a_model(suspended=True), seen_starting(MODEL),
            f"Ready=False/Suspended {MADE} {PENDING}", id="suspended and not whole"),
        pytest.param(
            MODEL, beside(seen_starting(MODEL), a_deployment(OLD), service=BEFORE),
            f"Ready=False/Deploying {MADE} ReleaseServing=True/Serving Reconciling=True/Deploying",
            id="the next release starts"),
        pytest.param(
            failed(MODEL), beside(seen_starting(MODEL), a_deployment(OLD), service=BEFORE),
            f"Ready=False/CrashLoop {MADE} ReleaseServing=True/Serving RolledBack=True/CrashLoop "
            "Stalled=True/CrashLoop", id="the next release failed, the one before it goes on"),
        pytest.param(
            failed(MODEL), seen_starting(MODEL, records=()),
            f"Ready=False/CrashLoop {MADE} {PENDING} Stalled=True/CrashLoop",
            id="the first release failed: it is waited for, under the name of its failure"),
        pytest.param(
            failed(MANUAL), beside(seen_starting(MODEL), a_deployment(OLD), service=BEFORE),
            f"Ready=False/CrashLoop {MADE} ReleaseServing=True/Serving Stalled=True/CrashLoop",
            id="where rolling back is for people, nothing was rolled back"),
        pytest.param(
            a_model(paused=True), beside(seen_ready(MODEL), a_deployment(OLD), service=BEFORE),
            f"Ready=False/Paused {MADE} ReleaseServing=True/Serving Reconciling=True/Paused", id="held by hand"),
    ],
)  # fmt: skip
def test_conditions(model: Model, state: Observed, expected: str) -> None:
    told = conditions(reported(model, state))
    assert " ".join(f"{type_}={status}/{reason}" for type_, (status, reason) in told.items()) == expected


@pytest.mark.parametrize(("problem", "word"), [(REFUSED, "Stalled"), (BUSY, "Reconciling")])
def test_an_action_that_failed_speaks_louder_than_the_plan(problem: Problem, word: str) -> None:
    told = conditions(
        reported(
            MODEL,
            seen_ready(MODEL),
            Result(ApplyService(RELEASE, naming.pod_labels("churn", RELEASE)), problem),
        )
    )
    assert told["Ready"] == ("False", problem.reason.name)
    assert told[word] == ("True", problem.reason.name)


def test_fields_of_a_model_that_serves() -> None:
    status = reported(MODEL, seen_serving(MODEL)).status
    assert {key: status[key] for key in status if key != "conditions"} == {
        "observedGeneration": 1,
        "desiredRelease": RELEASE,
        "servingRelease": RELEASE,
        "artifact": {"tag": "churn_model:1.4.2", "digest": DIGEST, "uri": an_artifact().uri, "size": 4096},
        "url": "http://churn.models.svc:3000",
        "selector": f"serving.e2i.dev/model=churn,serving.e2i.dev/release={RELEASE}",
        "replicas": 1,
        "readyReplicas": 1,
        "history": [
            {
                "release": RELEASE,
                "bentoTag": "churn_model:1.4.2",
                "digest": DIGEST,
                "startedAt": "2026-11-21T12:00:00Z",
                "servedAt": "2026-11-21T12:00:00Z",
                "result": "Serving",
            }
        ],
    }


def test_before_the_export_there_is_little_to_say() -> None:
    status = reported(MODEL, seen()).status
    assert set(status) == {"observedGeneration", "conditions", "replicas", "readyReplicas"}


def test_while_the_next_release_starts_the_pods_of_the_serving_one_are_counted() -> None:
    state = seen_starting(MODEL, service=a_service(release="0000aaaa"))
    status = reported(MODEL, state).status
    assert (status["servingRelease"], status["desiredRelease"]) == ("0000aaaa", RELEASE)
    assert status["selector"].endswith("release=0000aaaa")


def test_the_same_again_is_no_change() -> None:
    first = reported(MODEL, seen_serving(MODEL))
    again = reported(replace(MODEL, status=first.status), seen_serving(MODEL), now=NOON + seconds(99))
    assert first.changed
    assert not again.changed
    assert again.transitions == ()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(None, KNOWN, ["Exporting"], id="a new model tells that it is exported"),
        pytest.param(KNOWN, seen_building(MODEL), ["Exported", "Building"], id="one event for each step"),
        pytest.param(seen_ready(MODEL), seen_serving(MODEL), ["Serving", "Ready"], id="Ready comes last"),
        pytest.param(seen_serving(MODEL), seen_serving(MODEL, workloads=()), ["Deploying", "Scaling"],
                     id="losing the pods is told"),
        pytest.param(seen_building(MODEL), seen_building(MODEL), [], id="no news, no event"),
    ],
)  # fmt: skip
def test_what_is_worth_an_event(before: Observed | None, after: Observed, told: list[str]) -> None:
    model = replace(MODEL, status=reported(MODEL, before).status) if before else MODEL
    assert [transition.reason for transition in reported(model, after).transitions] == told


@pytest.mark.parametrize(
    ("state", "warning"),
    [
        pytest.param(seen_building(MODEL), False, id="progress is normal"),
        pytest.param(
            seen_building(MODEL, requests=(a_request(build=Build.FAILED),)), True, id="failure warns"
        ),
    ],
)
def test_only_trouble_warns(state: Observed, warning: bool) -> None:
    assert any(transition.warning for transition in reported(MODEL, state).transitions) is warning


def test_the_event_of_a_failed_build_says_where_its_log_is() -> None:
    state = seen_building(MODEL, requests=(a_request(build=Build.FAILED, message="Job x is failed."),))
    (told,) = [each for each in reported(MODEL, state).transitions if each.reason == "BuildFailed"]
    assert "Job x is failed. Its log: kubectl logs" in told.message


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(seen_starting(MODEL, deployments=(a_deployment(MODEL, refusal="denied."),), workloads=(),
                                   requests=(a_request(built_at=NOON - seconds(60)),)), id="by Yatai"),
        pytest.param(seen_starting(MODEL, workloads=(
                                   a_workload(a_deployment(MODEL), ready=0, replica_failure="denied."),)),
                     id="by the cluster"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do_about_it(state: Observed) -> None:
    message = reported(MODEL, state).status["conditions"][0]["message"]
    assert re.fullmatch(r"denied\. (Change the rule that refuses the pods|Remove the cause, .*)", message)


def test_what_is_told_of_a_failure_does_not_change_while_it_is_noted_in_the_bucket() -> None:
    model = failed(MODEL)
    state = beside(seen_ready(MODEL), a_deployment(OLD), service=BEFORE)
    noting = plan(Situation(model, state), NOON)
    assert [type(action) for action in noting.actions] == [WriteRecord]
    assert noting.message == failure_message(Situation(model, state), Situation(model, state).quarantine)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("export", "words"),
    [
        (Exporting(done=0, total=0), ": its files are being read"),
        (Exporting(done=1, total=4, step="read"), ": 1 of 4 bytes read (25 %)"),
        (Exporting(done=1, total=4), ": 1 of 4 bytes uploaded (25 %)"),
    ],
)
def test_the_progress_of_an_export_is_told(export: Exporting, words: str) -> None:
    told = reported(MODEL, seen(export=export, records=())).status["conditions"]
    assert next(item["message"] for item in told if item["type"] == "BentoExported").endswith(words)


# What the condition Verified says.

CHECKED = a_model(rollout={"checks": {"verify": [{"path": "/predict"}]}})
WRONG = Problem(
    reason=Reason.VerificationFailed, message="wrong answer", final=True, http="POST /predict -> 200: 7"
)


def verified_of(model: Model, state: Observed) -> str:
    status, reason = conditions(reported(model, state))["Verified"]
    return f"{status}/{reason}"


@pytest.mark.parametrize(
    ("model", "state", "told"),
    [
        pytest.param(CHECKED, KNOWN, "Unknown/Pending", id="there is nothing to ask yet"),
        pytest.param(CHECKED, seen_starting(CHECKED), "Unknown/Pending", id="pods are starting"),
        pytest.param(CHECKED, seen_ready(CHECKED, verification=VerificationState.RUNNING), "Unknown/Verifying",
                     id="being asked"),
        pytest.param(CHECKED, seen_ready(CHECKED, verification=WRONG), "False/VerificationFailed", id="a wrong answer"),
        pytest.param(CHECKED, seen_ready(CHECKED, verification=VerificationState.PASSED), "True/Verified",
                     id="right answers"),
        pytest.param(CHECKED, seen_serving(CHECKED), "True/Verified", id="one that serves had to pass first"),
        pytest.param(failed(CHECKED, reason="ContractBroken"), seen_ready(CHECKED), "False/ContractBroken",
                     id="it failed by its answers"),
        pytest.param(failed(CHECKED), seen_ready(CHECKED, records=None), "Unknown/Pending",
                     id="it failed before it was asked"),
    ],
)  # fmt: skip
def test_verified(model: Model, state: Observed, told: str) -> None:
    assert verified_of(model, state) == told


def test_a_release_that_served_before_anything_was_asked_is_not_called_verified() -> None:
    before = reported(MODEL, seen_serving(MODEL)).status
    asked_since = replace(CHECKED, status=before)
    assert verified_of(asked_since, seen_serving(CHECKED)) == "Unknown/NotAsked"
    again = replace(CHECKED, status=reported(asked_since, seen_serving(CHECKED)).status)
    assert verified_of(again, seen_serving(CHECKED)) == "Unknown/NotAsked"


def test_how_a_verification_went_is_still_told_when_its_release_fails_later() -> None:
    serving = reported(CHECKED, seen_serving(CHECKED, verification=VerificationState.PASSED)).status
    crashed = failed(replace(CHECKED, status=serving))
    assert verified_of(crashed, seen_serving(CHECKED)) == "True/Verified"


# What is remembered.


def test_a_failure_stands_in_the_status_with_its_evidence() -> None:
    chosen = plan(Situation(CHECKED, seen_ready(CHECKED, verification=WRONG)), NOON)
    assert chosen.failure
    shown = replace(chosen, failure=replace(chosen.failure, evidence={"exitCode": 0, "http": chosen.http}))
    status = report(Situation(CHECKED, seen_ready(CHECKED, verification=WRONG)), shown, (), NOON).status
    (told,) = status["failedReleases"]
    assert (told["reason"], told["message"], told["failedAt"]) == (
        "VerificationFailed",
        "wrong answer",
        "2026-11-21T12:00:00Z",
    )
    assert told["evidence"] == {"exitCode": 0, "http": "POST /predict -> 200: 7"}
    assert [line["result"] for line in status["history"]] == ["Failed"]


def test_a_failure_is_forgotten_when_the_spec_asks_for_something_else() -> None:
    was = replace(MODEL, status=failed(OLD).status)
    (trial,) = (entry["trial"] for entry in was.status["failedReleases"])
    recorded = seen_serving(MODEL, recorded_failures=frozenset({trial}))
    assert "failedReleases" not in reported(was, recorded).status
    assert "failedReleases" not in reported(was, seen_serving(MODEL, records=())).status, (
        "no record can be made"
    )


def test_a_failure_that_the_bucket_does_not_have_is_kept_beside_the_present_one() -> None:
    was = failed(OLD).status["failedReleases"]
    now = failed(MODEL).status["failedReleases"]
    status = reported(
        replace(MODEL, status={"failedReleases": [*was, *now]}), seen_serving(MODEL, records=None)
    ).status
    assert status["failedReleases"] == [*now, *was], "the desired one first"
    assert [entry["release"] for entry in status["history"]] == [now[0]["release"]]


def test_a_canary_tells_its_share_and_what_it_really_is() -> None:
    canary = a_model(replicas=3, rollout={"strategy": Strategy.CANARY, "steps": (SetWeight(10), Pause(None))})
    model = at_step(canary, 1, promotion="first")
    one = a_deployment(replace(canary, autoscaling=a_model().autoscaling))
    state = seen_ready(canary, deployments=(one,), workloads=(a_workload(one),))
    old = a_deployment(replace(OLD, autoscaling=canary.autoscaling))
    shared = replace(BEFORE, selector={naming.MODEL_LABEL: "churn"})
    status = reported(replace(model, promote_at="first"), beside(state, old, ready=3, service=shared)).status
    assert status["rollout"] == {
        "release": RELEASE,
        "step": 1,
        "stepStartedAt": "2026-11-21T12:00:00Z",
        "weight": 10,
        "actualWeight": 25,
        "promotion": "first",
    }
    assert conditions(reported(model, beside(state, old, ready=3, service=shared)))["Ready"] == (
        "False",
        "Promoting",
    ), "another value of the annotation promotes"


@pytest.mark.parametrize(
    ("action", "model", "told"),
    [
        pytest.param(DeleteRequest("churn-1", "uid"), MODEL, ("True", "Ready"), id="an image that stays"),
        pytest.param(DeleteArchive("s3://e2i/x", DIGEST), MODEL, ("True", "Ready"), id="an archive that stays"),
        pytest.param(WriteRecord(a_record(MODEL)), MODEL, ("False", "BucketUnreachable"),
                     id="a switch that waits for the ledger is not"),
    ],
)  # fmt: skip
def test_chores_that_fail_do_not_make_a_model_unwell(
    action: Action, model: Model, told: tuple[str, str]
) -> None:
    away = Problem(reason=Reason.BucketUnreachable, message="no answer")
    assert conditions(reported(model, seen_serving(MODEL), Result(action, away)))["Ready"] == told


def test_the_record_of_a_failure_is_a_chore() -> None:
    away = Problem(reason=Reason.BucketUnreachable, message="no answer")
    state = beside(seen_starting(MODEL), a_deployment(OLD), service=BEFORE)
    told = conditions(reported(failed(MODEL), state, Result(WriteRecord(a_record(MODEL)), away)))
    assert told["Ready"] == ("False", "CrashLoop")


def test_a_status_that_somebody_emptied_is_written_anew() -> None:
    assert reported(replace(MODEL, status={"conditions": []}), seen_serving(MODEL)).changed


@pytest.mark.parametrize("rollback", [Rollback.AUTOMATIC, Rollback.MANUAL], ids=lambda each: each.value)
@pytest.mark.parametrize(
    ("serving", "beside_it", "words"),
    [
        pytest.param("new", False, {"Automatic": ". It continues to serve. ",
                                   "Manual": " it continues to serve until "},
                     id="it serves, and there is nothing to go back to"),
        pytest.param("none", False, {"Automatic": ". There is no earlier release to go back to. ",
                                     "Manual": ". There is no earlier release to go back to. "}, id="none serves"),
        pytest.param("old", True, {"Automatic": f". Release {OLD_RELEASE} serves in its place. ",
                                   "Manual": f". Release {OLD_RELEASE} serves in its place. "},
                     id="the old one serves"),
        pytest.param("new", True, {"Automatic": f". Release {OLD_RELEASE} is about to take its place. ",
                                   "Manual": " it continues to serve until the spec changes. "},
                     id="it serves, and the old one is there"),
    ],
)  # fmt: skip
def test_a_failure_says_what_serves_now(
    serving: str, beside_it: bool, words: dict[str, str], rollback: Rollback
) -> None:
    model = a_model(rollout={"rollback": rollback}, status={"history": [a_line(OLD_RELEASE)]})
    services = {"new": a_service(release=RELEASE), "old": BEFORE, "none": None}
    state = seen_ready(MODEL, service=services[serving], records=())
    state = beside(state, a_deployment(OLD)) if beside_it else state
    failure = Situation(failed(model), state).quarantine
    assert failure
    told = failure_message(Situation(failed(model), state), failure)
    assert words[rollback.value] in told
    assert told.endswith("kubectl e2i retry churn -n models asks for it")


def test_long_words_of_others_are_cut_and_put_on_one_line() -> None:
    problem = Problem(reason=Reason.ExportFailed, message="one\n  two " + "x" * 5000)
    messages: list[Any] = [
        item["message"] for item in reported(MODEL, seen(export=problem, records=())).status["conditions"]
    ]
    assert messages[0].startswith("one two x")
    assert max(len(message.encode()) for message in messages) == LONGEST_MESSAGE


WATCHED = a_model(rollout={"watch": {"seconds": 60, "maxErrorRatio": "0.1"}})
BLIND = Problem(reason=Reason.MetricsUnreadable, message="GET /metrics was answered with status 401")


def test_a_watch_that_judges_nothing_is_said_as_long_as_the_release_serves() -> None:
    now = reported(WATCHED, seen_serving(WATCHED, guard_running=True, guard_sight=BLIND))
    told = next(each for each in now.status["conditions"] if each["type"] == "WatchBlind")
    assert (told["status"], told["reason"], told["message"]) == ("True", "MetricsUnreadable", BLIND.message)
    assert [each.reason for each in now.transitions if each.warning] == ["MetricsUnreadable"]
    later = replace(WATCHED, status=now.status)
    assert types(reported(later, seen_serving(later))) >= {"WatchBlind"}, "the watch is over"
    assert "WatchBlind" not in types(reported(later, seen_serving(later, guard_sight="clear")))


def test_a_watch_that_judged_nothing_is_of_its_release_only() -> None:
    told = reported(WATCHED, seen_serving(WATCHED, guard_sight=BLIND)).status
    other = replace(WATCHED, status=told | {"servingRelease": "9c01aa34"})
    assert "WatchBlind" not in types(reported(other, seen_serving(other)))
    unwatched = replace(MODEL, status=told)
    assert "WatchBlind" not in types(reported(unwatched, seen_serving(unwatched)))


def types(told: Report) -> set[str]:
    return {each["type"] for each in told.status["conditions"]}


def test_the_command_for_a_log_is_told_while_the_pod_is_there_and_not_remembered() -> None:
    crash = Problem(reason=Reason.CrashLoop, message="it ended 1 time", log="kubectl logs x --previous")
    now = reported(MODEL, seen_starting(MODEL, pod_problem=crash)).status["conditions"][0]["message"]
    assert now == "it ended 1 time. Its log: kubectl logs x --previous"
    final = Situation(MODEL, seen_starting(MODEL, pod_problem=replace(crash, final=True)))
    failure = plan(final, NOON).failure
    assert failure
    assert "kubectl logs" not in failure.message


def test_a_verification_that_is_held_up_says_so_in_its_own_condition() -> None:
    checked = a_model(rollout={"checks": {"verify": [{"path": "/predict"}]}})
    held = Problem(reason=Reason.SecretUnreadable, message="there is no Secret churn")
    status = reported(checked, seen_ready(checked, verification=held)).status
    told = {each["type"]: each for each in status["conditions"]}
    assert (told["Verified"]["status"], told["Verified"]["reason"]) == ("Unknown", "SecretUnreadable")
    assert told["Ready"]["message"] == told["Stalled"]["message"] == held.message
