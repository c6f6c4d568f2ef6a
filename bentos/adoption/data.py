"""Teams that get a new program, at companies that do not exist: ALL DATA HERE IS SYNTHETIC.

Nobody was observed. The truth is known because it is written down in `expected_share`, so a test can say how far a
trained model is from it. Nothing learned from this data says anything about real teams.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

TIERS = {"basic": -0.6, "business": 0.0, "enterprise": 0.4}
"""How the contract shifts the log odds that a seat is used."""


def expected_share(teams: pd.DataFrame) -> np.ndarray:
    """The truth: share of its seats that each team, one row each, will use after 90 days; shape (rows,), 0 to 1.

    Training helps little beyond six hours, and twice as much where somebody in the team stands up for the program.
    """
    training = np.minimum(teams["training_hours"], 6) * np.where(teams["champion"], 0.4, 0.2)
    log_odds = -1.2 + training - 0.12 * teams["support_tickets"] + teams["tier"].map(TIERS)
    return np.asarray(1 / (1 + np.exp(-log_odds.to_numpy(dtype=float))))


def generate(count: int, seed: int) -> pd.DataFrame:
    """`count` teams with their share of used seats, in the column `adoption`; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    teams = pd.DataFrame(
        {
            "seats": 5 + rng.poisson(rng.gamma(2, 15, count)),
            "training_hours": np.round(rng.gamma(2, 2, count), 1),
            "support_tickets": rng.poisson(3, count),
            "champion": rng.random(count) < 0.35,
            "tier": rng.choice(list(TIERS), count, p=(0.4, 0.4, 0.2)),
        }
    )
    used = rng.binomial(teams["seats"], expected_share(teams))
    return teams.assign(adoption=used / teams["seats"])


def load() -> pd.DataFrame:
    """What the project is trained with and tested on."""
    return generate(count=5000, seed=31)
