"""The card of a model: what it takes, what it answers, what it was made from, and answers that are known.

It is written once, beside the model's file, and travels with it: from training to the BentoML store, to the bento, to
the manifest. The service checks requests by it, readiness is judged by its golden predictions, and drift is measured
against its reference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

CARD_FILE = "card.json"
BACKGROUND_FILE = "background.json"
"""Rows of the training data, a list of objects: what contributions of features are measured against."""

Kind = Literal["Classification", "Regression", "Causal"]
Value = bool | int | float | str | None
Row = dict[str, Value]
"""One input: the value of each feature by its name, as JSON has it."""


class _Part(BaseModel):
    # Golden values must come back as they were written: no NaN, no unknown words, no change afterwards.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Reference(_Part):
    """How a feature was distributed in training; drift is measured against it.

    `edges` are the inner bounds of the bins of a number, rising: a value v belongs to bin i when
    edges[i-1] <= v < edges[i]; `categories` are the values of anything else. `shares` has one share for each bin
    (len(edges) + 1) or category, and one more, the last, for missing and unknown values. They sum to one.
    """

    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    shares: tuple[float, ...]


class Feature(_Part):
    """One input of the model.

    `minimum` and `maximum` are hard limits that a person declared, not the range that was seen in training;
    a category that is not in `categories` is refused.
    """

    name: str
    kind: Literal["integer", "number", "boolean", "category", "text"]
    nullable: bool = False
    missing: Literal["nan", "none"] = "nan"
    """What stands for a text or a boolean without a value: NaN, as pandas reads a CSV, or None, as it reads Parquet."""
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    description: str = ""
    reference: Reference | None = None


class ModelFile(_Part):
    """The file that holds the trained model with its preprocessing."""

    name: str
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    format: Literal["joblib", "xgboost"] = "joblib"


class Band(_Part):
    """A decision for probabilities below a bound; the bands of a card rise, and the last one is below 1.01."""

    below: float
    decision: str


class Decisions(_Part):
    """Decisions by the probability of one label, for instance APPROVED below 0.3."""

    label: str
    bands: tuple[Band, ...]


class FeatureWeight(_Part):
    """The part of one feature in the log odds of being treated.

    A number adds a line that bends at its knots: `slope` times its value, and above each knot the bend times what it
    is above it. Anything else adds the weight of its category; whatever has no value, or an unknown one, adds
    `missing`.
    """

    feature: str
    slope: float = 0.0
    knots: tuple[float, ...] = ()
    bends: tuple[float, ...] = ()
    categories: dict[str, float] = {}
    missing: float = 0.0


class Propensity(_Part):
    """The chance of being treated, given the features: a logistic regression, in numbers instead of a pickle."""

    treated: str
    """The value of the treatment whose chance it is."""
    intercept: float
    weights: tuple[FeatureWeight, ...] = ()


class Overlap(_Part):
    """Where training saw both treated and untreated rows, and enough of them: at scores from `low` to `high`.

    A row outside is like rows of one group alone, so that its effect is a guess.
    """

    propensity: Propensity
    low: float
    high: float
    outside: float
    """Share of the training rows outside."""
    auc: float
    """How well the propensity tells treated rows from others that it was not fitted to: 0.5 is not at all, 1 always."""
    calibration_error: float
    """By how much its chances are off on such rows, on average over ten groups."""
    reference: Reference
    """How the scores were distributed in training."""


class Causal(_Part):
    """The treatment whose effect on the outcome is estimated, and the confidence of the interval."""

    treatment: str
    outcome: str
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.9
    overlap: Overlap | None = None
    """None where no propensity could be fitted: then overlap is not measured."""


class Golden(_Part):
    """A known input and what the model answered right after training: the answer of POST <route>/predict, without
    the names of model and bento."""

    input: Row
    output: dict[str, Any]


class Holdout(_Part):
    """The rows that training never saw: the content of a row decides, by all its columns in this order."""

    share: Annotated[float, Field(gt=0, lt=1)]
    columns: tuple[str, ...]


class Lineage(_Part):
    """The origin of the model: data, code and time. Times are RFC 3339, UTC."""

    data_source: str = ""
    data_digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    data_rows: int = 0
    synthetic: bool = False
    code_revision: str = ""
    """Commit of the recipe; with `-dirty` when files differed from it, empty outside of Git."""
    trained_at: str = ""
    python: str = ""
    packages: dict[str, str] = {}
    """Exact versions of the packages that the model was trained with, by distribution name."""
    registry: str = ""
    """Where it is registered, for instance models:/churn_model/3."""
    holdout: Holdout | None = None
    """Set by `e2i pipeline`. A model without one may know every row."""


class Card(_Part):
    """All of it. `version` is empty until the model is packaged."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,50}$")]
    version: str = ""
    type: Kind
    description: str = ""
    model: ModelFile
    rows_as: Literal["frame", "records", "matrix"] = "frame"
    """What the model takes: a pandas DataFrame, a list of dicts, or a NumPy array in the order of features."""
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    labels: tuple[str, ...] = ()
    """Classification: every label, in the order of the columns of predict_proba."""
    decisions: Decisions | None = None
    causal: Causal | None = None
    golden: Annotated[tuple[Golden, ...], Field(min_length=1)]
    tolerance: float = 1e-6
    """By how much a number of a golden answer may differ on another machine."""
    metrics: dict[str, float] = {}
    lineage: Lineage = Lineage()


def read_card(folder: Path) -> Card:
    """Return the card in a model's folder; FileNotFoundError, or pydantic's ValidationError with the place of the
    mistake."""
    return Card.model_validate_json((folder / CARD_FILE).read_bytes())


def write_card(card: Card, folder: Path) -> None:
    """Write it so that the same card is the same bytes."""
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=1, exclude_defaults=True) + "\n")
