"""A golden prediction that the operator would refuse is found when the model is described."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from e2i.packaging.contract_check import check_golden_contract, contract_violation
from e2i.packaging.describe import describe
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.trained_folder import read_trained_folder
from e2i_bento.card import Card, read_card, write_card

EFFECTS = """
import numpy as np


class Effects:
    feature_names_in_ = np.array(["age"])

    def effect(self, rows):
        return np.asarray(rows["age"], dtype=float)

    def effect_interval(self, rows, alpha):
        return self.effect(rows) - 1, np.minimum(self.effect(rows) + 1, {highest})
"""


@pytest.fixture
def describe_effects(
    tmp_path: Path, data: pd.DataFrame, requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Describe an estimator whose intervals end at `highest`; the ages, which are its effects, go up to 79."""

    def make(highest: float, said: list[str]) -> Card:
        code = tmp_path / f"effects_up_to_{int(highest + 5000)}.py"
        code.write_text(EFFECTS.format(highest=highest))
        monkeypatch.syspath_prepend(tmp_path)
        estimator = importlib.import_module(code.stem).Effects()
        return describe(
            estimator,
            data.assign(call=[number % 2 for number in range(len(data))])[["age", "income", "call"]],
            name="call_effect",
            kind="Causal",
            target="income",
            treatment="call",
            code=[code],
            out=tmp_path / "trained",
            requirements=requirements,
            say=said.append,
        )

    return make


@pytest.mark.parametrize(
    ("kind", "labels", "answer", "words"),
    [
        (
            "Causal",
            (),
            {"effect": 5.0, "lower": 1.0, "upper": 2.0},
            "$.effect is 5.0 and should be at most 2.0",
        ),
        ("Causal", (), {"effect": 1.5, "lower": 1.0, "upper": 2.0, "confidence": 0.9}, ""),
        (
            "Classification",
            ("a", "b"),
            {"label": "a", "probabilities": {"a": 0.9, "b": 0.3}},
            "probabilities that sum to 1",
        ),
        ("Classification", ("a",), {"label": "c", "probabilities": {"a": 1.0}}, "one of the labels a"),
        ("Regression", (), {"value": 3.0}, ""),
    ],
)
def test_an_answer_is_judged_as_the_operator_does(
    kind: Any, labels: tuple[str, ...], answer: dict[str, Any], words: str
) -> None:
    found = contract_violation(kind, labels, answer)
    assert words in found if words else found == ""


def test_rows_whose_effect_lies_outside_of_its_interval_become_no_golden_predictions(
    describe_effects: Any,
) -> None:
    said: list[str] = []
    card = describe_effects(60.0, said)
    assert len(card.golden) == 8
    check_golden_contract(card)
    assert any("an effect outside of its own interval" in line for line in said)


def test_a_model_whose_every_effect_lies_outside_is_refused(describe_effects: Any) -> None:
    with pytest.raises(PackagingError, match=r"every row of the data.*\$\.effect is") as found:
        describe_effects(-1000.0, [])
    assert found.value.reason is ErrorReason.AnswerMalformed


def test_a_trained_folder_with_such_a_golden_prediction_is_refused(
    describe_effects: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "trained"
    card = describe_effects(1000.0, [])
    output = card.golden[0].output | {"lower": card.golden[0].output["effect"] + 0.5}
    write_card(
        card.model_copy(update={"golden": (card.golden[0].model_copy(update={"output": output}),)}), folder
    )
    assert read_card(folder).golden[0].output == output
    with pytest.raises(PackagingError, match="golden prediction 0"):
        read_trained_folder(folder)
