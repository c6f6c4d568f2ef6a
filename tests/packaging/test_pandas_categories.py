"""Models of LightGBM and XGBoost that learned from columns of pandas' type category."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from sklearn.linear_model import LinearRegression
from xgboost import XGBRegressor

from e2i.packaging.describe import describe
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.pandas_categories import takes_categories

PINNED = ("scikit-learn", "pandas", "lightgbm", "xgboost-cpu")
SMALL = {"n_estimators": 3, "n_jobs": 1}
DATA = pd.DataFrame({"age": [20, 30, 40, 50] * 30, "plan": ["a", "b", "c", "b"] * 30})
DATA["spend"] = DATA.age + DATA.plan.map({"a": 100, "b": 200, "c": 50})
INPUTS = DATA[["age", "plan"]].astype({"plan": "category"})
MODELS = {
    "lightgbm": LGBMRegressor(**SMALL, min_child_samples=1, verbose=-1),
    "xgboost": XGBRegressor(**SMALL, enable_categorical=True),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Any:
    return MODELS[request.param].fit(INPUTS, DATA.spend)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        pytest.param("object", ErrorReason.NoFormFits, id="texts in the data"),
        pytest.param("category", ErrorReason.PreprocessingDiffers, id="categories in the data"),
    ],
)
def test_the_step_that_makes_categories_of_texts_again_is_told(
    tmp_path: Path, model: Any, kind: str, reason: ErrorReason
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("".join(f"{name}=={version(name)}\n" for name in PINNED))
    with pytest.raises(PackagingError) as refused:
        describe(
            model,
            DATA.astype({"plan": kind}),
            out=tmp_path / "trained",
            requirements=requirements,
            name="spend_model",
            kind="Regression",
            target="spend",
        )
    assert refused.value.reason is reason
    assert "was trained on pandas' categories" in refused.value.message


def test_other_models_learned_none() -> None:
    numbers = INPUTS[["age"]]
    assert not takes_categories(LGBMRegressor(**SMALL, verbose=-1).fit(numbers, DATA.spend))
    assert not takes_categories(XGBRegressor(**SMALL).fit(numbers, DATA.spend))
    assert not takes_categories(LGBMRegressor())
    assert not takes_categories(LinearRegression().fit(numbers, DATA.spend))
