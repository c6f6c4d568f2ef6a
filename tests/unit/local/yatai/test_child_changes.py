"""Drift is what differs in fields that the controller writes, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.local.yatai.child_changes import LAST_APPLIED, has_drifted, with_last_applied


def a_deployment(**container: Any) -> dict[str, Any]:
    main = {"name": "main", "image": "a:1", "env": [{"name": "A", "value": "1"}], "args": ["x"]} | container
    return {"metadata": {"name": "plain", "labels": {"ours": "1"}}, "spec": {"containers": [main]}}


def live_of(wanted: dict[str, Any]) -> dict[str, Any]:
    """What the API server keeps of it: more fields everywhere."""
    live = with_last_applied(wanted)
    live["metadata"] = {**live["metadata"], "uid": "u", "generation": 1}
    main = {**live["spec"]["containers"][0], "terminationMessagePath": "/dev/termination-log"}
    live["spec"] = {"replicas": 3, "containers": [main]}
    return live


def test_what_was_written_has_not_drifted() -> None:
    assert not has_drifted(a_deployment(), live_of(a_deployment()))


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(a_deployment(image="a:2"), id="another value"),
        pytest.param(a_deployment(tty=True), id="a field more"),
        pytest.param(a_deployment(env=[]), id="a variable less"),
        pytest.param(a_deployment(env=[{"name": "A"}]), id="a variable without its value"),
        pytest.param(a_deployment(args=["x", "y"]), id="a longer list"),
    ],
)
def test_a_new_wish_is_drift(wanted: dict[str, Any]) -> None:
    assert has_drifted(wanted, live_of(a_deployment()))


@pytest.mark.parametrize(
    ("place", "value", "drifts"),
    [
        pytest.param("image", "b:1", True, id="a value that we write"),
        pytest.param("args", ["y"], True, id="a list that we write"),
        pytest.param("startupProbe", {"failureThreshold": 3}, False, id="a field that we do not write"),
        pytest.param("env", [{"name": "A", "value": "1"}, {"name": "B"}], False, id="a variable of theirs"),
        pytest.param("env", [], True, id="a variable of ours gone"),
    ],
)
def test_a_change_by_hand_drifts_only_where_we_write(place: str, value: Any, drifts: bool) -> None:
    live = live_of(a_deployment())
    live["spec"]["containers"][0][place] = value
    assert has_drifted(a_deployment(), live) is drifts


def test_labels_added_by_hand_are_no_drift() -> None:
    live = live_of(a_deployment())
    live["metadata"]["labels"] = {"ours": "1", "theirs": "2"}
    assert not has_drifted(a_deployment(), live)


@pytest.mark.parametrize("text", ["no JSON", "[]"])
def test_a_spoilt_annotation_counts_as_nothing_written(text: str) -> None:
    live = live_of(a_deployment())
    live["metadata"]["annotations"] = {LAST_APPLIED: text}
    assert not has_drifted(a_deployment(), live)
    assert has_drifted(a_deployment(image="a:2"), live)
