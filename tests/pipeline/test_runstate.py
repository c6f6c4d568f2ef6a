"""Which steps are done, and which must run again."""

from __future__ import annotations

import pytest

from e2i.pipeline.runstate import Record, RunState, Stop, changed_since
from e2i.pipeline.step_order import NAMES, RELEASE, STEPS, with_needs


def record(**inputs: str) -> Record:
    return Record(inputs=inputs, outputs={"a": 1}, sentence="", ended="2026-11-21T12:00:00Z", seconds=1.0)


@pytest.mark.parametrize(
    ("before", "inputs", "missing", "why"),
    [
        pytest.param(None, {"data": "a"}, (), "not done yet", id="never done"),
        pytest.param(record(data="a"), {"data": "a"}, (), "", id="nothing changed"),
        pytest.param(record(data="a"), {"data": "b"}, (), "data changed", id="an input changed"),
        pytest.param(record(data="a"), {"data": "a", "code": "c"}, (), "code changed", id="an input is new"),
        pytest.param(record(data="a", code="c"), {"data": "a"}, (), "code changed", id="an input is gone"),
        pytest.param(
            record(data="a"), {"data": "a"}, ("x.json",), "x.json is gone", id="a file of it is gone"
        ),
    ],
)
def test_why_a_step_is_done_again(
    before: Record | None, inputs: dict[str, str], missing: tuple[str, ...], why: str
) -> None:
    assert changed_since(before, inputs, missing) == why


def test_a_step_that_is_under_way_does_not_count_as_done() -> None:
    state = RunState().ended("data", record()).ended("test", record()).begun("data")
    assert list(state.done) == ["test"]
    assert state.outputs("data") == {}


def test_where_it_stopped_is_forgotten_when_it_goes_on() -> None:
    stop = Stop(step="gate", message="no", code=3, ended="2026-11-21T12:00:00Z")
    assert RunState().stopped(stop).begun("gate").stop is None


def test_a_state_survives_being_written_and_read() -> None:
    state = RunState(data="/x.csv").ended("data", record(data="a"))
    assert RunState.model_validate_json(state.model_dump_json()) == state


def test_every_step_needs_only_steps_before_it() -> None:
    for place, step in enumerate(STEPS):
        assert set(step.needs) <= set(NAMES[:place])


def test_the_gate_lies_between_training_and_everything_that_leaves_the_machine() -> None:
    for name in ("register", "build", "push", "deploy", "serve"):
        assert "gate" in with_needs(name)
    assert RELEASE[-1] == "serve"
