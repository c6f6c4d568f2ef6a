"""Employees who took a course on health at work or not, at a company that does not exist: ALL DATA HERE IS SYNTHETIC.

Nobody was observed. The true effect of the course on each employee is known because it is written down in
`true_effect`, which no real data could tell. The course was not given by lot: it went to those who had been absent
often, and still are more often than others, so that comparing employees with and without it, as they are, makes the
course look harmful (`naive_effect`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

NOISE = 2.0
"""Standard deviation, in days, of what nothing known about an employee explains."""


def true_effect(employees: pd.DataFrame) -> np.ndarray:
    """The truth: days of absence a year that the course adds, mostly below zero, for each row; shape (rows,)."""
    return (-2.5 + 0.02 * (employees["age_years"] - 40)).to_numpy(dtype=float)


def treated_probability(employees: pd.DataFrame) -> np.ndarray:
    """How likely each employee was to take the course; shape (rows,), between 0.1 and 0.9."""
    log_odds = 0.35 * (employees["absent_last_year"] - 8) - 0.02 * employees["commute_km"]
    return (0.1 + 0.8 / (1 + np.exp(-log_odds))).to_numpy(dtype=float)


def generate(count: int, seed: int) -> pd.DataFrame:
    """`count` employees: who they are, `course` (0 or 1), `absent` in the year after, in days, and `true_effect`.

    The same seed gives the same ones. Days of absence are not cut off at zero: the truth stays a plain sum.
    """
    rng = np.random.default_rng(seed)
    employees = pd.DataFrame(
        {
            "age_years": rng.integers(18, 66, count),
            "years_employed": np.minimum(40, rng.exponential(8, count).astype(int)),
            "absent_last_year": rng.poisson(rng.gamma(4, 2, count)),
            "commute_km": np.round(rng.gamma(2, 8, count), 1),
        }
    )
    course = (rng.random(count) < treated_probability(employees)).astype(int)
    effect = true_effect(employees)
    without = 2 + 0.8 * employees["absent_last_year"] + 0.05 * employees["commute_km"]
    absent = without + course * effect + rng.normal(0, NOISE, count)
    return employees.assign(course=course, absent=np.round(absent, 2), true_effect=effect)


def naive_effect(employees: pd.DataFrame) -> float:
    """The difference of means between employees with and without the course, who were not alike before: wrong."""
    means = employees.groupby("course")["absent"].mean()
    return float(means[1] - means[0])


def load() -> pd.DataFrame:
    """What the project is trained with and tested on."""
    return generate(count=8000, seed=61)
