"""Visits to a web shop that does not exist: ALL DATA HERE IS SYNTHETIC.

Nobody was observed. The truth is known because it is written down in `purchase_probability`, so a test can say how far
a trained model is from it. Nothing learned from this data says anything about real visitors.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

CHANNELS = {"advert": -0.5, "direct": 0.4, "email": 0.7, "search": 0.0}
"""How each channel shifts the log odds of buying."""
DEVICES = {"desktop": 0.3, "phone": -0.2, "tablet": 0.0}


def purchase_probability(visits: pd.DataFrame) -> np.ndarray:
    """The truth: how likely each visit, one row each, is to end in a purchase; shape (rows,), between 0 and 1.

    A basket of unknown value is an empty one.
    """
    log_odds = (
        -4.0
        + 0.1 * visits["pages_viewed"]
        + 0.03 * visits["minutes_on_site"]
        + 0.9 * visits["returning"]
        + visits["channel"].map(CHANNELS)
        + visits["device"].map(DEVICES)
        + 2.2 * visits["basket_value"].notna()
        - 0.004 * visits["basket_value"].fillna(0)
    )
    return np.asarray(1 / (1 + np.exp(-log_odds.to_numpy(dtype=float))))


def generate(count: int, seed: int) -> pd.DataFrame:
    """`count` visits with what became of each, in the column `outcome`; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    basket = np.round(rng.gamma(2, 40, count), 2)
    visits = pd.DataFrame(
        {
            "pages_viewed": np.minimum(60, 1 + rng.poisson(rng.gamma(2, 4, count))),
            "minutes_on_site": np.round(rng.gamma(2, 5, count), 1),
            "returning": rng.random(count) < 0.4,
            "channel": rng.choice(list(CHANNELS), count, p=(0.3, 0.2, 0.15, 0.35)),
            "device": rng.choice(list(DEVICES), count, p=(0.4, 0.5, 0.1)),
            "basket_value": np.where(rng.random(count) < 0.45, basket, np.nan),
        }
    )
    buys = rng.random(count) < purchase_probability(visits)
    return visits.assign(outcome=np.where(buys, "buys", "leaves"))


def load() -> pd.DataFrame:
    """What the project is trained with and tested on."""
    return generate(count=6000, seed=11)
