from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from e2i.local.node.container_decisions import Step, next_step, phase
from e2i.local.node.records import Record, Running, Terminated

NEW = Record()
RUNS = Record(state=Running(started_at=1.0), started=True)
STARTING = replace(RUNS, started=False)


def ended(code: int, not_before: float = 0.0) -> Record:
    state = Terminated(exit_code=code, reason="", started_at=1.0, finished_at=2.0)
    return Record(state=state, not_before=not_before)


def spec(
    policy: str = "Always", *, inits: tuple[str, ...] = (), mains: tuple[str, ...] = ("a",)
) -> dict[str, Any]:
    """Names of init containers that begin with `side` are sidecars."""
    always = {"restartPolicy": "Always"}
    return {
        "restartPolicy": policy,
        "initContainers": [{"name": n, **(always if n.startswith("side") else {})} for n in inits],
        "containers": [{"name": n} for n in mains],
    }


@pytest.mark.parametrize(
    ("pod", "records", "start"),
    [
        pytest.param(
            spec(mains=("a", "b")), {"a": NEW, "b": NEW}, ("a", "b"), id="all containers start together"
        ),
        pytest.param(
            spec(inits=("i", "j")), {"i": NEW, "j": NEW, "a": NEW}, ("i",), id="init containers go first"
        ),
        pytest.param(
            spec(inits=("i", "j")), {"i": ended(0), "j": NEW, "a": NEW}, ("j",), id="one after the other"
        ),
        pytest.param(spec(inits=("i",)), {"i": RUNS, "a": NEW}, (), id="nobody overtakes an init container"),
        pytest.param(spec(inits=("i",)), {"i": ended(0), "a": NEW}, ("a",), id="then the others"),
        pytest.param(spec(inits=("i",)), {"i": ended(1), "a": NEW}, ("i",), id="a failed one is tried again"),
        pytest.param(spec("Never", inits=("i",)), {"i": ended(1), "a": NEW}, (), id="but not under Never"),
        pytest.param(
            spec(inits=("side",)), {"side": STARTING, "a": NEW}, (), id="a sidecar must have started"
        ),
        pytest.param(spec(inits=("side",)), {"side": RUNS, "a": NEW}, ("a",), id="then the others go on"),
        pytest.param(
            spec(inits=("side",)), {"side": ended(0), "a": RUNS}, ("side",), id="a sidecar always restarts"
        ),
        pytest.param(
            spec("Never", inits=("side",)), {"side": ended(1), "a": RUNS}, ("side",), id="even under Never"
        ),
        pytest.param(spec("Always"), {"a": ended(0)}, ("a",), id="Always restarts after success"),
        pytest.param(spec("OnFailure"), {"a": ended(0)}, (), id="OnFailure does not"),
        pytest.param(spec("OnFailure"), {"a": ended(1)}, ("a",), id="OnFailure restarts after failure"),
        pytest.param(spec("Never"), {"a": ended(1)}, (), id="Never does not"),
        pytest.param(
            spec("OnFailure", mains=("a", "b"), inits=("i",)),
            {"i": ended(0), "a": RUNS, "b": ended(1)},
            ("b",),
            id="one container restarts beside another",
        ),
    ],
)
def test_who_starts_now(pod: dict[str, Any], records: dict[str, Record], start: tuple[str, ...]) -> None:
    assert next_step(pod, records, now=10.0).start == start


def test_a_container_in_back_off_is_looked_at_when_it_is_over() -> None:
    assert next_step(spec(), {"a": ended(1, not_before=30.0)}, now=10.0) == Step(wake_at=30.0)
    assert next_step(spec(), {"a": ended(1, not_before=30.0)}, now=30.0).start == ("a",)


def test_sidecars_are_stopped_when_the_last_container_has_ended() -> None:
    pod = spec("Never", inits=("side",), mains=("a", "b"))
    assert next_step(pod, {"side": RUNS, "a": ended(0), "b": RUNS}, 1.0).stop == ()
    assert next_step(pod, {"side": RUNS, "a": ended(0), "b": ended(1)}, 1.0) == Step(stop=("side",))


@pytest.mark.parametrize(
    ("pod", "records", "expected"),
    [
        (spec(), {"a": NEW}, "Pending"),
        (spec(), {"a": RUNS}, "Running"),
        (spec(), {"a": ended(0)}, "Running"),
        (spec("OnFailure"), {"a": ended(0)}, "Succeeded"),
        (spec("OnFailure"), {"a": ended(1)}, "Running"),
        (spec("Never"), {"a": ended(1)}, "Failed"),
        (spec("Never", mains=("a", "b")), {"a": ended(1), "b": RUNS}, "Running"),
        (spec("Never", inits=("i",)), {"i": ended(1), "a": NEW}, "Failed"),
        (spec(inits=("i",)), {"i": RUNS, "a": NEW}, "Pending"),
        (spec(inits=("side",)), {"side": ended(1), "a": RUNS}, "Running"),
    ],
)
def test_the_phase_of_a_pod(pod: dict[str, Any], records: dict[str, Record], expected: str) -> None:
    assert phase(pod, records) == expected
