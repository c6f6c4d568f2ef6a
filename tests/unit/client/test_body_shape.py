"""The client sends an input in the form that the bento takes, and says what cannot be sent."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from e2i.client import BadInput
from e2i.client.body_shape import AS_IT_IS, Shape, find_shape

ROW = {"tenure_months": 3}


def route(at: str, *parameters: str, **more: Any) -> dict[str, Any]:
    return {"route": at, "input": {"properties": {name: {} for name in parameters}, **more}}


def schema(*routes: Any) -> dict[str, Any]:
    return {"name": "Churn", "routes": list(routes)}


@pytest.mark.parametrize(
    ("known", "path", "wrapper"),
    [
        (schema(route("/predict", "input_data")), "/predict", "input_data"),
        (schema(route("/predict", "customer")), "/predict", "customer"),
        (schema(route("/v1/predict", "input_data")), "/v1/predict", "input_data"),
        (schema(route("/predict", "a"), route("/ltv/predict", "b")), "/ltv/predict", "b"),
        (schema(route("/predict", "input_data")), "/a/gateway/predict", "input_data"),
        (schema(route("/predict", root_input=True)), "/predict", ""),
        (schema(route("/predict", "a", root_input=True)), "/predict", ""),
        (schema(route("/predict", "row", "threshold")), "/predict", ""),
        (schema(route("/predict", "input_data")), "/classify", ""),
        (schema(route("/predict", "input_data")), "/my_predict", ""),
        (schema("nonsense", {"route": 3}), "/predict", ""),
        ({"routes": {}}, "/predict", ""),
        (None, "/predict", ""),
    ],
)
def test_the_schema_says_under_which_name_the_route_takes_its_input(
    known: object, path: str, wrapper: str
) -> None:
    assert find_shape(known, path) == Shape(wrapper)


@pytest.mark.parametrize("given", [ROW, {"input_data": ROW}])
def test_the_wrapper_is_there_once_whether_the_caller_wrote_it_or_not(given: Any) -> None:
    assert json.loads(Shape("input_data").body("churn", given)) == {"input_data": ROW}


def test_a_batch_is_wrapped_as_a_whole() -> None:
    assert json.loads(Shape("input_data").body("churn", [ROW, ROW])) == {"input_data": [ROW, ROW]}


def test_numbers_and_arrays_of_numpy_are_sent_as_plain_ones() -> None:
    value = {"a": np.float64(0.5), "b": np.int32(3), "c": np.array([[1, 2]]), "d": np.bool_(True)}
    assert json.loads(AS_IT_IS.body("churn", value)) == {"a": 0.5, "b": 3, "c": [[1, 2]], "d": True}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": float("nan")}, "Write None for a missing number"),
        ({"a": np.float64("inf")}, "Write None for a missing number"),
        ({"a": {1, 2}}, "a set is no JSON"),
    ],
)
def test_what_is_no_json_is_refused_before_it_is_sent(value: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        AS_IT_IS.body("churn", value)
