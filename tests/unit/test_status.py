"""What the operator reports: conditions, fields and what is worth an event."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_model,
    a_request,
    a_service,
    an_artifact,
    seconds,
    seen,
    seen_building,
    seen_exported,
    seen_ready,
    seen_serving,
    seen_starting,
)

from e2i.core import naming
from e2i.core.actions import ApplyService, Result
from e2i.core.conditions import LONGEST_MESSAGE, Reason
from e2i.core.model import Model
from e2i.core.observed import Build, Exporting, Observed, Trouble
from e2i.core.plan import plan
from e2i.core.status import Report, report

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
REFUSED = Trouble(reason=Reason.Refused, message="the Service was not written: denied", stalled=True)
BUSY = Trouble(reason=Reason.ApiUnavailable, message="no answer; it is tried again")


def reported(model: Model, state: Observed, *results: Result, now: datetime = NOON) -> Report:
    return report(model, state, plan(model, state, now), results, now)


def conditions(given: Report) -> dict[str, tuple[str, str]]:
    return {item["type"]: (item["status"], item["reason"]) for item in given.status["conditions"]}


@pytest.mark.parametrize(
    ("model", "state", "expected"),
    [
        pytest.param(
            MODEL, seen(), "Ready=False/Exporting BentoExported=Unknown/Pending ImageBuilt=Unknown/Pending "
            "ReleaseServing=False/Pending Reconciling=True/Exporting", id="a new model"),
        pytest.param(
            MODEL, seen(export=Exporting(done=1, total=4)),
            "Ready=False/Exporting BentoExported=False/Exporting ImageBuilt=Unknown/Pending "
            "ReleaseServing=False/Pending Reconciling=True/Exporting", id="an export under way"),
        pytest.param(
            MODEL, seen(export=Trouble(reason=Reason.BentoNotFound, message="none", stalled=True)),
            "Ready=False/BentoNotFound BentoExported=False/BentoNotFound ImageBuilt=Unknown/Pending "
            "ReleaseServing=False/Pending Stalled=True/BentoNotFound", id="a bento that is not there"),
        pytest.param(
            a_model(tag="churn_model:latest"), seen(),
            "Ready=False/TagRefused BentoExported=Unknown/TagRefused ImageBuilt=Unknown/Pending "
            "ReleaseServing=False/Pending Stalled=True/TagRefused", id="a tag that cannot be"),
        pytest.param(
            MODEL, seen_exported(MODEL),
            "Ready=False/Deploying BentoExported=True/Exported ImageBuilt=Unknown/Pending "
            "ReleaseServing=False/Pending Reconciling=True/Deploying", id="exported, nothing made"),
        pytest.param(
            MODEL, seen_building(MODEL),
            "Ready=False/Building BentoExported=True/Exported ImageBuilt=False/Building "
            "ReleaseServing=False/Pending Reconciling=True/Building", id="building"),
        pytest.param(
            MODEL, seen_building(MODEL, pod_trouble=Trouble(reason=Reason.BuildBlocked, message="no room")),
            "Ready=False/BuildBlocked BentoExported=True/Exported ImageBuilt=False/BuildBlocked "
            "ReleaseServing=False/Pending Reconciling=True/BuildBlocked", id="a build that cannot start"),
        pytest.param(
            MODEL, seen_building(MODEL, requests=(a_request(build=Build.FAILED, message="Job x is failed."),)),
            "Ready=False/BuildFailed BentoExported=True/Exported ImageBuilt=False/BuildFailed "
            "ReleaseServing=False/Pending Stalled=True/BuildFailed", id="a failed build"),
        pytest.param(
            MODEL, seen_starting(MODEL),
            "Ready=False/Deploying BentoExported=True/Exported ImageBuilt=True/Built "
            "ReleaseServing=False/Pending Reconciling=True/Deploying", id="pods starting"),
        pytest.param(
            MODEL, seen_serving(MODEL),
            "Ready=True/Ready BentoExported=True/Exported ImageBuilt=True/Built ReleaseServing=True/Serving",
            id="serving"),
        pytest.param(
            MODEL, seen_serving(MODEL, workloads=()),
            "Ready=False/Scaling BentoExported=True/Exported ImageBuilt=True/Built "
            "ReleaseServing=False/Deploying Reconciling=True/Scaling", id="the address without a pod"),
        pytest.param(
            a_model(suspended=True), seen_serving(MODEL),
            "Ready=True/Suspended BentoExported=True/Exported ImageBuilt=True/Built ReleaseServing=True/Serving",
            id="suspended and whole"),
        pytest.param(
            a_model(suspended=True), seen_starting(MODEL),
            "Ready=False/Suspended BentoExported=True/Exported ImageBuilt=True/Built ReleaseServing=False/Pending",
            id="suspended and not whole"),
    ],
)  # fmt: skip
def test_conditions(model: Model, state: Observed, expected: str) -> None:
    told = conditions(reported(model, state))
    assert " ".join(f"{type_}={status}/{reason}" for type_, (status, reason) in told.items()) == expected


@pytest.mark.parametrize(("trouble", "word"), [(REFUSED, "Stalled"), (BUSY, "Reconciling")])
def test_an_action_that_failed_speaks_louder_than_the_plan(trouble: Trouble, word: str) -> None:
    told = conditions(
        reported(
            MODEL,
            seen_ready(MODEL),
            Result(ApplyService(RELEASE, naming.pod_labels("churn", RELEASE)), trouble),
        )
    )
    assert told["Ready"] == ("False", trouble.reason.name)
    assert told[word] == ("True", trouble.reason.name)


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
        pytest.param(None, seen(), ["Exporting"], id="a new model tells that it is exported"),
        pytest.param(seen(), seen_building(MODEL), ["Exported", "Building"], id="one event for each step"),
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


@pytest.mark.parametrize(
    ("total", "words"),
    [(4, "1 of 4 bytes uploaded (25 %)"), (0, "1 of 0 bytes uploaded (0 %)")],
)
def test_the_progress_of_an_export_is_told(total: int, words: str) -> None:
    told = reported(MODEL, seen(export=Exporting(done=1, total=total))).status["conditions"]
    assert next(item["message"] for item in told if item["type"] == "BentoExported").endswith(words)


def test_long_words_of_others_are_cut_and_put_on_one_line() -> None:
    trouble = Trouble(reason=Reason.ExportFailed, message="one\n  two " + "x" * 5000)
    messages: list[Any] = [
        item["message"] for item in reported(MODEL, seen(export=trouble)).status["conditions"]
    ]
    assert messages[0].startswith("one two x")
    assert max(map(len, messages)) == LONGEST_MESSAGE
