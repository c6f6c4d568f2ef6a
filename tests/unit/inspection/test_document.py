"""What `status` shows, as a document and as lines."""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import a_body, a_child_body
from support.builders import NOON, seconds
from support.model_bodies import (
    NEW,
    NEW_DIGEST,
    NEW_TAG,
    OLD,
    OLD_DIGEST,
    OLD_TAG,
    Body,
    a_deployment,
    a_pod,
    a_request,
    a_workload,
    churn,
    failure,
    told,
)

from e2i.api import naming
from e2i.api.conditions import timestamp
from e2i.cli.plugin.drawing import draw
from e2i.inspection.document import document
from e2i.inspection.outcome import outcome
from e2i.inspection.protection import unprotected, unseen

LATER = NOON + seconds(300)


def parts(*releases: str, **more: Any) -> dict[str, tuple[Body, ...]]:
    """The children of these releases, each with two pods that are ready."""
    known = {NEW: (NEW_TAG, NEW_DIGEST), OLD: (OLD_TAG, OLD_DIGEST)}
    children = {
        "Service": (
            a_child_body("Service", name="churn", annotations={naming.SWITCHED_ANNOTATION: timestamp(NOON)}),
        ),
        "BentoRequest": tuple(a_request(*known[name]) for name in releases),
        "BentoDeployment": tuple(a_deployment(name, *known[name]) for name in releases),
        "Deployment": tuple(a_workload(name) for name in releases),
        "Pod": tuple(a_pod(f"churn-{name}-{n}", _of(name)) for name in releases for n in range(2)),
    }
    return {**children, **more}


def _of(name: str) -> dict[str, str]:
    return {naming.RELEASE_LABEL: name, "yatai.ai/bento-deployment": f"churn-{name}"}


def lines(model: Body, children: dict[str, tuple[Body, ...]] | None = None, **how: Any) -> list[str]:
    return draw(document(model, children or {}), LATER, **how)


def test_a_model_at_rest_is_drawn_from_its_releases_down_to_their_pods() -> None:
    drawn = lines(churn(), parts(NEW, OLD))
    assert [" ".join(line.split()) for line in drawn] == [
        "E2IModel models/churn Ready 5m it serves",
        f"├─ Service churn 2/2 ready 5m http://churn.models.svc:3000 -> release {NEW}",
        "│ └─ From here kubectl e2i ask churn -n models",
        f"├─ Release {NEW} (desired, serving) Serving 5m {NEW_TAG}",
        f"│ ├─ BentoRequest churn-{'b' * 8} Built 5m registry/churn:new",
        f"│ └─ BentoDeployment churn-{NEW} Accepted 5m",
        f"│ └─ Deployment churn-{NEW} 2/2 ready 5m",
        f"│ ├─ Pod churn-{NEW}-0 Ready 5m",
        f"│ └─ Pod churn-{NEW}-1 Ready 5m",
        f"└─ Release {OLD} (previous) Superseded 5m {OLD_TAG}",
        f"├─ BentoRequest churn-{'a' * 8} Built 5m registry/churn:{OLD}",
        f"└─ BentoDeployment churn-{OLD} Accepted 5m",
        f"└─ Deployment churn-{OLD} 2/2 ready 5m",
        f"├─ Pod churn-{OLD}-0 Ready 5m",
        f"└─ Pod churn-{OLD}-1 Ready 5m",
    ]


def test_a_second_installation_that_is_set_to_have_the_namespace_is_shown() -> None:
    conditions = [
        told("Ready", "True", "Ready", "it serves"),
        told("Contested", "True", "SeveralOperators", "two"),
    ]
    drawn = [" ".join(line.split()) for line in lines(churn(conditions=conditions), parts(NEW))]
    assert drawn[0] == "E2IModel models/churn Ready 5m it serves"
    assert drawn[1] == "├─ Contested SeveralOperators 5m two"


def test_inputs_that_have_drifted_are_shown_as_long_as_they_have() -> None:
    def shown(status: str) -> list[str]:
        conditions = [
            told("Ready", "True", "Ready", "it serves"),
            told("Drifted", status, "InputsDrifted", "tenure 0.4"),
        ]
        return [" ".join(line.split()) for line in lines(churn(conditions=conditions), parts(NEW))]

    assert shown("True")[1] == "├─ Drifted InputsDrifted 5m tenure 0.4"
    assert not any("Drifted" in line for line in shown("False"))
    drift = {"release": NEW, "drifted": 1}
    assert document(churn(drift=drift), parts(NEW))["model"]["drift"] == drift


def test_on_the_local_cluster_an_address_is_shown_that_works_from_here() -> None:
    service = a_child_body("Service", name="churn", spec={"clusterIP": "127.96.3.4"})
    found = document(churn(), parts(NEW, Service=(service,)))
    assert found["model"]["service"]["localUrl"] == "http://127.96.3.4:3000"
    assert any(line.endswith("http://127.96.3.4:3000") for line in draw(found, LATER))


def test_nothing_in_a_status_steers_the_terminal() -> None:
    """States, names, notes and messages: all of it is somebody's text."""
    steering = "a\x1b]0;b\x07\x9b31mc\u202e"
    model = churn(
        servingRelease=OLD,
        url=steering,
        conditions=[told("Ready", "False", steering, steering)],
        history=[{"release": NEW, "bentoTag": steering, "result": steering}],
        failedReleases=[failure(NEW, NEW_TAG, NEW_DIGEST, reason=steering, message=steering)],
        rollout={"release": steering, "step": 0},
    )
    drawn = draw(document(model, parts(OLD), [steering]), LATER)
    assert all(line.isprintable() for line in drawn)


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday"])
def test_a_time_that_is_none_has_no_age_and_ends_nothing(since: str) -> None:
    odd = {**told("Ready", "True", "Ready", "it serves"), "lastTransitionTime": since}
    request = a_request(NEW_TAG, NEW_DIGEST)
    request["status"]["conditions"][0]["lastTransitionTime"] = since
    drawn = lines(churn(conditions=[odd]), parts(NEW, BentoRequest=(request,)))
    assert "Ready" in drawn[0]
    assert "?" in drawn[0]
    assert any("BentoRequest" in line and "Built" in line for line in drawn)


def test_columns_stand_below_each_other() -> None:
    drawn = lines(churn(), parts(NEW))
    assert len({line.index("5m") for line in drawn if "5m" in line}) == 1


def test_a_release_that_failed_says_why_beside_the_one_that_serves() -> None:
    model = churn(
        servingRelease=OLD,
        failedReleases=[failure(NEW, NEW_TAG, NEW_DIGEST)],
        conditions=[
            told("Ready", "False", "RolledBack", "it failed"),
            told("RolledBack", "True", "RolledBack"),
        ],
    )
    found = document(model, parts(OLD))
    assert [(one["release"], one["roles"]) for one in found["releases"]] == [
        (NEW, ["desired", "failed"]),
        (OLD, ["serving"]),
    ]
    drawn = "\n".join(draw(found, LATER))
    assert f"Release {NEW} (desired, failed)" in drawn
    assert "VerificationFailed" in drawn
    assert "/predict answered otherwise" in drawn


def test_a_failure_shows_what_it_left_behind() -> None:
    evidence = {
        "pod": "churn-x",
        "container": "main",
        "terminatedReason": "OOMKilled",
        "exitCode": 137,
        "log": "loading\nstill loading",
        "http": "POST /predict -> 200: NaN",
    }
    drawn = lines(churn(failedReleases=[failure(NEW, NEW_TAG, NEW_DIGEST, evidence=evidence)]))
    assert [" ".join(line.split()[2:]) for line in drawn if "Evidence" in line] == [
        "Evidence ended container main of pod churn-x: OOMKilled, exit code 137",
        "Evidence answer POST /predict -> 200: NaN",
        "Evidence log still loading",
    ]


def test_what_the_model_says_is_not_said_again_by_its_release() -> None:
    waits = [
        told("Ready", "False", "Deploying", "0 of 2 pods are ready"),
        told("Reconciling", "True", "Deploying"),
    ]
    drawn = "\n".join(lines(churn(servingRelease=None, conditions=waits)))
    assert drawn.count("0 of 2 pods are ready") == 1


def test_before_the_export_the_release_has_no_name_yet() -> None:
    body = a_body(spec={"bento": {"tag": NEW_TAG}})
    found = document(body, {})
    assert [(one["release"], one["roles"], one["bentoTag"]) for one in found["releases"]] == [
        (None, ["desired"], NEW_TAG)
    ]
    assert "Release ? (desired)" in "\n".join(draw(found, LATER))
    assert "has not seen it yet" in lines({**body, "status": {"observedGeneration": 1}})[0]


def test_a_status_of_an_older_spec_is_not_taken_for_the_present() -> None:
    first = lines(churn(metadata={"generation": 2}))[0]
    assert "Changed" in first
    assert "has not yet seen the last change" in first


def test_the_build_shows_its_pods_while_it_runs_and_no_more_when_it_is_done() -> None:
    stuck = a_pod(
        "builder-x",
        {"yatai.ai/bento-request": f"churn-{'b' * 8}"},
        phase="Pending",
        conditions=[{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available."}],
    )
    conditions = [
        told("Ready", "False", "BuildBlocked", "waits"),
        told("ImageBuilt", "False", "Building", "it builds"),
    ]
    model = churn(servingRelease=None, conditions=conditions, history=[])
    running = {"BentoRequest": (a_request(NEW_TAG, NEW_DIGEST, built=False),), "BuildPod": (stuck,)}
    drawn = "\n".join(lines(model, running))
    assert "Building" in drawn
    assert "BuildBlocked" in drawn
    assert "0/1 nodes are available" in drawn
    built = {**running, "BentoRequest": (a_request(NEW_TAG, NEW_DIGEST),)}
    assert "builder-x" not in "\n".join(lines(model, built))


def test_a_pod_that_cannot_start_says_so_in_the_operators_words() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not there"}}
    broken = {"name": "main", "ready": False, "restartCount": 0, "state": waiting}
    pod = a_pod("churn-x", _of(NEW), conditions=[], phase="Pending", containerStatuses=[broken])
    drawn = "\n".join(lines(churn(), parts(NEW, Pod=(pod,), Deployment=(a_workload(NEW, ready=0),))))
    assert "ImagePullFailed" in drawn
    assert "0/2 ready" in drawn
    assert "(ErrImagePull): not there" in drawn


@pytest.mark.parametrize(
    ("pod", "state"),
    [
        ({}, "Ready"),
        ({"conditions": []}, "NotReady"),
        ({"phase": "Pending", "conditions": []}, "Starting"),
        ({"phase": "Failed", "conditions": []}, "Failed"),
    ],
)
def test_a_pod_without_trouble_has_one_word(pod: dict[str, Any], state: str) -> None:
    found = document(churn(), parts(NEW, Pod=(a_pod("churn-x", _of(NEW), **pod),)))
    assert found["releases"][0]["deployment"]["workload"]["pods"][0]["state"] == state


def test_a_canary_shows_what_was_asked_for_and_what_it_has() -> None:
    steps = [{"setWeight": 10}, {"pause": {}}]
    rollout = {"release": NEW, "step": 1, "stepStartedAt": timestamp(NOON), "weight": 10, "actualWeight": 33}
    model = churn(
        spec={"rollout": {"strategy": "Canary", "steps": steps}}, servingRelease=OLD, rollout=rollout
    )
    found = document(model, parts(NEW, OLD))
    assert found["releases"][0]["roles"] == ["desired", "canary"]
    drawn = "\n".join(draw(found, LATER))
    assert "step 2/2" in drawn
    assert (
        "asked for 10 % of the requests, has 33 % of the ready pods; waits for kubectl e2i promote churn"
        in drawn
    )


def test_a_paused_model_says_how_it_goes_on() -> None:
    drawn = "\n".join(lines(churn(metadata={"annotations": {"serving.e2i.dev/paused": "true"}})))
    assert "kubectl e2i resume churn -n models" in drawn


def test_a_model_that_no_operator_has_seen_says_where_to_look() -> None:
    assert unseen(churn()) == []
    assert "kubectl e2i doctor" in unseen({**churn(), "status": {}})[0]


def test_a_model_without_known_questions_is_told_what_its_releases_may_answer() -> None:
    model = churn()
    assert "only crashes take it back. Look at kubectl explain" in unprotected(model)[0]
    model["spec"]["rollout"] = {"watch": {"seconds": 60, "maxErrorRatio": "0.1"}}
    assert unprotected(model)[0].endswith(
        "spec.rollout.verify is empty. Look at kubectl explain e2im.spec.rollout"
    )
    model["spec"]["rollout"]["verify"] = [{"path": "/predict", "body": "{}"}]
    assert unprotected(model) == []


def test_what_could_not_be_read_is_noted() -> None:
    found = document(churn(), {}, ["You may not list pods here: they are left out."])
    assert draw(found, LATER)[-1] == "note: You may not list pods here: they are left out."


def test_a_services_namesakes_of_yatai_are_not_the_address() -> None:
    other = a_child_body("Service", name=f"churn-{NEW}")
    assert document(churn(), {"Service": (other,)})["model"]["service"] is None


def test_lines_are_cut_where_the_terminal_ends() -> None:
    drawn = lines(churn(), parts(NEW), width=40)
    assert max(map(len, drawn)) == 40
    assert all(line.endswith("…") for line in drawn if len(line) == 40)


def test_a_message_that_was_cut_is_said_in_full_below() -> None:
    message = "0 of 2 pods are ready, and this sentence is longer than the terminal is wide"
    drawn = lines(churn(conditions=[told("Ready", "False", "Deploying", message)]), width=60)
    assert " ".join(drawn[-2:]) == message
    assert message not in " ".join(
        lines(churn(conditions=[told("Ready", "False", "Deploying", message)]))[1:]
    )


def test_a_release_without_its_image_is_not_called_refused() -> None:
    conditions = [{**told("Available", "False", "Because"), "message": "Bento not found"}]
    waiting = {**a_deployment(NEW, NEW_TAG, NEW_DIGEST), "status": {"conditions": conditions}}
    for built, state in ((False, "Pending"), (True, "Refused")):
        request = a_request(NEW_TAG, NEW_DIGEST, built=built)
        found = document(churn(), {"BentoRequest": (request,), "BentoDeployment": (waiting,)})
        assert found["releases"][0]["deployment"]["state"] == state


def test_colour_marks_the_state_only() -> None:
    first = lines(churn(), colour=True)[0]
    assert "\x1b[32mReady\x1b[0m" in first
    assert "\x1b" not in lines(churn())[0]


def test_what_others_wrote_cannot_steer_the_terminal() -> None:
    model = churn(conditions=[told("Ready", "False", "CrashLoop", "ended\n\x1b[2Jwith 1")])
    (line, *_) = lines(model)
    assert line.endswith("ended  [2Jwith 1")


@pytest.mark.parametrize(
    ("conditions", "generation", "end"),
    [
        pytest.param([told("Ready", "True", "Ready")], 1, True, id="ready"),
        pytest.param([told("Ready", "True", "Ready")], 2, None, id="ready with an older spec"),
        pytest.param(
            [told("Ready", "False", "Building"), told("Reconciling", "True", "Building")], 1, None, id="on"
        ),
        pytest.param(
            [told("Ready", "False", "Refused"), told("Stalled", "True", "Refused")], 1, False, id="stalled"
        ),
        pytest.param(
            [told("Ready", "False", "CrashLoop"), told("RolledBack", "True", "CrashLoop")],
            1,
            False,
            id="rolled back",
        ),
    ],
)
def test_following_ends_when_the_model_does_not_go_on_by_itself(
    conditions: list[Body], generation: int, end: bool | None
) -> None:
    assert outcome(churn(conditions=conditions, metadata={"generation": generation})) is end


def test_a_restart_that_the_operator_has_not_seen_is_not_over() -> None:
    asked = {"annotations": {"serving.e2i.dev/restart-at": "2"}}
    assert outcome(churn(metadata=asked, observedRestartAt="1")) is None
    assert outcome(churn(metadata=asked, observedRestartAt="2")) is True
    assert outcome(churn(observedRestartAt="2")) is None, "the annotation was removed"
