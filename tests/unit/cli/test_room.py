"""Room for the pods of a rollout: sidecars in live Deployments, what nodes have left, and what `plan` says of it."""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import a_body
from support.model_bodies import NEW_DIGEST, NEW_TAG, OLD_TAG, Body, a_request, churn

from e2i.cli.plugin.forecast import Forecast, forecast, with_room
from e2i.cli.plugin.room import placeable

POD = {"cpu": "500m", "memory": "1Gi"}


def container(name: str, **requests: str) -> Body:
    return {"name": name, "resources": {"requests": requests}}


def workload(*containers: Body, created: str = "2026-11-21T12:00:00Z") -> Body:
    template = {"spec": {"containers": list(containers)}}
    return {"metadata": {"creationTimestamp": created}, "spec": {"template": template}}


def a_node(name: str = "one", *, taint: str = "", ready: str = "True", **amounts: str) -> Body:
    allocatable = {"cpu": "2", "memory": "8Gi", "pods": "110", **amounts}
    taints = [{"key": "k", "effect": taint}] if taint else []
    conditions = [{"type": "Ready", "status": ready}]
    return {
        "metadata": {"name": name},
        "spec": {"taints": taints},
        "status": {"allocatable": allocatable, "conditions": conditions},
    }


def a_pod(node: str = "one", phase: str = "Running", **requests: str) -> Body:
    spec = {"nodeName": node, "containers": [container("main", **requests)]}
    return {"spec": spec, "status": {"phase": phase}}


def planned(*workloads: Body, **spec: Any) -> Forecast:
    resources = {"requests": {"cpu": "60m", "memory": "384Mi"}}
    before = churn(spec={"replicas": 2, "resources": resources})
    after = churn(spec={"replicas": 2, "resources": resources, "bento": {"tag": OLD_TAG}, **spec})
    return forecast(before, after, [a_request(NEW_TAG, NEW_DIGEST)], workloads)


def test_the_sidecars_of_the_release_that_runs_are_counted() -> None:
    """The sidecars' figures are those of the real yatai-deployment."""
    sidecars = (
        container("metrics-transformer", cpu="10m", memory="10Mi"),
        container("proxy", cpu="100m", memory="200Mi"),
    )
    earlier = workload(container("main", cpu="9"), container("old", cpu="9"), created="2026-11-20T12:00:00Z")
    found = planned(earlier, workload(container("main", cpu="60m", memory="384Mi"), *sidecars))
    assert found.extra.each == {"cpu": "170m", "memory": "594Mi"}
    assert found.extra.requests == {"cpu": "340m", "memory": "1188Mi"}
    assert not found.notes


def test_a_resource_that_only_a_sidecar_requests_is_counted() -> None:
    found = planned(workload(container("main"), container("proxy", **{"ephemeral-storage": "1Gi"})))
    assert found.extra.each["ephemeral-storage"] == "1Gi"


def test_where_no_release_runs_the_plan_says_what_sidecars_add() -> None:
    (note,) = planned().notes
    assert note.startswith("requests without those of Yatai's sidecars")
    assert "adds cpu 110m and memory 210Mi to each pod" in note


@pytest.mark.parametrize(
    ("nodes", "pods", "placed"),
    [
        ([a_node()], [], 3),
        ([a_node(cpu="1")], [], 2),
        ([a_node(cpu="1")], [a_pod(cpu="600m")], 0),
        ([a_node(cpu="1")], [a_pod(phase="Succeeded", cpu="600m")], 2),
        ([a_node(cpu="1")], [a_pod(node="two", cpu="600m")], 2),
        ([a_node(memory="2047Mi")], [], 1),
        ([a_node(pods="2")], [a_pod()], 1),
        ([a_node(cpu="600m"), a_node("two", cpu="600m")], [], 2),
        ([a_node(taint="NoSchedule")], [], 0),
        ([a_node(taint="PreferNoSchedule")], [], 3),
        ([a_node(ready="Unknown")], [], 0),
        ([], [], 0),
    ],
)
def test_pods_are_placed_by_what_nodes_have_left(nodes: list[Body], pods: list[Body], placed: int) -> None:
    assert placeable(POD, 3, nodes, pods) == placed


def test_a_resource_that_no_node_has_leaves_no_room() -> None:
    assert placeable({"nvidia.com/gpu": "1"}, 1, [a_node()], []) == 0
    assert placeable({"nvidia.com/gpu": "1"}, 1, [a_node(**{"nvidia.com/gpu": "1"})], []) == 1


def test_too_few_nodes_are_a_note_with_the_amount_and_its_origin() -> None:
    after = a_body(spec={"replicas": 2, "bento": {"tag": OLD_TAG}})
    found = with_room(forecast(None, after, ()), after, [a_node(cpu="600m")], [])
    assert found.notes[-1] == (
        "the nodes have room for 1 of 2 more pods now: each requests cpu 500m, memory 1Gi; cpu and memory by e2i's "
        "default, which spec.resources.requests changes"
    )


def test_amounts_of_the_spec_are_not_called_defaults() -> None:
    after = a_body(spec={"bento": {"tag": OLD_TAG}, "resources": {"requests": {"cpu": "3", "memory": "1Gi"}}})
    found = with_room(forecast(None, after, ()), after, [a_node()], [])
    assert found.notes[-1] == "the nodes have room for 0 of 1 more pods now: each requests cpu 3, memory 1Gi"


def test_enough_room_is_not_mentioned() -> None:
    after = a_body(spec={"bento": {"tag": OLD_TAG}})
    made = forecast(None, after, ())
    assert with_room(made, after, [a_node()], []) == made


def test_who_may_not_list_nodes_is_told_that_room_was_not_checked() -> None:
    after = a_body(spec={"bento": {"tag": OLD_TAG}})
    assert with_room(forecast(None, after, ()), after, None, ()).notes[-1] == (
        "room on the nodes was not checked: you may not list nodes and pods"
    )
