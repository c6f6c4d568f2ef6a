"""What answers of each kind of model must look like, wherever their parts stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2i.controller.core.verification import jsontext
from e2i.controller.core.verification.checks import Contract
from e2i.controller.core.verification.contract import contract_differences

LABELS = frozenset({"stay", "leave"})


def broken(kind: str, answer: Any, labels: frozenset[str] = LABELS, **paths: str) -> str | None:
    """The first difference as a sentence, or None; the answer goes through JSON as one of a model does."""
    value = jsontext.read(answer if isinstance(answer, str) else json.dumps(answer))
    found = list(contract_differences(Contract(labels=labels, paths=paths), kind, value))
    if not found:
        return None
    first = found[0]
    return f"{first.reason.name}: {first.place} should be {first.wanted}, but is {first.found}"


GOOD = {
    "Classification": [
        {"label": "stay", "probabilities": {"stay": 0.7, "leave": 0.3}, "bento": "churn:1"},
        {"label": "stay", "probabilities": [0.7, 0.3]},
        {"label": "stay", "probability": 0.7},
        {"label": "stay", "probabilities": None},
        {"label": "stay", "probabilities": 0.7},
        {"probabilities": [0.3333, 0.3333, 0.3333]},
        {"probabilities": [1.0000001, 0]},
        {"labels": ["stay", "leave"], "probabilities": [[0.7, 0.3], [0.2, 0.8]]},
        {"labels": ["stay", "leave"], "probabilities": [0.7, 0.8]},
        {"labels": ["stay", "leave"], "probability": [0.7, 0.8]},
        {"prediction": "stay"},
        {"predictions": ["stay", "leave"]},
        {"prediction": {"label": "stay", "probabilities": [0.7, 0.3]}},
        [{"label": "stay", "probabilities": [0.7, 0.3]}, {"label": "leave"}],
        "\"stay\"",
        ["stay", "leave"],
        [[0.7, 0.3], [0.2, 0.8]],
        [0.7, 0.3],
        {"answer": "the model has words of its own"},
        [],
        {},
    ],
    "Regression": [
        {"value": 3.5},
        {"values": [1, 2.5, [3]]},
        {"prediction": 3},
        {"predictions": [{"value": 1, "unit": "EUR"}, {"value": 2, "unit": "EUR"}]},
        [{"value": 1}, {"value": 2}],
        "3.5",
        [[1.5], [2.5]],
        {"label": None},
    ],
    "Causal": [
        {"effect": 0.2, "lower": 0.1, "upper": 0.3},
        {"effect": 0.2},
        {"effect": 1, "lower": 1, "upper": 1},
        {"ate": 0.2, "cate": [1, 2], "lower": 0.1, "upper": 0.3},
        {"cate": [0.2, 0.5], "lower": [0.1, 0.4], "upper": [0.3, 0.6]},
        {"effect": 0.2, "interval": [0.1, 0.3]},
        {"effect": 0.2, "interval": {"lower": 0.1, "upper": 0.3}},
        {"effects": [0.2, 0.5], "interval": [[0.1, 0.3], [0.4, 0.6]]},
        {"ate": 9, "interval": [[0.1, 0.3], [0.4, 0.6]]},
        [{"effect": 0.2, "lower": 0.1, "upper": 0.3}, {"effect": 0.2}],
        "0.2",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "answer"), [(kind, answer) for kind, answers in GOOD.items() for answer in answers]
)
def test_the_forms_that_models_answer_in_are_fine(kind: str, answer: Any) -> None:
    assert broken(kind, answer) is None


BROKEN = {
    "Classification": [
        (
            {"label": "perhaps"},
            'ContractBroken: $.label should be one of the labels leave, stay, but is "perhaps"',
        ),
        ({"label": None}, "ContractBroken: $.label should be a label, but is null"),
        ({"label": ""}, 'ContractBroken: $.label should be a label, but is ""'),
        (
            ["stay", "go"],
            'ContractBroken: $[1] should be one of the labels leave, stay, but is "go"',
        ),
        (
            [{"label": "stay"}, {"label": 0}],
            "ContractBroken: $[1].label should be one of the labels leave, stay, but is 0",
        ),
        (
            {"predictions": [{"label": "go"}]},
            'ContractBroken: $.predictions[0].label should be one of the labels leave, stay, but is "go"',
        ),
        (
            {"probabilities": {"stay": 0.7, "go": 0.3}},
            "ContractBroken: $.probabilities.go should be absent (the labels are leave, stay), but is 0.3",
        ),
        (
            {"probabilities": {"stay": 0.7, "leave": 0.2}},
            "ContractBroken: $.probabilities should be probabilities that sum to 1, but is [0.7, 0.2], "
            "which sum to 0.9",
        ),
        (
            {"probabilities": [[0.5, 0.5], [1.2, -0.2]]},
            "ContractBroken: $.probabilities[1][0] should be a probability from 0 to 1, but is 1.2",
        ),
        (
            {"probabilities": [[0.5, 0.5], 0.2]},
            None,
        ),
        (
            {"probabilities": [None, None]},
            "PredictionNotFinite: $.probabilities[0] should be a probability from 0 to 1, but is null",
        ),
        (
            {"labels": ["stay", "stay"], "probabilities": [0.1, 7]},
            "ContractBroken: $.probabilities[1] should be a probability from 0 to 1, but is 7",
        ),
        (
            {"probability": "0.7"},
            'ContractBroken: $.probability should be a probability from 0 to 1, but is "0.7"',
        ),
        (
            {"probability": None},
            "PredictionNotFinite: $.probability should be a probability from 0 to 1, but is null",
        ),
        (
            [[0.5, 0.2]],
            "ContractBroken: $[0] should be probabilities that sum to 1, but is [0.5, 0.2], which sum to 0.7",
        ),
    ],
    "Regression": [
        ({"value": None}, "PredictionNotFinite: $.value should be a finite number, but is null"),
        ({"values": [1, "NaN"]}, 'PredictionNotFinite: $.values[1] should be a finite number, but is "NaN"'),
        ({"value": "3.5"}, 'ContractBroken: $.value should be a finite number, but is "3.5"'),
        ({"prediction": True}, "ContractBroken: $.prediction should be a finite number, but is true"),
        (["a"], 'ContractBroken: $[0] should be a finite number, but is "a"'),
        ("null", "PredictionNotFinite: $ should be a finite number, but is null"),
    ],
    "Causal": [
        (
            {"effect": 0.5, "lower": 0.1, "upper": 0.3},
            "ContractBroken: $.effect should be at most 0.3, as $.upper is, but is 0.5",
        ),
        (
            {"effect": 0.0, "lower": 0.1, "upper": 0.3},
            "ContractBroken: $.lower should be at most 0.0, as $.effect is, but is 0.1",
        ),
        (
            {"ate": 1, "interval": [[1, 0], [0, 1]]},
            "ContractBroken: $.interval[0][0] should be at most 0, as $.interval[0][1] is, but is 1",
        ),
        (
            [{"effect": 1, "interval": [0, 2]}, {"effect": 3, "interval": [0, 2]}],
            "ContractBroken: $[1].effect should be at most 2, as $[1].interval[1] is, but is 3",
        ),
        (
            {"effect": 5, "interval": {"lower": 0, "upper": 1}},
            "ContractBroken: $.effect should be at most 1, as $.interval.upper is, but is 5",
        ),
        (
            {"ate": 9, "cate": [1, 2], "lower": 0, "upper": 3},
            "ContractBroken: $.ate should be at most 3, as $.upper is, but is 9",
        ),
        (
            {"effect": 1, "lower": 0},
            "ContractBroken: the interval should be a lower and an upper end for each effect, but is effects: 1, "
            "lower ends: 1, upper ends: 0",
        ),
        (
            {"effect": 1, "interval": [0, 1, 2]},
            "ContractBroken: $.interval should be [lower, upper], but is [0, 1, 2]",
        ),
        ({"effect": 1, "interval": 3}, "ContractBroken: $.interval should be [lower, upper], but is 3"),
        (
            {"effect": 1, "interval": [0, None]},
            "PredictionNotFinite: $.interval[1] should be a finite number, but is null",
        ),
        ({"cate": [1, "x"]}, 'ContractBroken: $.cate[1] should be a finite number, but is "x"'),
    ],
}


@pytest.mark.parametrize(
    ("kind", "answer", "sentence"),
    [(kind, answer, sentence) for kind, cases in BROKEN.items() for answer, sentence in cases],
)
def test_a_broken_form_is_told_by_its_place(kind: str, answer: Any, sentence: str | None) -> None:
    assert broken(kind, answer) == sentence


def test_without_declared_labels_any_label_will_do() -> None:
    answer = {"label": 3, "probabilities": {"a": 0.5, "b": 0.5}}
    assert broken("Classification", answer, labels=frozenset()) is None


def test_labels_that_are_no_texts_are_declared_as_json_writes_them() -> None:
    labels = frozenset({"0", "1", "true"})
    assert broken("Classification", [0, 1, True], labels) is None
    assert broken("Classification", {"label": False}, labels) is not None


def test_what_the_contract_names_has_to_be_there() -> None:
    sentence = broken("Classification", {"label": "stay"}, probabilities="$.scores")
    assert sentence == "ContractBroken: $.scores should be there, as the contract says, but is missing"


def test_a_named_place_takes_the_place_of_the_usual_one() -> None:
    answer = {"label": 7, "value": None, "out": {"y": "stay", "p": [0.5, 0.5]}, "probability": 9}
    assert broken("Classification", answer, label="$.out.y", probabilities="$.out.p") is None


def test_beside_a_named_part_the_usual_ones_are_still_checked() -> None:
    answer = [{"label": "go", "p": [0.5, 0.5]}, {"p": [1, 0]}]
    sentence = broken("Classification", answer, probabilities="$[*].p")
    assert sentence == 'ContractBroken: $[0].label should be one of the labels leave, stay, but is "go"'


def test_probabilities_at_a_named_place_must_sum_to_one_even_in_a_batch() -> None:
    answer = {"labels": ["stay", "leave"], "p": [0.7, 0.8]}
    sentence = broken("Classification", answer, probabilities="$.p")
    assert sentence is not None
    assert "which sum to 1.5" in sentence


def test_an_answer_without_objects_can_be_named_as_a_whole() -> None:
    assert broken("Classification", [0, 1], probabilities="$") is None


def test_a_part_of_another_kind_is_checked_when_it_is_named() -> None:
    answer = {"value": 1, "risk": [0.2, 0.9]}
    assert broken("Regression", answer, probabilities="$.risk") is not None


def test_named_ends_that_do_not_fit_the_effects_are_refused() -> None:
    answer = {"effect": [1, 2], "ci": [0, 3]}
    sentence = broken("Causal", answer, lower="$.ci[0]", upper="$.ci[1]")
    assert sentence is not None
    assert sentence.endswith("but is effects: 2, lower ends: 1, upper ends: 1")


def test_named_ends_of_a_batch_belong_to_the_effects_in_order() -> None:
    answer = {"cate": [1, 5], "interval": [[0, 4], [2, 6]]}
    assert broken("Causal", answer, lower="$.interval[0]", upper="$.interval[1]") is None


@pytest.mark.parametrize(("named", "usual"), [("lower", "upper"), ("upper", "lower")])
def test_one_named_end_is_enough_for_the_usual_interval_not_to_be_looked_for(named: str, usual: str) -> None:
    answer = {"effect": 1, "named": 1, usual: 1, "interval": [5, 6]}
    assert broken("Causal", answer, **{named: "$.named"}) is None


def test_a_named_interval_without_effects_is_refused() -> None:
    assert broken("Causal", {"lo": 0, "hi": 1}, lower="$.lo", upper="$.hi") is not None
