"""From a fitted model to its trained folder: models of every form, and what does not fit."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from e2i.packaging.describe import describe
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.modelfile import load_model
from e2i_bento.card import Card, read_card
from e2i_bento.golden_check import check_golden
from e2i_bento.predicting import load_predictor

CONSTANT_EFFECT = """
import numpy as np


class ConstantEffect:
    def effect(self, table):
        return np.full(len(table), 2.0)

    def effect_interval(self, table, alpha):
        return np.full(len(table), round(2 - alpha, 6)), np.full(len(table), round(2 + alpha, 6))
"""


DICE = """
import numpy as np


class Dice:
    def predict(self, table):
        return np.random.default_rng().random(len(table))
"""


@pytest.fixture
def described(tmp_path: Path, data: pd.DataFrame, requirements: Path) -> Any:
    """describe() of a classifier of the customers, with whatever a test changes."""

    def make(model: Any, table: pd.DataFrame = data, **changes: Any) -> Card:
        options = {
            "name": "left_model",
            "kind": "Classification",
            "target": "left",
            "requirements": requirements,
        }
        return describe(model, table, **options | {"out": tmp_path / "trained"} | changes)

    return make


def refusal(make: Any, *arguments: Any, **changes: Any) -> PackagingError:
    with pytest.raises(PackagingError) as refused:
        make(*arguments, **changes)
    return refused.value


@pytest.mark.parametrize("form", ["frame", "records", "matrix"])
def test_the_form_of_the_table_is_found_and_the_golden_answers_hold(
    form: str, described: Any, pipeline: Any, data: pd.DataFrame, tmp_path: Path
) -> None:
    inputs = data[["age", "income"]]
    classifier = LogisticRegression(max_iter=1000)
    models = {
        "frame": pipeline,
        "records": make_pipeline(DictVectorizer(), classifier).fit(inputs.to_dict("records"), data.left),
        "matrix": LogisticRegression(max_iter=1000).fit(inputs.to_numpy(), data.left),
    }
    card = described(models[form], features=None if form == "frame" else ["age", "income"])
    assert card.rows_as == form
    assert check_golden(load_predictor(tmp_path / "trained")) == []


def test_the_card_says_what_the_model_takes_and_where_it_came_from(described: Any, pipeline: Any) -> None:
    card = described(pipeline, synthetic=True, description="Who leaves?")
    assert [(feature.name, feature.kind) for feature in card.features] == [
        ("age", "integer"),
        ("income", "number"),
        ("plan", "category"),
    ]
    assert card.labels == ("no", "yes")
    assert card.lineage.packages["scikit-learn"]
    assert (card.lineage.data_rows, card.lineage.synthetic) == (400, True)


def test_the_same_again_leaves_the_folder_as_it_is(
    described: Any, pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    before = described(pipeline)
    (tmp_path / "trained" / "requirements.lock").write_text("locked\n")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1100000000")
    assert described(pipeline) == before
    assert read_card(tmp_path / "trained").lineage.trained_at == "2001-09-09T01:46:40Z"
    assert (tmp_path / "trained" / "requirements.lock").read_text() == "locked\n"


def test_words_may_be_given_for_classes_that_are_numbers(described: Any, data: pd.DataFrame) -> None:
    inputs, coded = data[["age", "income"]], (data.left == "yes").astype(int)
    card = described(LogisticRegression().fit(inputs, coded), labels=["no", "yes"])
    assert card.labels == ("no", "yes")
    assert set(card.golden[0].output["probabilities"]) == {"no", "yes"}


def test_a_causal_estimator_is_asked_for_effect_and_interval(
    described: Any, data: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "own_effect.py"
    code.write_text(CONSTANT_EFFECT)
    monkeypatch.syspath_prepend(tmp_path)
    estimator = importlib.import_module("own_effect").ConstantEffect()
    table = data.assign(call=data.plan == "a")[["age", "income", "call"]]
    options = {"kind": "Causal", "target": "income", "treatment": "call", "confidence": 0.8}
    said: list[str] = []
    card = described(estimator, table, code=[code], say=said.append, **options)
    assert [feature.name for feature in card.features] == ["age"]
    assert card.causal
    assert card.causal.overlap
    assert "overlap: everywhere. The features do not tell who gets call True" in said
    assert card.golden[0].output == {"effect": 2.0, "lower": 1.8, "upper": 2.2, "confidence": 0.8}


def test_a_causal_estimator_without_inference_is_told_how_to_be_fitted(
    described: Any, data: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """econml's meta-learners have the method and raise this; they are not of other columns."""
    code = tmp_path / "no_inference.py"
    raises = "raise AttributeError(\"Can't call 'effect_interval' because 'inference' is None\")"
    code.write_text(
        CONSTANT_EFFECT.split("        return np.full(len(table), round")[0] + f"        {raises}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    model = importlib.import_module("no_inference").ConstantEffect()
    inputs = data[["age", "income"]].assign(treated=1)
    refused = refusal(
        described, model, inputs, kind="Causal", target="income", treatment="treated", code=[code]
    )
    assert refused.reason is ErrorReason.RoutineMissing
    assert "inference='bootstrap'" in refused.message


def test_decisions_are_part_of_the_golden_answers(described: Any, pipeline: Any) -> None:
    bands = [{"below": 0.5, "decision": "KEEP"}, {"below": 1.01, "decision": "CALL"}]
    card = described(pipeline, decisions={"label": "yes", "bands": bands})
    assert {golden.output["decision"] for golden in card.golden} == {"KEEP", "CALL"}


@pytest.mark.parametrize(
    "decisions",
    [
        pytest.param({"label": "maybe", "bands": [{"below": 1.01, "decision": "A"}]}, id="no such label"),
        pytest.param({"label": "yes", "bands": [{"below": 0.5, "decision": "A"}]}, id="nothing for the rest"),
        pytest.param({"label": "yes", "bands": []}, id="no band"),
        pytest.param({"label": "yes", "band": []}, id="a misspelt word"),
    ],
)
def test_decisions_that_cannot_be_meant_are_refused(described: Any, pipeline: Any, decisions: Any) -> None:
    assert refusal(described, pipeline, decisions=decisions).reason is ErrorReason.DeclarationContradicted


def test_a_model_without_probabilities_is_refused(described: Any, data: pd.DataFrame) -> None:
    refused = refusal(described, RidgeClassifier().fit(data[["age"]], data.left))
    assert refused.reason is ErrorReason.RoutineMissing
    assert "CalibratedClassifierCV" in refused.message


def test_a_column_that_is_not_the_target_of_the_training_is_refused(described: Any, pipeline: Any) -> None:
    assert refusal(described, pipeline, target="income").reason is ErrorReason.TargetAmongFeatures
    assert refusal(described, pipeline, target="lost").reason is ErrorReason.ColumnMissing


def test_labels_that_the_model_does_not_know_are_refused(
    described: Any, pipeline: Any, data: pd.DataFrame
) -> None:
    other = data.assign(left=data.left.replace("yes", "perhaps"))
    refused = refusal(described, pipeline, other)
    assert refused.reason is ErrorReason.LabelsDiffer
    assert "'perhaps'" in refused.message


def test_data_with_one_label_is_refused(described: Any, pipeline: Any, data: pd.DataFrame) -> None:
    assert refusal(described, pipeline, data.assign(left="yes")).reason is ErrorReason.SingleLabel


def test_a_model_of_other_columns_is_refused_with_what_it_said(described: Any, data: pd.DataFrame) -> None:
    refused = refusal(described, LogisticRegression().fit(data[["age"]].to_numpy(), data.left))
    assert refused.reason is ErrorReason.NoFormFits
    assert "as frame" in refused.message


def test_an_answer_that_is_not_finite_is_refused_with_row_and_field(
    described: Any, data: pd.DataFrame
) -> None:
    inputs = pd.DataFrame({"age": [*range(19), 0]}).assign(worth=1.0)
    model = make_pipeline(FunctionTransformer(), LinearRegression()).fit(inputs[["age"]], inputs.worth)
    model.steps[-1][1].coef_ = np.array([np.nan])
    refused = refusal(described, model, inputs, kind="Regression", target="worth")
    assert refused.reason is ErrorReason.OutputNotFinite
    assert "row 0 " in refused.message
    assert "value = nan" in refused.message


def test_a_target_of_two_columns_is_refused(described: Any, data: pd.DataFrame) -> None:
    model = LinearRegression().fit(data[["age"]], data[["income", "age"]])
    assert refusal(described, model, kind="Regression", target="income").reason is ErrorReason.AnswerMalformed


def test_a_column_that_a_request_brings_otherwise_is_named(
    described: Any, data: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pandas' categories become plain texts on their way through JSON; this model takes their codes."""
    code = tmp_path / "own_codes.py"
    code.write_text("def codes_of(table):\n    return table.assign(plan=table.plan.cat.codes)\n")
    monkeypatch.syspath_prepend(tmp_path)
    codes_of = importlib.import_module("own_codes").codes_of
    table = data.assign(plan=data.plan.astype("category"))
    model = make_pipeline(FunctionTransformer(codes_of), LogisticRegression(max_iter=1000))
    refused = refusal(described, model.fit(table[["age", "plan"]], table.left), table, code=[code])
    assert refused.reason is ErrorReason.PreprocessingDiffers
    assert "feature plan was category in training" in refused.message


def test_a_preprocessing_of_other_data_shows_in_how_good_the_model_is(
    described: Any, data: pd.DataFrame
) -> None:
    inputs = data[["age"]]
    scaler = StandardScaler().fit(inputs)
    model = LogisticRegression().fit(scaler.transform(inputs), data.left)
    other = StandardScaler().fit(inputs * 0.01)
    refused = refusal(described, model, features=["age"], preprocessing=other)
    assert refused.reason is ErrorReason.WorseThanGuessing
    assert "'yes'" in refused.message
    assert described(model, features=["age"], preprocessing=other, accept_guessing=True)


def test_what_training_predicted_is_predicted_again_or_refused_with_its_row(
    described: Any, data: pd.DataFrame
) -> None:
    inputs = data[["age"]]
    scaler = StandardScaler().fit(inputs)
    model = LogisticRegression().fit(scaler.transform(inputs), data.left)
    table = data.assign(said=model.predict(scaler.transform(inputs)))
    table.loc[5:9, "said"] = None
    described(model, table, features=["age"], preprocessing=scaler, predictions="said")
    slightly_other = StandardScaler().fit(inputs.head(20))
    refused = refusal(
        described, model, table, features=["age"], preprocessing=slightly_other, predictions="said"
    )
    assert refused.reason is ErrorReason.PreprocessingDiffers
    assert "was predicted as" in refused.message


def test_a_regression_that_is_no_better_than_the_mean_is_refused(described: Any, data: pd.DataFrame) -> None:
    shuffled = data.assign(age=data.age.sample(frac=1, random_state=0).to_numpy())
    model = LinearRegression().fit(shuffled[["age"]], data.age)
    refused = refusal(described, model, data.assign(goal=-data.age), kind="Regression", target="goal")
    assert refused.reason is ErrorReason.WorseThanGuessing


def test_a_text_step_that_got_the_whole_table_is_told_how_to_get_its_column(
    described: Any, data: pd.DataFrame
) -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(data.plan + " plan", data.left)
    refused = refusal(described, model, features=["plan", "age"])
    assert refused.reason is ErrorReason.AnswerMalformed
    assert "make_column_transformer" in refused.message


def test_a_number_is_not_predicted_for_a_column_of_words(described: Any, data: pd.DataFrame) -> None:
    model = LinearRegression().fit(data[["age"]], data.income)
    refused = refusal(described, model, kind="Regression", target="left")
    assert refused.reason is ErrorReason.ColumnUnusable


def test_a_classifier_is_no_regression(described: Any, pipeline: Any) -> None:
    refused = refusal(described, pipeline, kind="Regression", target="age")
    assert refused.reason is ErrorReason.DeclarationContradicted
    assert "type Classification" in refused.message


def test_a_model_that_answers_by_chance_is_told_so(
    described: Any, data: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "own_dice.py"
    code.write_text(DICE)
    monkeypatch.syspath_prepend(tmp_path)
    dice = importlib.import_module("own_dice").Dice()
    refused = refusal(
        described, dice, data[["age", "income"]], kind="Regression", target="income", code=[code]
    )
    assert refused.reason is ErrorReason.NotRepeatable


def test_a_transformer_of_other_columns_is_named(described: Any, data: pd.DataFrame) -> None:
    inputs = data[["age", "income"]]
    scaler = StandardScaler().set_output(transform="pandas").fit(inputs)
    model = LogisticRegression().fit(scaler.transform(inputs), data.left)
    other = StandardScaler().fit(inputs[["income", "age"]])
    refused = refusal(described, model, features=["age", "income"], preprocessing=other)
    assert refused.reason is ErrorReason.PreprocessingDiffers
    assert "gives income where the model was trained with age" in refused.message


def test_a_refused_description_leaves_the_old_one(described: Any, pipeline: Any, tmp_path: Path) -> None:
    before = described(pipeline)
    refusal(described, pipeline, target="lost")
    assert read_card(tmp_path / "trained") == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["trained"]


def test_a_pin_of_another_version_than_the_training_had_is_refused(
    described: Any, pipeline: Any, tmp_path: Path
) -> None:
    other = tmp_path / "requirements.txt"
    other.write_text("scikit-learn==1.2.0\n")
    refused = refusal(described, pipeline, requirements=other)
    assert refused.reason is ErrorReason.PinnedDifferently
    assert "scikit-learn 1.2.0" in refused.message


def test_a_package_that_the_model_imports_must_be_pinned(
    described: Any, pipeline: Any, tmp_path: Path
) -> None:
    other = tmp_path / "requirements.txt"
    other.write_text("click==8.1.0\n")
    refused = refusal(described, pipeline, requirements=other)
    assert refused.reason is ErrorReason.PackageMissing
    assert "scikit-learn==" in refused.message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"no pickle at all", ErrorReason.ModelDamaged, id="something else"),
        pytest.param(b"", ErrorReason.ModelDamaged, id="empty"),
        pytest.param(b"\x80\x04c__main__\nMine\n.", ErrorReason.ModelNeedsMain, id="a class of a notebook"),
        pytest.param(
            b"\x80\x04cnot_installed_here\nMine\n.", ErrorReason.CodeMissing, id="a module that is not here"
        ),
        pytest.param(b"\x80\x04cmath\nMine\n.", ErrorReason.CodeMissing, id="a name of another version"),
    ],
)
def test_a_file_that_is_no_model_here_is_told_why(
    tmp_path: Path, content: bytes, reason: ErrorReason
) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(content)
    with pytest.raises(PackagingError) as refused:
        load_model(file)
    assert refused.value.reason is reason


def test_a_booster_is_damaged_when_xgboost_says_so(tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_text(json.dumps({"learner": 1}))
    with pytest.raises(PackagingError) as refused:
        load_model(file)
    assert refused.value.reason is ErrorReason.ModelDamaged


def test_modules_of_the_recipe_are_not_left_behind(tmp_path: Path) -> None:
    from e2i.packaging.modelfile import importable

    (tmp_path / "recipe_of_a_test.py").write_text("VALUE = 1\n")
    with importable(tmp_path):
        import recipe_of_a_test

        assert recipe_of_a_test.VALUE == 1
    assert "recipe_of_a_test" not in sys.modules
    assert str(tmp_path) not in sys.path
