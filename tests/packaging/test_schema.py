"""From columns to features: kinds, limits, distributions, and what contradicts them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.model_declaration import ModelDeclaration, describe_features
from e2i.packaging.schema import LISTED, choose_columns, infer_feature, json_rows, listed


def feature(values: list[Any], dtype: Any = None, **declared: Any) -> Any:
    return infer_feature("x", pd.Series(values, dtype=dtype), declared)


@pytest.mark.parametrize(
    ("values", "kind", "nullable"),
    [
        pytest.param([1, 2, 3], "integer", False, id="whole numbers"),
        pytest.param([1.0, None, 2.0], "number", True, id="numbers, one missing"),
        pytest.param([True, False, True], "boolean", False, id="truth values"),
        pytest.param([True, None, False], "boolean", True, id="truth values, one missing"),
        pytest.param(["a", "b", "a"], "category", False, id="texts that come again"),
        pytest.param(["one", "two", "three"], "text", False, id="texts that never come again"),
    ],
)
def test_the_kind_is_what_the_values_are(values: list[Any], kind: str, nullable: bool) -> None:
    found = feature(values)
    assert (found.kind, found.nullable) == (kind, nullable)


def test_categories_are_all_that_were_seen() -> None:
    assert feature(["b", "a", "b"]).categories == ("a", "b")


def test_shares_sum_to_one_and_the_last_is_of_what_is_missing() -> None:
    reference = feature([*range(10), None, None], dtype="float64").reference
    assert sum(reference.shares) == pytest.approx(1)
    assert reference.shares[-1] == pytest.approx(2 / 12)
    assert len(reference.shares) == len(reference.edges) + 2


def test_a_column_of_one_number_has_one_bin() -> None:
    reference = feature([7, 7, 7]).reference
    assert (reference.edges, reference.shares) == ((), (1.0, 0.0))


@pytest.mark.parametrize(
    ("values", "declared", "told"),
    [
        pytest.param([1, 2], {"minimum": 2}, "minimum 2, and the data has 1", id="below the minimum"),
        pytest.param([1, 2], {"maximum": 1}, "maximum 1, and the data has 2", id="above the maximum"),
        pytest.param([1.5, 2], {"kind": "integer"}, "the data has 1.5", id="not whole"),
        pytest.param(["a", "b", "a"], {"categories": ["a"]}, "the data has 'b'", id="an unknown category"),
        pytest.param([1.0, None], {"nullable": False}, "1 rows have no value", id="missing after all"),
        pytest.param([1, 2], {"kind": "whole"}, "at kind", id="no such kind"),
        pytest.param([1, 2], {"minimun": 2}, "minimun", id="a misspelt word"),
    ],
)
def test_a_declaration_that_the_data_contradicts_is_refused(values: Any, declared: Any, told: str) -> None:
    with pytest.raises(PackagingError, match=told) as refused:
        feature(values, **declared)
    assert refused.value.reason is ErrorReason.DeclarationContradicted


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([None, None], id="empty"),
        pytest.param([1, "a"], id="mixed"),
        pytest.param([pd.Timestamp("2026-01-01")], id="dates"),
        pytest.param([1.0, float("inf")], id="infinite"),
    ],
)
def test_a_column_that_a_request_cannot_carry_is_refused(values: list[Any]) -> None:
    with pytest.raises(PackagingError) as refused:
        feature(values)
    assert refused.value.reason is ErrorReason.ColumnUnusable
    assert "Column x" in refused.value.message


def test_rows_are_plain_json() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", None], "d": [True, False]})
    assert json_rows(frame) == [
        {"a": 1, "b": 0.5, "c": "x", "d": True},
        {"a": 2, "b": None, "c": None, "d": False},
    ]


def test_the_models_own_columns_are_the_features() -> None:
    assert choose_columns(["id", "b", "a", "y"], None, ["a", "b"], {"y": "target"}) == ["a", "b"]


def test_without_a_word_all_other_columns_are_but_never_the_truth() -> None:
    assert choose_columns(["a", "y", "true_effect"], None, None, {"y": "target"}) == ["a"]


@pytest.mark.parametrize(
    ("given", "fitted", "reason"),
    [
        pytest.param(["a", "y"], None, ErrorReason.TargetAmongFeatures, id="the target is given"),
        pytest.param(
            None, ["a", "y"], ErrorReason.TargetAmongFeatures, id="the model was fitted with the target"
        ),
        pytest.param(["a", "z"], None, ErrorReason.ColumnMissing, id="a given column is not there"),
        pytest.param(None, ["z"], ErrorReason.ColumnMissing, id="a column of the training is not there"),
        pytest.param(["a"], ["a", "b"], ErrorReason.DeclarationContradicted, id="fewer than in training"),
    ],
)
def test_features_that_cannot_be_are_refused(given: Any, fitted: Any, reason: ErrorReason) -> None:
    with pytest.raises(PackagingError) as refused:
        choose_columns(["a", "b", "y"], given, fitted, {"y": "target"})
    assert refused.value.reason is reason


def test_the_name_that_was_meant_is_in_the_list_however_long_it_is() -> None:
    names = [f"column_{number}" for number in range(100)] + ["monthly_charges"]
    shown = listed(names, near="monthly_charge")
    assert shown.startswith("monthly_charges, column_0, ")
    assert shown.endswith(f" and {101 - LISTED} more")
    assert "monthly_charges" not in listed(names), "without a wish it is cut off"


SENTENCES = pd.DataFrame(
    {"note": ["pays late", "always on time"] * 20, "plan": ["free", "pro"] * 20, "left": ["yes", "no"] * 20}
)


def of_words(column: Any) -> Any:
    """A model that reads `column` word by word, behind what keeps it as it is, and encodes the plan."""
    words = make_pipeline("passthrough", TfidfVectorizer())
    columns = make_column_transformer((words, column), (OneHotEncoder(), ["plan"]))
    return make_pipeline(columns, LogisticRegression()).fit(SENTENCES[["note", "plan"]], SENTENCES.left)


@pytest.mark.parametrize("column", ["note", 0], ids=["by name", "by place"])
def test_a_column_of_few_sentences_that_the_model_reads_word_by_word_is_free_text(column: Any) -> None:
    declaration = ModelDeclaration(name="left_model", kind="Classification", target="left")
    found = {each.name: each for each in describe_features(declaration, SENTENCES, of_words(column))}
    assert (found["note"].kind, found["note"].categories) == ("text", ())
    assert (found["plan"].kind, found["plan"].categories) == ("category", ("free", "pro"))


def test_categories_that_a_person_declares_are_kept_for_a_column_of_words() -> None:
    declared = {"note": {"categories": ["pays late", "always on time"]}, "plan": {}}
    declaration = ModelDeclaration(name="left_model", kind="Classification", target="left", features=declared)
    assert describe_features(declaration, SENTENCES, of_words("note"))[0].kind == "category"
