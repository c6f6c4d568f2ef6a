from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from e2i.local.node.podstatus import Place, changes, pod_status
from e2i.local.node.records import Record, Running, Terminated, Waiting

HERE = Place("10.97.0.2", "127.0.0.1", prepared=True)
RUNS = Record(state=Running(started_at=50.0), started=True, ready=True)
DEAD = Terminated(exit_code=3, reason="Error", started_at=40.0, finished_at=50.0, message="no disk")


def pod(policy: str = "Always", status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "generation": 2},
        "spec": {"restartPolicy": policy, "containers": [{"name": "a", "image": "i:1"}], **spec},
        "status": status or {},
    }


def status_of(record: Record, **more: Any) -> dict[str, Any]:
    return pod_status(pod(**more), {"a": record}, HERE, now=100.0)


def conditions(status: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c["status"] for c in status["conditions"]}


def test_a_ready_pod_says_so_everywhere() -> None:
    status = status_of(RUNS)
    assert status["containerStatuses"][0]["state"] == {"running": {"startedAt": "1970-01-01T00:00:50Z"}}
    assert set(conditions(status).values()) == {"True"}
    assert (status["phase"], status["podIP"], status["observedGeneration"]) == ("Running", "10.97.0.2", 2)


def test_an_unready_container_is_named() -> None:
    ready = next(c for c in status_of(replace(RUNS, ready=False))["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ContainersNotReady")
    assert ready["message"] == "containers with unready status: [a]"


@pytest.mark.parametrize(
    ("not_before", "state", "last"),
    [
        pytest.param(120.0, "waiting", "terminated", id="during back-off it waits"),
        pytest.param(100.0, "terminated", "", id="when it may start at once, its end is shown"),
    ],
)
def test_the_crash_loop_is_visible(not_before: float, state: str, last: str) -> None:
    shown = status_of(Record(state=DEAD, delay=20.0, not_before=not_before))["containerStatuses"][0]
    assert (next(iter(shown["state"])), next(iter(shown["lastState"]), "")) == (state, last)


def test_a_crash_loop_tells_how_long_it_waits() -> None:
    shown = status_of(Record(state=DEAD, delay=20.0, not_before=120.0))["containerStatuses"][0]
    assert shown["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert "20s" in shown["state"]["waiting"]["message"]
    assert shown["lastState"]["terminated"]["exitCode"] == 3
    assert shown["lastState"]["terminated"]["message"] == "no disk"


def test_containers_wait_for_init_containers_under_that_name() -> None:
    inits = [{"name": "i", "image": "i:1"}]
    records = {"i": RUNS, "a": Record()}
    status = pod_status(pod(initContainers=inits), records, HERE, now=100.0)
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    assert conditions(status)["Initialized"] == "False"


def test_a_gate_that_is_not_true_keeps_the_pod_unready() -> None:
    gates = [{"conditionType": "example.org/go"}]
    assert conditions(status_of(RUNS, readinessGates=gates))["Ready"] == "False"
    opened = {"conditions": [{"type": "example.org/go", "status": "True"}]}
    assert conditions(status_of(RUNS, readinessGates=gates, status=opened))["Ready"] == "True"


def test_a_pod_is_not_over_while_its_sidecar_runs() -> None:
    inits = [{"name": "side", "restartPolicy": "Always"}]
    done = Record(state=replace(DEAD, exit_code=0))
    running = pod_status(pod("Never", initContainers=inits), {"side": RUNS, "a": done}, HERE, 100.0)
    over = pod_status(pod("Never", initContainers=inits), {"side": done, "a": done}, HERE, 100.0)
    assert (running["phase"], over["phase"]) == ("Running", "Succeeded")


@pytest.mark.parametrize(
    ("record", "phase"),
    [
        (Record(state=replace(DEAD, exit_code=0)), "Succeeded"),
        (Record(state=DEAD), "Failed"),
        (Record(state=Waiting()), "Failed"),
    ],
)
def test_a_deleted_pod_ends_in_a_final_phase(record: Record, phase: str) -> None:
    assert pod_status(pod(), {"a": record}, HERE, 100.0, ended=True)["phase"] == phase


def test_a_status_that_is_already_there_is_not_written_again() -> None:
    first = status_of(RUNS)
    scheduled = {"type": "PodScheduled", "status": "True"}
    stored = {
        **first,
        "conditions": [scheduled, *({**c, "lastProbeTime": None} for c in first["conditions"])],
    }
    later = pod_status(pod(status=stored), {"a": RUNS}, HERE, now=200.0)
    assert changes(pod(status=stored), later) == {}


def test_only_the_condition_that_changed_is_written_and_loses_its_old_reason() -> None:
    before = status_of(replace(RUNS, ready=False))
    after = pod_status(pod(status=before), {"a": RUNS}, HERE, now=200.0)
    written = changes(pod(status=before), after)["conditions"]
    assert {c["type"] for c in written} == {"ContainersReady", "Ready"}
    assert {(c["lastTransitionTime"], c["reason"], c["message"]) for c in written} == {
        ("1970-01-01T00:03:20Z", None, None)
    }
