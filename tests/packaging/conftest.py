"""A small trained model of each form, and the data that it was trained on."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from e2i.packaging.describe import describe

FEATURES = ["age", "income", "plan"]


@pytest.fixture(scope="session")
def data() -> pd.DataFrame:
    """Customers made up: the old and those with plan a leave."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 400),
            "income": rng.normal(50, 10, 400).round(2),
            "plan": rng.choice(["a", "b", "c"], 400),
        }
    )
    chance = 1 / (1 + np.exp(-(frame.age - 50) / 10 - (frame.plan == "a")))
    return frame.assign(left=np.where(rng.random(400) < chance, "yes", "no"))


@pytest.fixture(scope="session")
def pipeline(data: pd.DataFrame) -> Any:
    """A pipeline that takes a DataFrame."""
    encode = ColumnTransformer([("plan", OneHotEncoder(), ["plan"])], remainder="passthrough")
    return make_pipeline(encode, StandardScaler(), LogisticRegression()).fit(data[FEATURES], data.left)


@pytest.fixture(scope="session")
def requirements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pins") / "requirements.txt"
    file.write_text(f"scikit-learn=={importlib.metadata.version('scikit-learn')}\n")
    return file


@pytest.fixture
def trained(tmp_path: Path, pipeline: Any, data: pd.DataFrame, requirements: Path) -> Path:
    """A trained folder as training leaves it."""
    folder = tmp_path / "project" / "trained"
    describe(
        pipeline,
        data,
        name="left_model",
        kind="Classification",
        target="left",
        out=folder,
        requirements=requirements,
        metrics={"accuracy": 0.8},
        synthetic=True,
    )
    return folder
