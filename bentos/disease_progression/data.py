"""Diabetes patients, REAL data: 442 of them, in the data set that ships inside scikit-learn (Efron and others, 2004).

Ten measurements at the start, in their own units, and how far the disease had come one year later. Here is shown how a
model is served, not how anybody should be treated.
"""

from __future__ import annotations

import pandas as pd
from sklearn.datasets import load_diabetes

NAMES = {
    "age": "age_years",
    "sex": "sex",
    "bmi": "body_mass_index",
    "bp": "mean_blood_pressure",
    "s1": "total_cholesterol",
    "s2": "ldl",
    "s3": "hdl",
    "s4": "cholesterol_to_hdl",
    "s5": "log_triglycerides",
    "s6": "glucose",
}


def load() -> pd.DataFrame:
    """One row for each patient; the column `progression` is what is to be predicted."""
    table = load_diabetes(as_frame=True, scaled=False).frame.rename(columns=NAMES | {"target": "progression"})
    # The data set codes the sexes as 1 and 2 and does not say which is which.
    return table.astype({"age_years": int, "sex": int})
