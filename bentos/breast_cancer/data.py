"""Tumours, REAL data: 569 of them, the Breast Cancer Wisconsin (Diagnostic) data set that ships inside scikit-learn.

Ten measurements of the cell nuclei in one picture, each the mean over the nuclei. This project shows how a model is
served. It is no medical advice.
"""

from __future__ import annotations

import pandas as pd
from sklearn.datasets import load_breast_cancer

MEASUREMENTS = 10
LABELS = ("malignant", "benign")


def load() -> pd.DataFrame:
    """Return one row for each tumour; the column `diagnosis` is the label."""
    data = load_breast_cancer(as_frame=True)
    table = data.frame.iloc[:, :MEASUREMENTS].rename(columns=lambda name: name.replace(" ", "_"))
    table["diagnosis"] = [str(data.target_names[target]) for target in data.target]
    # The data set has the larger tumours first.
    return table.sample(frac=1, random_state=0, ignore_index=True)
