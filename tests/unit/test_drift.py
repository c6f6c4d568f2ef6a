"""Whether what is there still says what the operator wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import DIGEST, a_deployment, a_model, a_service, seen_serving

from e2i.core import drift, naming
from e2i.core.model import Model
from e2i.core.release import Desired, desired


def wanted(model: Model, **changes: Any) -> Desired:
    found = desired(model, seen_serving(a_model(), **changes))
    assert found
    return found


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
    assert drift.contains(live, ours) is holds


def test_what_the_operator_wrote_is_no_drift() -> None:
    assert not drift.of_deployment(a_model(), wanted(a_model()), "v1")


def test_defaults_that_the_api_server_added_are_no_drift() -> None:
    deployment = a_deployment()
    grown = replace(deployment, spec={**deployment.spec, "ingress": {"enabled": False}})
    assert not drift.of_deployment(a_model(), wanted(a_model(), deployments=(grown,)), "v1")


def test_another_number_of_pods_is_drift() -> None:
    assert drift.of_deployment(a_model(replicas=2), wanted(a_model(replicas=2)), "v1")


def test_a_missing_release_is_drift() -> None:
    assert drift.of_deployment(a_model(), wanted(a_model(), deployments=()), "v1")


def test_a_release_without_a_form_is_compared_with_the_current_one() -> None:
    assert not drift.of_deployment(a_model(), wanted(a_model(), deployments=(a_deployment(form=""),)), "v1")


@pytest.mark.parametrize(
    ("selector", "differs"),
    [
        pytest.param({}, False, id="as it was written"),
        pytest.param({"app": "debug"}, True, id="another label in the selector takes pods away"),
    ],
)
def test_of_service(selector: dict[str, str], differs: bool) -> None:
    release = naming.release_of(a_model(), DIGEST)
    service = a_service(release=release)
    changed = replace(service, selector={**service.selector, **selector})
    assert drift.of_service(a_model(), wanted(a_model()), changed) is differs
    assert drift.of_service(a_model(), wanted(a_model()), None)
