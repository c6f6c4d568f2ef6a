"""Whether what is there still says what the operator wrote."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import DIGEST, a_deployment, a_deployment_spec, a_model
from support.golden import CPU

from e2i.api import naming
from e2i.api.model import Autoscaling
from e2i.controller.core.render import comparison

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)


@pytest.mark.parametrize(
    ("live", "ours", "holds"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": 1}, True, id="fields of others do not count"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}, True, id="at any depth"),
        pytest.param({"a": 1}, {"a": 2}, False, id="another value is drift"),
        pytest.param({}, {"a": None}, False, id="a missing field is drift"),
        pytest.param([{"a": 1, "b": 2}], [{"a": 1}], True, id="items of lists are compared in their order"),
        pytest.param([1, 2], [1], False, id="a longer list is drift"),
        pytest.param({"a": 1}, [1], False, id="a map is no list"),
        pytest.param([1], {"a": 1}, False, id="a list is no map"),
    ],
)
def test_contains(live: Any, ours: Any, holds: bool) -> None:
    assert comparison.contains(live, ours) is holds


def test_what_the_operator_wrote_is_no_drift() -> None:
    assert not comparison.deployment_differs(MODEL, a_deployment(), a_deployment_spec(MODEL, RELEASE))
    assert not comparison.size_differs(a_deployment(), MODEL.autoscaling)


def test_defaults_that_the_api_server_added_are_no_drift() -> None:
    grown = a_deployment(spec={**a_deployment().spec, "ingress": {"enabled": False}})
    assert not comparison.deployment_differs(MODEL, grown, a_deployment_spec(MODEL, RELEASE))


def test_another_variable_is_drift() -> None:
    edited = a_deployment(spec={**a_deployment().spec, "envs": [{"name": "NEW", "value": "1"}]})
    assert comparison.deployment_differs(MODEL, edited, a_deployment_spec(MODEL, RELEASE))


def test_another_number_of_pods_is_drift_of_the_size_alone() -> None:
    more = Autoscaling(minimum=2, maximum=2)
    assert comparison.size_differs(a_deployment(), more)
    assert not comparison.deployment_differs(
        MODEL, a_deployment(), a_deployment_spec(MODEL, RELEASE, size=more)
    )


@pytest.mark.parametrize(
    ("there", "wanted", "differs"),
    [
        pytest.param((CPU,), (CPU,), False, id="as they were written"),
        pytest.param((), (CPU,), True, id="asked for since"),
        pytest.param((CPU,), (), True, id="taken back since"),
        pytest.param((), (), False, id="never asked for"),
    ],
)
def test_metrics_of_the_autoscaler(there: tuple[Any, ...], wanted: tuple[Any, ...], differs: bool) -> None:
    model = a_model(autoscaling=Autoscaling(minimum=1, maximum=4, metrics=there))
    assert (
        comparison.size_differs(a_deployment(model), Autoscaling(minimum=1, maximum=4, metrics=wanted))
        is differs
    )


def test_a_size_that_somebody_removed_is_drift() -> None:
    assert comparison.size_differs(a_deployment(spec={}), MODEL.autoscaling)
