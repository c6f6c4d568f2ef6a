"""Texts without a value: None and NaN are two things to an encoder, and a file may have the other one than training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from e2i.packaging.describe_external import ExternalModel, describe_external
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.inference import answers_in_training
from e2i.packaging.missing_texts import as_learned
from e2i.packaging.model_declaration import ModelDeclaration
from e2i_bento.card import Card
from e2i_bento.golden_check import check_golden
from e2i_bento.predicting import load_predictor

PLANS = ["free", "pro", None] * 40
LEFT = ["yes", "no", "no"] * 40


def imputed(**imputer: Any) -> Any:
    """A model of the column plan; a missing one becomes the category "none"."""
    imputer = {"strategy": "constant", "fill_value": "none"} | imputer
    encoder = make_pipeline(SimpleImputer(**imputer), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(make_column_transformer((encoder, ["plan"])), LogisticRegression())


def table(missing: Any) -> pd.DataFrame:
    plans = pd.Series(PLANS, dtype=object)
    return pd.DataFrame({"plan": plans.where(plans.notna(), missing), "left": LEFT})


@pytest.fixture
def packaged(tmp_path: Path, requirements: Path) -> Any:
    """The card of a model whose data is saved as the file says."""

    def make(model: Any, data: pd.DataFrame, file: str) -> Card:
        joblib.dump(model, tmp_path / "model.joblib")
        saved = tmp_path / file
        if saved.suffix == ".csv":
            data.to_csv(saved, index=False)
        elif saved.suffix == ".jsonl":
            data.to_json(saved, orient="records", lines=True)
        else:
            data.to_parquet(saved)
        files = ExternalModel(model=tmp_path / "model.joblib", data=saved, requirements=requirements)
        declaration = ModelDeclaration(name="left_model", kind="Classification", target="left")
        return describe_external(files, declaration, tmp_path / "trained")

    return make


def answer_without_plan(folder: Path) -> Mapping[str, Any]:
    return load_predictor(folder).answers([{"plan": None}])[0]["probabilities"]


@pytest.mark.parametrize("file", ["data.parquet", "data.jsonl", "data.csv"])
@pytest.mark.parametrize("missing", [np.nan, None], ids=["NaN", "None"])
def test_a_request_without_a_value_is_answered_as_in_training_whatever_the_file_made_of_it(
    packaged: Any, tmp_path: Path, file: str, missing: Any
) -> None:
    data = table(missing)
    model = imputed().fit(data[["plan"]], data.left)
    packaged(model, data, file)
    trained = dict(zip(("no", "yes"), model.predict_proba(data[["plan"]].iloc[[2]])[0], strict=True))
    assert answer_without_plan(tmp_path / "trained") == pytest.approx(trained)
    assert check_golden(load_predictor(tmp_path / "trained")) == []


def test_an_imputer_that_looks_for_none_gets_none(packaged: Any, tmp_path: Path) -> None:
    data = table(None)
    model = imputed(missing_values=None).fit(data[["plan"]], data.left)
    assert packaged(model, data, "data.parquet").features[0].missing == "none"
    trained = dict(zip(("no", "yes"), model.predict_proba(data[["plan"]].iloc[[2]])[0], strict=True))
    assert answer_without_plan(tmp_path / "trained") == pytest.approx(trained)


def test_a_missing_boolean_is_what_it_was_in_training_too(packaged: Any, tmp_path: Path) -> None:
    data = pd.DataFrame({"vip": pd.Series([True, False, None] * 40, dtype=object), "left": LEFT})
    model = make_pipeline(make_column_transformer((OneHotEncoder(), ["vip"])), LogisticRegression())
    packaged(model.fit(data[["vip"]], data.left), data, "data.parquet")
    trained = dict(zip(("no", "yes"), model.predict_proba(data[["vip"]].iloc[[2]])[0], strict=True))
    answer = load_predictor(tmp_path / "trained").answers([{"vip": None}])[0]["probabilities"]
    assert answer == pytest.approx(trained)


def test_of_a_model_that_shows_no_categories_the_file_decides() -> None:
    model = FunctionTransformer().fit(table(None)[["plan"]])
    assert as_learned(table(None), [model]).plan.iloc[2] is None
    assert as_learned(table(None), [object()]).plan.iloc[2] is None


def test_a_model_that_answers_each_row_but_not_all_at_once_is_told_so() -> None:
    def answers(rows: Any) -> list[Any]:
        if len(rows) > 2:
            raise MemoryError("no room\nfor so many")
        return [{} for _ in rows]

    model: Any = SimpleNamespace(model=SimpleNamespace(), answers=answers)
    with pytest.raises(
        PackagingError, match=r"alone, and not 120 rows together: MemoryError: no room for so many\."
    ) as refused:
        answers_in_training(model, table("free"), "frame")
    assert refused.value.reason is ErrorReason.RowUnanswered


def test_a_row_that_the_model_cannot_answer_is_named_with_what_is_missing_in_it(packaged: Any) -> None:
    """An empty text is a missing value in a CSV."""
    data = pd.DataFrame({"subject": [*["late bill", "crash"] * 20, ""], "left": [*["yes", "no"] * 20, "no"]})
    vectorizer = make_column_transformer((TfidfVectorizer(), "subject"))
    model = make_pipeline(vectorizer, LogisticRegression()).fit(data[["subject"]], data.left)
    with pytest.raises(PackagingError, match=r"cannot answer row 40 .* there: subject.* Parquet") as refused:
        packaged(model, data, "data.csv")
    assert refused.value.reason is ErrorReason.RowUnanswered
    assert packaged(model, data, "data.parquet").features[0].kind == "text"
