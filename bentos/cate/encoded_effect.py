"""An estimator of econml with preprocessing before it: econml takes only numbers, and requests have words.

The saved model refers to this module, so it travels with the model: it is small, and no other project has one of its
name.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from econml.dml import CausalForestDML
from sklearn.compose import ColumnTransformer


class EncodedEffect:
    """Both are fitted; rows are encoded, then their effects estimated."""

    def __init__(self, encoder: ColumnTransformer, estimator: CausalForestDML) -> None:
        self.encoder = encoder
        self.estimator = estimator
        # As scikit-learn's own models say which columns they were trained with, and in which order.
        self.feature_names_in_ = encoder.feature_names_in_

    def effect(self, rows: pd.DataFrame) -> np.ndarray:
        """The effect on each row; shape (rows,)."""
        return np.asarray(self.estimator.effect(self.encoder.transform(rows)))

    def effect_interval(self, rows: pd.DataFrame, alpha: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of the interval that holds each effect with probability 1 - alpha; shapes (rows,)."""
        lower, upper = self.estimator.effect_interval(self.encoder.transform(rows), alpha=alpha)
        return np.asarray(lower), np.asarray(upper)
