"""Loans of a bank that does not exist: ALL DATA HERE IS SYNTHETIC.

Nobody was observed. The truth is known because it is written down in `default_probability`, so a test can say how far a
trained model is from it. Nothing learned from this data says anything about real borrowers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

HOMES = {"owner": -0.5, "parents": 0.2, "rent": 0.5}
"""How the home shifts the log odds of a default."""
JOBS = {"fixed": -0.6, "freelance": 0.4, "partial": 0.7}


def default_probability(loans: pd.DataFrame) -> np.ndarray:
    """The truth: how likely each loan, one row each, is not to be paid back; shape (rows,), between 0 and 1.

    What counts is the loan beside what the borrower earns in a year, and years in a job only up to ten. Who does not
    tell what they earn is a greater risk than who earns as much as most.
    """
    burden = loans["amount"] / (loans["income"].fillna(110) * 12)
    log_odds = (
        -1.2
        + 1.6 * np.minimum(burden, 2)
        - 0.2 * np.minimum(loans["seniority_years"], 10)
        + 0.9 * loans["earlier_default"]
        + loans["home"].map(HOMES)
        + loans["job"].map(JOBS)
        + 0.3 * loans["income"].isna()
    )
    return np.asarray(1 / (1 + np.exp(-log_odds.to_numpy(dtype=float))))


def generate(count: int, seed: int) -> pd.DataFrame:
    """`count` loans and what became of each, in the column `status`; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    income = np.round(rng.lognormal(4.8, 0.5, count))
    loans = pd.DataFrame(
        {
            "seniority_years": np.minimum(45, rng.exponential(7, count).astype(int)),
            "home": rng.choice(list(HOMES), count, p=(0.45, 0.2, 0.35)),
            "job": rng.choice(list(JOBS), count, p=(0.6, 0.25, 0.15)),
            "months": rng.choice([12, 24, 36, 48, 60], count),
            "age_years": rng.integers(18, 70, count),
            "earlier_default": rng.random(count) < 0.15,
            "income": np.where(rng.random(count) < 0.9, income, np.nan),
            "amount": np.round(rng.gamma(4, 260, count), -1) + 100,
        }
    )
    defaults = rng.random(count) < default_probability(loans)
    return loans.assign(status=np.where(defaults, "default", "repaid"))


def load() -> pd.DataFrame:
    """What the project is trained with and tested on."""
    return generate(count=6000, seed=41)
