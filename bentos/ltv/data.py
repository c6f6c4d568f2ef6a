"""Customers of a mail-order house that does not exist: ALL DATA HERE IS SYNTHETIC.

Nobody was observed. The truth is known because it is written down in `expected_value`, so a test can say how far a
trained model is from it. Nothing learned from this data says anything about real customers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

CHANNELS = {"advert": -0.2, "friend": 0.3, "search": 0.0, "unknown": -0.1}
"""How the channel by which a customer came first shifts the logarithm of the value."""
SPREAD = 0.5
"""Standard deviation of what customers spend, as a share of what is expected of them."""


def expected_value(customers: pd.DataFrame) -> np.ndarray:
    """The truth: euros that each customer, one row each, spends on average in the next twelve months; shape (rows,)."""
    logarithm = (
        3.3
        + 0.7 * np.log1p(customers["orders_last_year"])
        + 0.5 * np.log1p(customers["mean_basket"])
        - 0.2 * np.log1p(customers["days_since_last_order"])
        + 0.25 * customers["newsletter"]
        - 0.8 * customers["returned_share"].fillna(0)
        + customers["first_channel"].fillna("unknown").map(CHANNELS)
    )
    return np.exp(logarithm.to_numpy(dtype=float))


def generate(count: int, seed: int) -> pd.DataFrame:
    """`count` customers and what each has spent, in the column `value`; the same seed gives the same ones.

    Of a customer without orders nothing is known about what comes back, and of one in ten not where they came from.
    """
    rng = np.random.default_rng(seed)
    orders = rng.poisson(rng.gamma(2, 2, count))
    known = np.array(["advert", "friend", "search", None], dtype=object)
    customers = pd.DataFrame(
        {
            "orders_last_year": orders,
            "mean_basket": np.round(rng.gamma(4, 20, count), 2),
            "days_since_last_order": np.minimum(3650, rng.exponential(120, count).astype(int)),
            "returned_share": np.where(orders > 0, np.round(rng.beta(1, 5, count), 3), np.nan),
            "newsletter": rng.random(count) < 0.5,
            "first_channel": known[rng.choice(4, count, p=(0.4, 0.2, 0.3, 0.1))],
        }
    )
    shape = 1 / SPREAD**2
    spent = expected_value(customers) * rng.gamma(shape, 1 / shape, count)
    return customers.assign(value=np.maximum(0.01, np.round(spent, 2)))


def load() -> pd.DataFrame:
    """What the project is trained with and tested on."""
    return generate(count=6000, seed=21)
