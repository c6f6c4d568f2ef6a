"""Fits who was treated, given the features, and finds where treated and untreated rows were both seen: the overlap.

It is judged on rows that it was not fitted to, and written as numbers into the card: the service needs no pickle and no
package more for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.golden import evenly_spaced
from e2i.packaging.model_declaration import ModelDeclaration, find_causal
from e2i.packaging.propensity_terms import feature_terms, rounded
from e2i.packaging.schema import distribution, json_rows
from e2i_bento.card import Causal, Feature, Overlap, Propensity, Row
from e2i_bento.overlap import propensity_score

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Say = Callable[[str], None]

MOST_ROWS = 10_000
"""Rows that it is fitted to, evenly spread: more would say the same and take longer."""
LEAST_OF_EACH = 20
"""Rows of either treatment below which nothing can be learned of who gets it."""
FOLDS = 5
PENALTIES = (0.01, 0.1, 1.0)
"""Inverse strengths of the penalty, of which the one with the best chances on unseen rows is taken."""
MUCH_OUTSIDE = 0.1
BADLY_CALIBRATED = 0.05


def describe_causal(
    declaration: ModelDeclaration, data: DataFrame, features: Sequence[Feature], say: Say
) -> Causal | None:
    """Return treatment, outcome and overlap of a causal model, None of any other."""
    causal = find_causal(declaration)
    if causal is None:
        return None
    return causal.model_copy(update={"overlap": fit_overlap(data, causal.treatment, features, say)})


def fit_overlap(data: DataFrame, treatment: str, features: Sequence[Feature], say: Say) -> Overlap | None:
    """Return where both treatments were seen, None if it cannot be found; `say` gets what was found, or why not.

    PackagingError if all rows have the same treatment: no effect was estimated with these.
    """
    known = data[data[treatment].notna()]
    values = sorted(known[treatment].unique().tolist(), key=lambda value: (isinstance(value, str), value))
    if len(values) < 2:
        raise PackagingError(
            ErrorReason.SingleTreatment,
            f"The treatment {treatment} is {values[0] if values else 'missing'} in every row: an effect is estimated "
            "from treated and untreated rows. Give the data that the model was trained on, or the right column with "
            "--treatment.",
        )
    why_not = _why_not(known[treatment], values, features)
    if why_not:
        say(f"overlap is not measured: {why_not}")
        return None
    known = known.iloc[evenly_spaced(len(known), MOST_ROWS)]
    treated = (known[treatment] == values[-1]).to_numpy(dtype=float)
    rows = json_rows(known[[feature.name for feature in features]])
    found = _fit(rows, treated, features, str(values[-1]))
    say(f"overlap: {_in_words(found, treatment)}")
    return found


def _why_not(treatment: Series, values: Sequence[Any], features: Sequence[Feature]) -> str:
    """Return why the chance of this treatment is not learned; empty if it is."""
    if len(values) > 2:
        return (
            f"the treatment {treatment.name} has {len(values)} different values, and a propensity is the chance of "
            "one of two. effect(X) of econml compares the treatments 0 and 1 alone: to serve other comparisons, "
            "package a model for each, wrapped with T0 and T1"
        )
    counts = treatment.value_counts()
    if counts.iloc[-1] < LEAST_OF_EACH:
        return (
            f"only {counts.iloc[-1]} rows have {treatment.name} {counts.index[-1]}, and {LEAST_OF_EACH} of each are "
            "needed to learn who gets it. Package the model with all data that it was trained on"
        )
    return "" if any(feature.reference for feature in features) else "all features are free text"


def _fit(rows: Sequence[Row], treated: Numbers, features: Sequence[Feature], value: str) -> Overlap:
    terms = feature_terms(rows, features)
    learned = _learn(terms.standardized, treated)
    if learned.is_by_lot(treated):
        # Noise of the fit would be taken for a chance that was never seen.
        share = float(treated.mean())
        propensity = Propensity(treated=value, intercept=rounded(math.log(share / (1 - share))))
    else:
        constant, weights = terms.weights(learned.coefficients)
        propensity = Propensity(
            treated=value, intercept=rounded(learned.intercept + constant), weights=weights
        )
    scores = np.array([propensity_score(propensity, row) for row in rows])
    low, high = overlap(scores, treated)
    return Overlap(
        propensity=propensity,
        low=low,
        high=high,
        outside=float(((scores < low) | (scores > high)).mean()),
        auc=learned.auc,
        calibration_error=learned.calibration_error,
        reference=distribution(scores.tolist()),
    )


def overlap(scores: Numbers, treated: Numbers) -> tuple[float, float]:
    """Return the lowest and the highest score at which effects can be estimated.

    Both groups reach there (Dehejia and Wahba 1999), and neither is so rare that the variance of the mean effect is
    smaller without these rows (Crump, Hotz, Imbens and Mitnik 2009).
    """
    groups = scores[treated == 1], scores[treated == 0]
    cutoff = optimal_cutoff(scores)
    low = max(cutoff, *(group.min() for group in groups))
    high = min(1 - cutoff, *(group.max() for group in groups))
    return float(low), float(high)


def optimal_cutoff(scores: Numbers) -> float:
    """Return the score below which, and above one minus which, rows cost the mean effect more than they tell.

    It is the rule of which 0.1 is the usual approximation, and is 0 where no row needs to go: also where the treatment
    is rare among all alike, of which the approximation would leave nothing.
    """
    within = np.clip(scores, 1e-9, 1 - 1e-9)
    costs = np.sort(1 / (within * (1 - within)))
    bearable = costs <= 2 * np.cumsum(costs) / np.arange(1, len(costs) + 1)
    last = int(np.flatnonzero(bearable)[-1])
    return 0.0 if last == len(costs) - 1 else 0.5 - math.sqrt(max(0.0, 0.25 - 1 / float(costs[last])))


@dataclass(frozen=True)
class _Learned:
    intercept: float
    coefficients: Numbers
    auc: float
    calibration_error: float

    def is_by_lot(self, treated: Numbers) -> bool:
        """Return whether the features say no more about the treatment than chance does: within two standard errors."""
        ones = float(treated.sum())
        others = len(treated) - ones
        return self.auc < 0.5 + 2 * math.sqrt((ones + others + 1) / (12 * ones * others))


def _learn(columns: Numbers, treated: Numbers) -> _Learned:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)

    def model(penalty: float) -> Any:
        return LogisticRegression(C=penalty, max_iter=1000)

    def unseen(penalty: float) -> Numbers:
        chances: Numbers = cross_val_predict(
            model(penalty), columns, treated, cv=folds, method="predict_proba"
        )[:, 1]
        return chances

    tried = {penalty: unseen(penalty) for penalty in PENALTIES}
    best = min(PENALTIES, key=lambda penalty: log_loss(treated, tried[penalty]))
    fitted = model(best).fit(columns, treated)
    return _Learned(
        intercept=float(fitted.intercept_[0]),
        coefficients=fitted.coef_[0],
        auc=round(float(roc_auc_score(treated, tried[best])), 6),
        calibration_error=round(_calibration_error(tried[best], treated), 6),
    )


def _calibration_error(chances: Numbers, treated: Numbers) -> float:
    groups = np.array_split(np.argsort(chances, kind="stable"), 10)
    off = sum(len(group) * abs(chances[group].mean() - treated[group].mean()) for group in groups)
    return float(off) / len(treated)


def _in_words(found: Overlap, treatment: str) -> str:
    """Return what was found, and what follows from it."""
    of = f"{treatment} {found.propensity.treated}"
    if not found.propensity.weights:
        return f"everywhere. The features do not tell who gets {of}"
    if found.low >= found.high:
        return (
            f"none. The features tell exactly who gets {of}, so no effect can be estimated from this data: "
            "collect rows that were treated by lot"
        )
    words = (
        f"where the chance of {of} is from {found.low:.2f} to {found.high:.2f}, treated and untreated rows were both "
        f"seen; {found.outside:.0%} of the rows lie outside"
    )
    if found.outside > MUCH_OUTSIDE:
        words += (
            ". Their effects are guesses: train without them, or collect more rows of the group that lacks"
        )
    if found.calibration_error > BADLY_CALIBRATED:
        words += (
            f". These chances are off by {found.calibration_error:.0%} on average: take them as a rough hint"
        )
    return words
