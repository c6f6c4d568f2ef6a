"""Checks that a request becomes the same table as the training data, and names the feature that differs.

A request carries JSON: a column of categories, of dates or of small integers comes back as plain text and numbers.
Most models do not care; one that does must be found before it is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.inference import Answer, OriginalModel
from e2i.packaging.pandas_categories import advice_of_columns, takes_categories
from e2i_bento.card import Card
from e2i_bento.golden_check import differences
from e2i_bento.model_input import table_from_rows

if TYPE_CHECKING:
    from pandas import DataFrame


def check_tables(card: Card, original: OriginalModel, trained_on: DataFrame) -> None:
    """PackagingError with the feature, unless the model answers the golden inputs of `card` as it did for `trained_on`,
    the same rows as they were in training."""
    if card.model.format == "xgboost":
        # A Booster is asked through a matrix of its own making; packaging compares its answers.
        return
    served = table_from_rows(card, [golden.input for golden in card.golden])
    difference = _first_difference(card, original, served)
    if not difference:
        return
    differing = _differing_features(card, original, served, trained_on) if card.rows_as == "frame" else ""
    advice = (
        "Convert the columns inside the model's pipeline, so that it takes plain numbers, texts and booleans."
    )
    if takes_categories(original.model):
        advice = advice_of_columns(original.model)
    words = f"{differing}: {difference[:300].rstrip('.')}"
    raise PackagingError(
        ErrorReason.PreprocessingDiffers,
        f"A request reaches {card.name} otherwise than its training data did{words}. {advice}",
    )


def _first_difference(card: Card, original: OriginalModel, table: Any) -> str:
    """Return the first difference between what was recorded and what the model says to this table; empty when none."""
    try:
        answers: Sequence[Answer] = original.answers(table)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    for golden, answer in zip(card.golden, answers, strict=True):
        for difference in differences(golden.output, answer, card.tolerance):
            return difference
    return ""


def _differing_features(card: Card, original: OriginalModel, served: DataFrame, trained_on: DataFrame) -> str:
    """Return the feature whose own column makes the difference go away, or all whose type is another."""
    in_training = trained_on.reset_index(drop=True)
    for feature in card.features:
        repaired = served.assign(**{feature.name: in_training[feature.name]})
        if not _first_difference(card, original, repaired):
            return _type_change(feature.name, served, in_training)
    others = [each.name for each in card.features if served[each.name].dtype != in_training[each.name].dtype]
    return "; ".join(_type_change(name, served, in_training) for name in others[:5])


def _type_change(name: str, served: DataFrame, in_training: DataFrame) -> str:
    before, now = in_training[name], served[name]
    if before.dtype != now.dtype:
        return f" (feature {name} was {before.dtype} in training and is {now.dtype} in a request)"
    # Of one type, so a single value is another: None is not NaN, 1 is not True.
    pairs = zip(before.tolist(), now.tolist(), strict=True)
    old, new = next(((a, b) for a, b in pairs if repr(a) != repr(b)), (None, None))
    return f" (a value of feature {name} was {old!r} in training and is {new!r} in a request)"
