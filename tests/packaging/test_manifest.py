"""What the manifest of a packaged bento says."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from support.cards import a_card

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.model_manifest import (
    MAX_CHARACTERS,
    MAX_CHECKS,
    ManifestInputs,
    manifest,
    merge_checks,
    merge_env,
    tolerance,
    verify_checks,
)
from e2i_bento.card import Card, Golden


def a_regression(value: float) -> Card:
    return a_card(type="Regression", labels=(), golden=(Golden(input={"x": 1}, output={"value": value}),))


def test_the_only_model_is_asked_at_the_top() -> None:
    check = verify_checks([a_card()])[0]
    assert (check["name"], check["path"]) == ("golden-churn_model-1", "/predict")
    assert json.loads(check["body"]) == {"input_data": {"x": 0}}
    assert json.loads(check["expect"]["subset"])["label"] == "stays"


def test_each_of_several_models_is_asked_under_its_route() -> None:
    checks = verify_checks([a_card("churn_model", 1), a_card("conversion_model", 1)])
    assert [check["path"] for check in checks] == ["/churn_model/predict", "/conversion_model/predict"]


def test_many_models_share_the_checks_there_may_be() -> None:
    checks = verify_checks([a_card(f"model_{letter}", 8) for letter in "abc"])
    paths = [check["path"] for check in checks]
    assert len(checks) == MAX_CHECKS
    assert {path: paths.count(path) for path in paths} == {
        "/model_a/predict": 6,
        "/model_b/predict": 5,
        "/model_c/predict": 5,
    }


def test_a_golden_text_that_the_api_server_would_refuse_is_left_out() -> None:
    long = Golden(input={"x": "y" * MAX_CHARACTERS}, output={"label": "stays"})
    card = a_card(golden=(long, *a_card().golden))
    assert [check["name"] for check in verify_checks([card])] == [
        f"golden-churn_model-{n}" for n in (2, 3, 4)
    ]


def test_checks_of_people_stay_first_and_leave_fewer_for_ours() -> None:
    own = [{"name": f"mine {number}", "path": "/healthz"} for number in range(14)]
    old = {"name": "golden-churn_model-7", "path": "/predict"}
    merged = merge_checks([*own, old], [a_card(count=8)])
    assert merged[:14] == own
    assert [check["name"] for check in merged[14:]] == ["golden-churn_model-1", "golden-churn_model-2"]


@pytest.mark.parametrize(("value", "expected"), [(0.5, "0.000001"), (2500.0, "0.0025"), (-3e9, "3000")])
def test_the_tolerance_grows_with_large_numbers(value: float, expected: str) -> None:
    said = tolerance(1e-6, a_regression(value).golden[0])
    assert said == expected
    assert Decimal(said) > 0


def test_only_classifications_have_a_contract_of_labels() -> None:
    rollout = manifest(ManifestInputs("a:1.0.0", [a_card()]))["spec"]["rollout"]
    assert rollout["contract"] == {"labels": ["leaves", "stays"]}
    assert "contract" not in manifest(ManifestInputs("a:1.0.0", [a_regression(1.0)]))["spec"]["rollout"]


def test_the_manifest_is_named_after_the_bento() -> None:
    made = manifest(ManifestInputs("churn_model:1.0.0", [a_card()], replicas=2))
    assert made["metadata"] == {"name": "churn-model", "namespace": "models"}
    assert made["spec"]["replicas"] == 2
    assert made["spec"]["bento"] == {"tag": "churn_model:1.0.0"}


@pytest.mark.parametrize("name", ["Churn", "1churn", "churn-", "a" * 64, "ch urn"])
def test_a_name_that_no_service_can_have_is_refused(name: str) -> None:
    with pytest.raises(PackagingError) as refused:
        manifest(ManifestInputs("churn_model:1.0.0", [a_card()], name=name))
    assert refused.value.reason is ErrorReason.NameUnsafe


def test_environment_variables_are_merged_by_name() -> None:
    present = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert merge_env(present, {"B": "3", "C": "4"}) == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "3"},
        {"name": "C", "value": "4"},
    ]
