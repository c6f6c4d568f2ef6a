"""From request, environment and bento to an E2IModel."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.deploying.environments import Environment
from e2i.deploying.errors import InvalidRequest
from e2i.deploying.request import DeploymentRequest
from e2i.deploying.request_manifest import Deployable, manifest, merged, notes


def a_request(**changes: Any) -> DeploymentRequest:
    values = {"experiment_id": "exp-123", "model_uri": "churn_model:1.0.0", "target_environment": "local"}
    return DeploymentRequest.model_validate({**values, **changes})


def a_bento(**changes: Any) -> Deployable:
    return Deployable(**{"tag": "churn_model:1.0.0", "type": "Classification", **changes})


def test_the_least_that_can_be_asked() -> None:
    assert manifest(a_request(), Environment(), a_bento()) == {
        "apiVersion": "serving.e2i.dev/v1alpha1",
        "kind": "E2IModel",
        "metadata": {
            "name": "churn-model",
            "namespace": "models",
            "labels": {"serving.e2i.dev/experiment": "exp-123"},
            "annotations": {"serving.e2i.dev/model-uri": "churn_model:1.0.0"},
        },
        "spec": {"type": "Classification", "bento": {"tag": "churn_model:1.0.0"}, "replicas": 1},
    }


def test_resources_are_the_most_a_pod_may_take() -> None:
    request = a_request(resources={"cpu": "2", "memory": "4Gi"})
    assert manifest(request, Environment(), a_bento())["spec"]["resources"] == {
        "limits": {"cpu": "2", "memory": "4Gi"}
    }


def test_an_environment_adds_to_what_the_bento_says_and_the_request_wins() -> None:
    production = Environment(
        namespace="live",
        replicas=3,
        spec={"rollout": {"watch": {"seconds": 60}}, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
    )
    bento = a_bento(rollout={"verify": [{"path": "/predict"}]})
    made = manifest(a_request(resources={"cpu": "2"}, name="churn"), production, bento)
    assert made["metadata"]["namespace"] == "live"
    assert made["metadata"]["name"] == "churn"
    assert made["spec"]["replicas"] == 3
    assert made["spec"]["rollout"] == {"verify": [{"path": "/predict"}], "watch": {"seconds": 60}}
    assert made["spec"]["resources"] == {"limits": {"cpu": "2", "memory": "1Gi"}}


def test_an_environment_that_scales_by_load_gets_no_number_of_pods() -> None:
    spec = manifest(a_request(), Environment(spec={"autoscaling": {"maxReplicas": 3}}), a_bento())["spec"]
    assert "replicas" not in spec


def test_a_bento_that_was_brought_to_the_bucket_is_released_from_its_archive() -> None:
    digest = f"sha256:{'9f' * 32}"
    spec = manifest(a_request(), Environment(), a_bento(digest=digest))["spec"]
    assert spec["bento"] == {"tag": "churn_model:1.0.0", "archive": {"digest": digest}}


def test_the_request_tells_the_type_where_the_bento_does_not() -> None:
    assert manifest(a_request(type="Causal"), Environment(), a_bento(type=None))["spec"]["type"] == "Causal"
    with pytest.raises(InvalidRequest, match="does not say what kind of model"):
        manifest(a_request(), Environment(), a_bento(type=None))


def test_mappings_are_joined_and_lists_replaced() -> None:
    below = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert merged(below, {"a": {"y": [3]}, "b": {"z": 1}}) == {"a": {"x": 1, "y": [3]}, "b": {"z": 1}}


def test_a_variable_that_the_bento_declares_without_a_value_is_named_before_the_release() -> None:
    bento = a_bento(required_env=("API_KEY", "MODE"))
    given = Environment(spec={"env": [{"name": "MODE", "value": "fast"}]})
    (note,) = notes(manifest(a_request(), given, bento), bento)
    assert note.startswith("The bento declares API_KEY without a value: set it in spec.env")
    assert notes(manifest(a_request(), Environment(), a_bento()), a_bento()) == []
