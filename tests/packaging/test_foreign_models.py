"""Models of libraries that are not scikit-learn's: the columns they remember, and the packages they import late."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from e2i.packaging.describe import describe
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.fitted_names import fitted_names
from e2i.packaging.inference import OriginalModel, find_row_format

LATE = """
import numpy as np


class Late:
    def predict(self, table):
        import {module}

        return np.asarray(table)[:, 0].astype(float)

    def plot(self):
        import not_installed_and_never_called
"""


def of_catboost(names: list[str]) -> Any:
    """Return a model that remembers its columns as CatBoost does: catboost itself is not installed for the tests."""
    return type(
        "CatBoostRegressor", (LinearRegression,), {"__module__": "catboost.core", "feature_names_": names}
    )()


def describe_late(module: str, tmp_path: Path, requirements: Path, data: pd.DataFrame) -> PackagingError:
    code = tmp_path / f"late_{module}.py"
    code.write_text(LATE.format(module=module))
    sys.path.insert(0, str(tmp_path))
    try:
        model = importlib.import_module(code.stem).Late()
        with pytest.raises(PackagingError) as refused:
            describe(
                model,
                data,
                name="late",
                kind="Regression",
                target="age",
                features=["age_before"],
                out=tmp_path / "out",
                requirements=requirements,
                code=[code],
            )
    finally:
        sys.path.remove(str(tmp_path))
    return refused.value


def test_catboost_takes_only_the_columns_it_was_fitted_with() -> None:
    """A column more, such as an outcome beside the target, would be asked of every caller, and ignored."""
    assert fitted_names(of_catboost(["city", "age"])) == ["city", "age"]
    assert fitted_names(make_pipeline(of_catboost(["city", "age"]))) == ["city", "age"]


def test_catboost_that_was_fitted_on_an_array_remembers_no_columns() -> None:
    assert fitted_names(of_catboost(["0", "1"])) is None
    assert fitted_names(of_catboost([])) is None


def test_what_a_models_own_code_imports_while_it_answers_must_be_pinned(
    tmp_path: Path, requirements: Path, data: pd.DataFrame
) -> None:
    """Nothing of the pickle names it, and here it is installed: the bento would fail only in the cluster."""
    table = data.assign(age_before=data.age - 1)
    refused = describe_late("yaml", tmp_path, requirements, table)
    assert refused.reason is ErrorReason.PackageMissing
    assert "pyyaml==" in refused.message


def test_a_causal_model_of_words_is_told_how_it_is_asked(data: pd.DataFrame) -> None:
    """econml's effect(X) compares 0 and 1, and answers for words with an error of numpy."""

    class OfWords:
        def effect(self, table: Any) -> Any:
            raise TypeError("ufunc 'isnan' not supported for the input types")

    with pytest.raises(PackagingError) as refused:
        find_row_format(OriginalModel(OfWords(), "Causal"), data[["age"]], None)
    assert refused.value.reason is ErrorReason.NoFormFits
    assert refused.value.message.count("ufunc") == 1, "what all forms end with is said once"
    assert "compares the treatments 0 and 1" in refused.value.message
    first = refused.value.message.index("with --treatment")
    assert first < refused.value.message.index("Give the columns"), "what is forgotten most is told first"


def test_a_module_that_only_the_training_has_is_named_with_the_environment_that_lacks_it(
    tmp_path: Path, requirements: Path, data: pd.DataFrame
) -> None:
    refused = describe_late("only_in_training", tmp_path, requirements, data.assign(age_before=data.age - 1))
    assert refused.reason is ErrorReason.CodeMissing
    assert "needs the module only_in_training" in refused.message
    assert f"{sys.executable} -m pip install" in refused.message
