"""What a request may hold, by the card of the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bentos.runtime import made
from pydantic import BaseModel, ValidationError

from e2i_bento.card import Card, Feature, read_card
from e2i_bento.request_types import answer_type, input_type, row_from


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> type[BaseModel]:
    return input_type(read_card(made.churn(tmp_path_factory.mktemp("churn"))))


def complaints(kind: type[BaseModel], text: str) -> list[tuple[Any, ...]]:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate_json(text)
    return [(*error["loc"], error["type"]) for error in caught.value.errors()]


def test_a_right_row_comes_back_under_the_names_of_its_features(customer: type[BaseModel]) -> None:
    assert row_from(customer.model_validate_json(json.dumps(made.CUSTOMER))) == made.CUSTOMER


@pytest.mark.parametrize(
    ("feature", "value", "complaint"),
    [
        pytest.param("tenure months", '"3"', "int_type", id="a text is no integer"),
        pytest.param("tenure months", "true", "int_type", id="true is not 1"),
        pytest.param("tenure months", "3.5", "int_type", id="an integer has no fraction"),
        pytest.param("tenure months", "1201", "less_than_equal", id="a declared limit holds"),
        pytest.param("charge", '"3"', "float_type", id="a text is no number"),
        pytest.param("charge", "false", "float_type", id="false is not 0"),
        pytest.param("charge", "NaN", "finite_number", id="NaN is refused"),
        pytest.param("charge", "1e999", "finite_number", id="what overflows is refused"),
        pytest.param("charge", "null", "float_type", id="null is refused where nothing may be missing"),
        pytest.param("contract", '"weekly"', "literal_error", id="an unknown category is refused"),
        pytest.param("autopay", "1", "bool_type", id="1 is not true"),
        pytest.param("colour", "1", "extra_forbidden", id="an unknown field is refused"),
    ],
)
def test_a_wrong_value_is_refused_at_its_place(
    customer: type[BaseModel], feature: str, value: str, complaint: str
) -> None:
    text = json.dumps(made.CUSTOMER | {feature: "HERE"}).replace('"HERE"', value)
    found = complaints(customer, text)
    assert found == [(feature, complaint)]


def test_a_missing_feature_is_refused(customer: type[BaseModel]) -> None:
    row = {name: value for name, value in made.CUSTOMER.items() if name != "charge"}
    assert complaints(customer, json.dumps(row)) == [("charge", "missing")]


def test_a_whole_number_is_a_number(customer: type[BaseModel]) -> None:
    row = row_from(customer.model_validate_json(json.dumps(made.CUSTOMER | {"charge": 95})))
    assert row["charge"] == 95


def test_an_integer_may_be_written_with_a_point_as_pandas_does(customer: type[BaseModel]) -> None:
    row = row_from(customer.model_validate_json(json.dumps(made.CUSTOMER | {"tenure months": 12.0})))
    assert repr(row["tenure months"]) == "12"


def test_an_integer_that_no_column_can_hold_is_refused_even_without_a_declared_limit() -> None:
    kind = input_type(a_card({"name": "n", "kind": "integer"}))
    assert complaints(kind, '{"n": 9223372036854775808}') == [("n", "less_than_equal")]


def test_what_may_be_missing_may_be_null() -> None:
    kind = input_type(a_card({"name": "n", "kind": "integer", "nullable": True, "minimum": 1}))
    assert row_from(kind.model_validate_json('{"n": null}')) == {"n": None}
    assert complaints(kind, '{"n": 0}') == [("n", "greater_than_equal")]


@pytest.mark.parametrize("name", ["copy", "_id", "model_config", "mean radius", "2nd", "self"])
def test_any_text_can_be_the_name_of_a_feature(name: str) -> None:
    kind = input_type(a_card({"name": name, "kind": "number"}))
    assert row_from(kind.model_validate_json(json.dumps({name: 1.5}))) == {name: 1.5}


def test_the_schema_names_features_limits_categories_and_descriptions(customer: type[BaseModel]) -> None:
    properties = customer.model_json_schema()["properties"]
    assert (properties["tenure months"]["minimum"], properties["tenure months"]["maximum"]) == (0, 1200)
    assert properties["contract"]["enum"] == ["monthly", "yearly"]
    assert properties["charge"]["description"] == "dollars a month"


def test_the_type_of_an_answer_has_the_labels_and_decisions(tmp_path: Path) -> None:
    bands = [{"below": 0.5, "decision": "KEEP"}, {"below": 1.01, "decision": "CALL"}]
    card = read_card(made.churn(tmp_path, decisions={"label": "leaves", "bands": bands}))
    properties = answer_type(card).model_json_schema()["properties"]
    assert properties["label"]["enum"] == ["leaves", "stays"]
    assert properties["decision"]["enum"] == ["KEEP", "CALL"]


def a_card(*features: dict[str, Any]) -> Card:
    given = {"name": "a_model", "type": "Regression", "golden": [{"input": {}, "output": {}}]}
    file = {"name": "model.joblib", "digest": f"sha256:{'0' * 64}"}
    return Card.model_validate(given | {"model": file, "features": [Feature(**one) for one in features]})
