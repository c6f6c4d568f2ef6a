"""The credit-risk example: what the vectorizer makes of an application is what the booster was trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Examples = Callable[[str], Any]


def test_the_booster_takes_the_columns_that_the_vectorizer_makes_in_their_order(example: Examples) -> None:
    shown = example("credit_risk")
    records, vectorizer, vote = (step for _, step in shown.model.steps)
    booster = vote.estimators_[0].get_booster()
    columns = list(vectorizer.get_feature_names_out())
    assert booster.num_features() == len(columns)
    # Where it splits tells which columns it was trained with: the truth depends on these.
    split_at = {columns[int(name.removeprefix("f"))] for name in booster.get_score()}
    assert {"amount", "income", "seniority_years", "earlier_default"} <= split_at
    rows = shown.unseen[shown.features]
    matrix = vectorizer.transform(records.transform(rows))
    assert matrix[:, columns.index("amount")].tolist() == rows["amount"].tolist()
    assert matrix[:, columns.index("home=owner")].tolist() == (rows["home"] == "owner").astype(float).tolist()


def test_a_booster_that_gets_the_columns_in_another_order_answers_something_else_without_a_word(
    example: Examples,
) -> None:
    shown = example("credit_risk")
    records, vectorizer, vote = (step for _, step in shown.model.steps)
    matrix = vectorizer.transform(records.transform(shown.unseen[shown.features]))
    right, wrong = vote.predict_proba(matrix)[:, 0], vote.predict_proba(matrix[:, ::-1])[:, 0]
    assert np.abs(right - wrong).mean() > 0.1


def test_zeros_are_zeros_to_the_booster_and_only_an_untold_income_is_missing(example: Examples) -> None:
    shown = example("credit_risk")
    records, vectorizer, _ = (step for _, step in shown.model.steps)
    matrix = vectorizer.transform(records.transform(shown.unseen[shown.features]))
    assert isinstance(matrix, np.ndarray), "in a sparse matrix XGBoost takes zeros for missing values"
    missing = np.isnan(matrix).sum(axis=0)
    of_income = list(vectorizer.get_feature_names_out()).index("income")
    assert missing[of_income] == shown.unseen["income"].isna().sum() == missing.sum()


@pytest.mark.parametrize("decision", ["APPROVED", "MAYBE", "DECLINED"])
def test_each_decision_is_taken_for_some_loan_and_the_more_careful_ones_for_the_riskier(
    example: Examples, predictor: Callable[[str], Any], decision: str
) -> None:
    shown = example("credit_risk")
    rows = shown.unseen.head(200)
    records = rows[shown.features].astype(object).where(rows[shown.features].notna(), None).to_dict("records")
    answers = predictor("credit_risk").answers(records)
    low, high = {"APPROVED": (0, 0.3), "MAYBE": (0.3, 0.5), "DECLINED": (0.5, 1)}[decision]
    chances = [answer["probabilities"]["default"] for answer in answers if answer["decision"] == decision]
    assert chances
    assert all(low <= chance <= high for chance in chances)
