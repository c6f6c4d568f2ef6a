"""Applications for loans that nobody asked for: ALL DATA HERE IS SYNTHETIC.

The truth is known because it is written down in `default_probability`. Nothing learned from this data says anything
about real people, and no decision about one may rest on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

HOMES = ("owner", "parents", "rent")
JOBS = ("fixed", "freelance", "none")


def default_probability(application: Mapping[str, Any]) -> float:
    """The truth: how likely it is that this loan is not paid back, between 0 and 1.

    A loan that is large beside what is left of the income each month hurts most where there was trouble before.
    """
    left = application["income"] - application["expenses"]
    burden = application["amount"] / max(left, 10)
    log_odds = (
        -1.2
        + (0.06 if application["records"] else 0.02) * burden
        - 0.12 * application["seniority"]
        + (0.9 if application["records"] else 0.0)
        + {"fixed": -0.5, "freelance": 0.3, "none": 1.0}[application["job"]]
        + (0.4 if application["home"] == "rent" else 0.0)
    )
    return 1 / (1 + math.exp(-log_odds))


def generate(count: int, seed: int) -> tuple[list[dict[str, Any]], list[int]]:
    """`count` applications and whether each loan defaulted (1) or not (0); the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    applications = [
        {
            "seniority": min(40, int(rng.exponential(8))),
            "home": HOMES[int(rng.choice(3, p=(0.5, 0.2, 0.3)))],
            "job": JOBS[int(rng.choice(3, p=(0.6, 0.3, 0.1)))],
            "records": bool(rng.random() < 0.2),
            "income": int(rng.integers(40, 400)),
            "expenses": int(rng.integers(30, 120)),
            "amount": int(rng.integers(100, 3000)),
        }
        for _ in range(count)
    ]
    defaults = [int(rng.random() < default_probability(application)) for application in applications]
    return applications, defaults
