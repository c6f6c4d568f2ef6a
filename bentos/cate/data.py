"""Customers who got a discount or not, of a shop that does not exist: ALL DATA HERE IS SYNTHETIC.

Nobody was observed. The true effect of the discount on each customer is known because it is written down in
`true_effect`, which no real data could tell. The discount was not given by lot: it went to those who spend much anyway,
so that comparing customers with and without it, as they are, answers far too much (`naive_effect`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

REGIONS = {"east": -4.0, "north": 0.0, "south": 6.0, "west": 2.0}
"""Euros that customers of each region spend more or less than others, discount or not."""
NOISE = 8.0
"""Standard deviation, in euros, of what nothing known about a customer explains."""


def true_effect(customers: pd.DataFrame) -> np.ndarray:
    """The truth: euros that the discount adds to what each customer, one row each, spends in a month; shape (rows,).

    It brings rare visitors back, does little for frequent ones, and costs the shop money with members, who would have
    bought at the full price.
    """
    rare = 1 / (1 + np.exp(customers["visits_last_month"] - 4))
    return (4 + 14 * rare - 7 * customers["member"]).to_numpy(dtype=float)


def treated_probability(customers: pd.DataFrame) -> np.ndarray:
    """How likely each customer was to get the discount; shape (rows,), never near 0 or 1."""
    log_odds = 0.03 * (customers["spend_last_month"] - 80) + 0.5 * customers["member"]
    return (0.1 + 0.8 / (1 + np.exp(-log_odds))).to_numpy(dtype=float)


def generate(count: int, seed: int) -> pd.DataFrame:
    """`count` customers: who they are, `discount` (0 or 1), `spend` in the month after, and `true_effect`.

    The same seed gives the same ones.
    """
    rng = np.random.default_rng(seed)
    customers = pd.DataFrame(
        {
            "age_years": rng.integers(18, 80, count),
            "visits_last_month": rng.poisson(4, count),
            "spend_last_month": np.round(rng.gamma(4, 20, count), 2),
            "member": rng.random(count) < 0.4,
            "region": rng.choice(list(REGIONS), count),
        }
    )
    discount = (rng.random(count) < treated_probability(customers)).astype(int)
    effect = true_effect(customers)
    without = 20 + 0.6 * customers["spend_last_month"] + customers["region"].map(REGIONS)
    spend = without + discount * effect + rng.normal(0, NOISE, count)
    return customers.assign(discount=discount, spend=np.round(spend, 2), true_effect=effect)


def naive_effect(customers: pd.DataFrame) -> float:
    """The difference of means between customers with and without the discount, who were not alike before: wrong."""
    means = customers.groupby("discount")["spend"].mean()
    return float(means[1] - means[0])


def load() -> pd.DataFrame:
    """What the project is trained with and tested on."""
    return generate(count=8000, seed=51)
