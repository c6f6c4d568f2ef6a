"""Is what a request becomes the same as what the model was trained on? If not, which feature is another?

A request carries JSON: a column of categories, of dates or of small integers comes back as plain text and numbers.
Most models do not care; one that does must be found before it is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from e2i.packaging.errors import Reason, Refused
from e2i.packaging.inference import Answer, Asked
from e2i_bento.card import Card
from e2i_bento.checking import differences
from e2i_bento.tables import table_of

if TYPE_CHECKING:
    from pandas import DataFrame


def check_tables(card: Card, asked: Asked, trained_on: DataFrame) -> None:
    """Refused, with the feature, unless the model answers the golden inputs of `card` as it did for `trained_on`,
    the same rows as they were in training."""
    if card.model.format == "xgboost":
        # A Booster is asked through a matrix of its own making; packaging compares its answers.
        return
    served = table_of(card, [golden.input for golden in card.golden])
    told = _differences(card, asked, served)
    if not told:
        return
    culprit = _culprit(card, asked, served, trained_on) if card.rows_as == "frame" else ""
    raise Refused(
        Reason.PreprocessingDiffers,
        f"A request reaches {card.name} otherwise than its training data did{culprit}: {told[:300]}. Convert the "
        "columns inside the model's pipeline, so that it takes plain numbers, texts and booleans, and train again.",
    )


def _differences(card: Card, asked: Asked, table: Any) -> str:
    """The first difference between what was recorded and what the model says to this table; empty when none."""
    try:
        answers: Sequence[Answer] = asked.answers(table)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    for golden, answer in zip(card.golden, answers, strict=True):
        for difference in differences(golden.output, answer, card.tolerance):
            return difference
    return ""


def _culprit(card: Card, asked: Asked, served: DataFrame, trained_on: DataFrame) -> str:
    """The feature whose own column makes the difference go away, or all whose type is another."""
    original = trained_on.reset_index(drop=True)
    for feature in card.features:
        repaired = served.assign(**{feature.name: original[feature.name]})
        if not _differences(card, asked, repaired):
            return _of(feature.name, served, original)
    others = [each.name for each in card.features if served[each.name].dtype != original[each.name].dtype]
    return "; ".join(_of(name, served, original) for name in others[:5])


def _of(name: str, served: DataFrame, original: DataFrame) -> str:
    return (
        f" (feature {name} was {original[name].dtype} in training and is {served[name].dtype} in a request)"
    )
