"""Customers of a telephone company that does not exist: ALL DATA HERE IS SYNTHETIC.

Nobody was observed. The truth is known because it is written down in `churn_probability`, so a test can say
how far a trained model is from it. Nothing learned from this data says anything about real customers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

LABELS = ("leaves", "stays")
CONTRACTS = ("month_to_month", "one_year", "two_year")


def churn_probability(customer: Mapping[str, Any]) -> float:
    """The truth: how likely this customer is to leave, between 0 and 1.

    Support calls matter much for a customer who can leave every month and hardly at all for one who is bound
    by a contract. A model without interactions cannot learn that: this is what version 2 does better.
    """
    free_to_leave = customer["contract"] == "month_to_month"
    log_odds = (
        -0.6
        + (0.6 if free_to_leave else 0.0)
        - (0.8 if customer["contract"] == "two_year" else 0.0)
        - 0.03 * customer["tenure_months"]
        + 0.015 * (customer["monthly_charge"] - 70)
        + (0.6 if free_to_leave else 0.03) * customer["support_calls"]
        - (0.4 if customer["autopay"] else 0.0)
    )
    return 1 / (1 + math.exp(-log_odds))


def generate(count: int, seed: int) -> tuple[list[dict[str, Any]], list[str]]:
    """`count` customers and what each of them did, one label for each; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    customers = [
        {
            "tenure_months": int(rng.integers(0, 73)),
            "monthly_charge": round(float(rng.uniform(20, 120)), 2),
            "support_calls": min(10, int(rng.poisson(2))),
            "contract": CONTRACTS[int(rng.choice(3, p=(0.5, 0.3, 0.2)))],
            "autopay": bool(rng.random() < 0.5),
        }
        for _ in range(count)
    ]
    labels = ["leaves" if rng.random() < churn_probability(customer) else "stays" for customer in customers]
    return customers, labels
