"""How far will the disease have come in a year? A ridge regression with its preprocessing in one pipeline."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MEASURED = [
    "age_years",
    "body_mass_index",
    "mean_blood_pressure",
    "total_cholesterol",
    "ldl",
    "hdl",
    "cholesterol_to_hdl",
    "log_triglycerides",
    "glucose",
]
FEATURES = [*MEASURED, "sex"]
TARGET = "progression"


def train(data: pd.DataFrame) -> Pipeline:
    preprocessing = make_column_transformer(
        (StandardScaler(), MEASURED), (OneHotEncoder(drop="if_binary"), ["sex"])
    )
    # The blood measurements tell nearly the same; without a penalty their weights cancel one another out by chance.
    return make_pipeline(preprocessing, RidgeCV(alphas=np.logspace(-1, 3, 9))).fit(
        data[FEATURES], data[TARGET]
    )
