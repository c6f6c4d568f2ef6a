"""Asks the model itself, on the table it was trained on: every later copy must give the same answers.

Nothing of e2i_bento is used here on purpose: a mistake in its tables would otherwise be on both sides.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.fitted_names import first_step, fitted_names
from e2i.packaging.missing_module import module_missing
from e2i.packaging.model_contents import check_is_model
from e2i.packaging.pandas_categories import advice_of_columns
from e2i_bento.card import Decisions, Kind

if TYPE_CHECKING:
    from pandas import DataFrame

RowFormat = Literal["frame", "records", "matrix"]
Answer = dict[str, Any]
ROW_FORMATS: tuple[RowFormat, ...] = ("frame", "records", "matrix")
ROUTINES = {
    "Classification": ("predict_proba", "classes_"),
    "Regression": ("predict",),
    "Causal": ("effect", "effect_interval"),
}
ADVICE = {
    "Classification": "wrap it in sklearn.calibration.CalibratedClassifierCV, or train a classifier that has one",
    "Regression": "give a fitted regressor",
    "Causal": "give an estimator with econml's interface; fit it with inference (meta-learners: inference='bootstrap')",
}

ADVICE_OF_TREATMENT = (
    "Name the column of the treatment with --treatment, or it counts as a feature. econml's effect(X) compares the "
    "treatments 0 and 1: of a model that was trained with words, wrap effect and effect_interval in a class that gives "
    "T0 and T1, or train it with 0 and 1 (docs/howto/causal.md#words-for-a-treatment)."
)


@dataclass(frozen=True)
class OriginalModel:
    """A model and how it is asked. `labels` are the columns of predict_proba as words."""

    model: Any
    kind: Kind
    labels: tuple[str, ...] = ()
    decisions: Decisions | None = None
    confidence: float = 0.9

    def answers(self, table: Any) -> list[Answer]:
        """Return the answer for each row; PackagingError if it is malformed. What the model raises is passed on."""
        answers = self._asked(table)
        if len(answers) != len(table):
            raise PackagingError(
                ErrorReason.AnswerMalformed,
                f"The model {type(self.model).__name__} answers {len(table)} inputs with {len(answers)} answers. "
                "A step that takes texts takes one column, not a table: put it into "
                'make_column_transformer((TfidfVectorizer(), "column")) and train again.',
            )
        return answers

    def _asked(self, table: Any) -> list[Answer]:
        with warnings.catch_warnings():
            # What a library warns of here it warned of in training; it must not be mistaken for our output.
            warnings.simplefilter("ignore")
            if self.kind == "Classification":
                return self._classified(self.model.predict_proba(table))
            if self.kind == "Regression":
                return [{"value": value} for value in _column(self.model.predict(table), "predict")]
            effects = _column(self.model.effect(table), "effect")
            try:
                ends = self.model.effect_interval(table, alpha=1 - self.confidence)
            except AttributeError as error:  # econml's, when it was fitted without inference
                raise _without_routine(self.model, "effect_interval", self.kind) from error
            lower, upper = (_column(end, "effect_interval") for end in ends)
        return [
            {"effect": effect, "lower": low, "upper": high, "confidence": self.confidence}
            for effect, low, high in zip(effects, lower, upper, strict=True)
        ]

    def _classified(self, probabilities: Any) -> list[Answer]:
        if getattr(probabilities, "ndim", 0) != 2 or probabilities.shape[1] != len(self.labels):
            shape = getattr(probabilities, "shape", f"a {type(probabilities).__name__}")
            raise PackagingError(
                ErrorReason.AnswerMalformed,
                f"predict_proba answers {shape}; for the {len(self.labels)} labels {', '.join(self.labels)} it must be "
                "one row for each input and one column for each label. Give a classifier of one target.",
            )
        return [self._one(row) for row in probabilities.tolist()]

    def _one(self, row: Sequence[float]) -> Answer:
        by_label = dict(zip(self.labels, row, strict=True))
        # The caller reports numbers that are not finite, with their row.
        if all(math.isfinite(share) for share in row) and (min(row) < 0 or abs(sum(row) - 1) > 1e-4):
            raise PackagingError(
                ErrorReason.AnswerMalformed,
                f"predict_proba answers {by_label}, which are no probabilities that sum to one. "
                "Calibrate the classifier, or serve it as a Regression.",
            )
        answer: Answer = {"label": max(by_label, key=by_label.__getitem__), "probabilities": by_label}
        if self.decisions:
            answer["decision"] = decide(self.decisions, by_label[self.decisions.label])
        return answer


def decide(decisions: Decisions, probability: float) -> str:
    """Return the decision of the first band whose bound is above the probability."""
    return next(
        (band.decision for band in decisions.bands if probability < band.below), decisions.bands[-1].decision
    )


def check_routines(model: Any, kind: Kind) -> None:
    """Raise PackagingError unless the model has what its kind is asked by, and is not plainly of another kind."""
    check_is_model(model)
    if kind == "Regression" and hasattr(model, "predict_proba"):
        raise PackagingError(
            ErrorReason.DeclarationContradicted,
            f"The model is a {type(model).__name__}, a classifier, and the type given is Regression. "
            "Give the type Classification.",
        )
    for routine in ROUTINES[kind]:
        if not hasattr(model, routine):
            raise _without_routine(model, routine, kind)


def _without_routine(model: Any, routine: str, kind: Kind) -> PackagingError:
    return PackagingError(
        ErrorReason.RoutineMissing,
        f"The model is a {type(model).__name__} without {routine}, which the type {kind} is asked by: "
        f"{ADVICE[kind]}. Is it fitted?",
    )


def as_table(frame: DataFrame, row_format: RowFormat) -> Any:
    """Return the rows in the form that training gave them to the model."""
    if row_format == "records":
        return frame.to_dict(orient="records")
    return frame.to_numpy() if row_format == "matrix" else frame


def answers_in_training(original: OriginalModel, frame: DataFrame, row_format: RowFormat) -> list[Answer]:
    """Return the answer for each row of the training data; PackagingError with the first row that the model cannot
    answer."""
    try:
        return original.answers(as_table(frame, row_format))
    except PackagingError:
        raise
    except Exception as error:
        raise _unanswered(original, frame, row_format, error) from error


def _unanswered(
    original: OriginalModel, frame: DataFrame, row_format: RowFormat, error: Exception
) -> PackagingError:
    for place in range(len(frame)):
        row = frame.iloc[[place]]
        try:
            original.answers(as_table(row, row_format))
        except Exception as raised:
            error = raised
            break
    else:
        return PackagingError(
            ErrorReason.RowUnanswered,
            f"The model {type(original.model).__name__} answers each row of the data alone, and not {len(frame)} rows "
            f"together: {type(error).__name__}: {_short(error)}. Give a model that answers many rows at once.",
        )
    missing = [str(name) for name in frame.columns if row[name].isna().any()]
    without = f"Without a value there: {', '.join(missing)}. " if missing else ""
    return PackagingError(
        ErrorReason.RowUnanswered,
        f"The model {type(original.model).__name__} cannot answer row {row.index[0]} of the data (counted from 0): "
        f"{type(error).__name__}: {_short(error)}. {without}"
        + (
            "If it was trained on empty texts, save the data as Parquet or JSON: in a CSV they are missing values. "
            "Otherwise fill missing values inside the model's pipeline, and train again."
            if missing
            else "Give the data that it was trained on, or leave out such rows."
        ),
    )


def find_row_format(original: OriginalModel, frame: DataFrame, wanted: RowFormat | None) -> RowFormat:
    """Return which form of a table the model takes, found by asking it a few rows; PackagingError if none fits."""
    failures: dict[str, list[str]] = {}
    for row_format in [wanted] if wanted else likely_row_formats(original.model, frame):
        try:
            original.answers(as_table(frame.head(5), row_format))
        except PackagingError:
            raise
        except ModuleNotFoundError as error:
            raise module_missing(f"The model {type(original.model).__name__}", error) from error
        except Exception as error:
            failures.setdefault(f"{type(error).__name__}: {_short(error)}", []).append(row_format)
        else:
            return row_format
    said = "; ".join(f"as {' and as '.join(forms)}: {what}" for what, forms in failures.items())
    # A forgotten --treatment is the likeliest cause, so it is told first.
    causal = f"{ADVICE_OF_TREATMENT} " if original.kind == "Causal" else ""
    raise PackagingError(
        ErrorReason.NoFormFits,
        f"The model {type(original.model).__name__} answers none of the forms of a table ({said}). "
        f"{causal}{advice_of_columns(original.model)}",
    )


def likely_row_formats(model: Any, frame: DataFrame) -> list[RowFormat]:
    """Return all forms, the likeliest first: what a model was fitted on can be seen from it."""
    if fitted_names(model) is not None:
        return ["frame", "records", "matrix"]
    if type(first_step(model)).__name__ == "DictVectorizer":
        return ["records", "frame", "matrix"]
    if all(kind in "biuf" for kind in (dtype.kind for dtype in frame.dtypes)):
        return ["matrix", "frame", "records"]
    return ["frame", "records"]


def check_repeatable(original: OriginalModel, table: Any, answers: list[Answer]) -> None:
    """Raise PackagingError if the model answers the same table otherwise the second time."""
    if original.answers(table) != answers:
        raise PackagingError(
            ErrorReason.NotRepeatable,
            f"The model {type(original.model).__name__} answers the same input differently each time, so no golden "
            "prediction can hold. Give it a fixed random_state, or take the chance out of predicting.",
        )


def _column(values: Any, routine: str) -> list[float]:
    """Return one number for each row; (n, 1) is taken as (n,)."""
    if getattr(values, "ndim", 0) == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if getattr(values, "ndim", 0) != 1:
        shape = getattr(values, "shape", f"a {type(values).__name__}")
        raise PackagingError(
            ErrorReason.AnswerMalformed,
            f"{routine} answers {shape}; it must be one number for each input. Give a model of one target.",
        )
    return [float(value) for value in values]


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
