"""What will this customer spend in twelve months? A gamma regression with its preprocessing in one pipeline."""

from __future__ import annotations

from operator import methodcaller

import numpy as np
import pandas as pd
from data import expected_value
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import GammaRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

SKEWED = ["orders_last_year", "mean_basket", "days_since_last_order"]
FEATURES = [*SKEWED, "returned_share", "newsletter", "first_channel"]
TARGET = "value"


def check(data: pd.DataFrame) -> None:
    """ValueError when a value is not above zero: the gamma distribution has none such."""
    if (data[TARGET] <= 0).any():
        row = data.index[data[TARGET] <= 0][0]
        raise ValueError(
            f"{TARGET} is {data.at[row, TARGET]} in row {row}, it must be above 0: leave such customers out"
        )


def train(data: pd.DataFrame) -> Pipeline:
    skewed = make_pipeline(FunctionTransformer(np.log1p, feature_names_out="one-to-one"), StandardScaler())
    # pandas' fillna takes None and NaN for the same; scikit-learn's encoder and imputer do not.
    channel = make_pipeline(FunctionTransformer(methodcaller("fillna", "unknown")), OneHotEncoder())
    preprocessing = make_column_transformer(
        (skewed, SKEWED),
        (SimpleImputer(strategy="constant", fill_value=0), ["returned_share"]),
        (channel, ["first_channel"]),
        ("passthrough", ["newsletter"]),
    )
    # Not a regression of the logarithm: the mean of logarithms, put back, is well below what is spent on average.
    model = GammaRegressor(alpha=1e-4, solver="newton-cholesky")
    return make_pipeline(preprocessing, model).fit(data[FEATURES], data[TARGET])


def evaluate(model: Pipeline, data: pd.DataFrame) -> dict[str, float]:
    """How far the predicted values are from the expected ones, on average and as a share of these."""
    truth = expected_value(data)
    return {"error_to_truth": float(np.abs(model.predict(data[FEATURES]) / truth - 1).mean())}
