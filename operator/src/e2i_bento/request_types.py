"""Makes the types of a model's input and answer from its card: a service checks and documents requests by them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from e2i_bento.card import Card, Feature, Row

# What a 64-bit column can hold: a larger integer would be refused by the model itself, without a place.
SMALLEST, LARGEST = -(2**63), 2**63 - 1


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class _Answer(BaseModel):
    model: Annotated[str, Field(description="name:version of the model that answered")]
    bento: Annotated[str, Field(description="name:version of the bento that answered")]


def input_type(card: Card) -> type[BaseModel]:
    """Return the type of one row: every feature required, nothing else, no conversions ("3" is not 3, true is not 1).

    Only 3.0 is 3: JSON knows one kind of number, and pandas writes whole numbers so where some are missing.
    """
    # A feature may be called `copy`, `_id` or `mean radius`, a field of pydantic may not: features are aliases.
    fields: dict[str, Any] = {
        f"feature_{number}": (_annotation(feature), _field(feature))
        for number, feature in enumerate(card.features)
    }
    return create_model(f"{_class_name(card)}Input", __base__=_Input, **fields)


def row_from(value: BaseModel) -> Row:
    """Return the row that a checked input holds: value by name of feature."""
    return value.model_dump(by_alias=True)


def answer_type(card: Card) -> type[BaseModel]:
    """Return the type of what `predict` answers."""
    return create_model(f"{_class_name(card)}Answer", __base__=_Answer, **_ANSWERS[card.type](card))


def explanation_type(card: Card) -> type[BaseModel]:
    """Return the type of what `explain` answers."""
    fields: dict[str, Any] = {
        "explained": (str, Field(description="which number of the answer is explained")),
        "value": (float, Field(description="that number; base_value and all contributions add up to it")),
        "base_value": (float, Field(description="its mean over the background rows of the training data")),
        "contributions": (dict[str, float], Field(description="what each feature adds to it")),
    }
    return create_model(f"{_class_name(card)}Explanation", __base__=_Answer, **fields)


def _class_name(card: Card) -> str:
    return "".join(part.capitalize() for part in card.name.split("_"))


def _annotation(feature: Feature) -> Any:
    kinds: dict[str, Any] = {"integer": int, "number": float, "boolean": bool, "text": str}
    kind = Literal[feature.categories] if feature.kind == "category" else kinds[feature.kind]
    if feature.kind in ("integer", "number"):
        kind = Annotated[kind, Field(**_limits(feature))]
    if feature.kind == "integer":
        # After the limits, or the documented schema would lose them.
        kind = Annotated[kind, BeforeValidator(_whole)]
    return kind | None if feature.nullable else kind


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _limits(feature: Feature) -> dict[str, Any]:
    low, high = feature.minimum, feature.maximum
    if feature.kind == "integer":
        return {
            "ge": SMALLEST if low is None else math.ceil(low),
            "le": LARGEST if high is None else math.floor(high),
        }
    return {name: limit for name, limit in (("ge", low), ("le", high)) if limit is not None}


def _field(feature: Feature) -> Any:
    return Field(alias=feature.name, description=feature.description or None)


def _classification(card: Card) -> dict[str, Any]:
    label: Any = Literal.__getitem__(card.labels)
    fields: dict[str, Any] = {"label": (label, ...), "probabilities": (dict[label, float], ...)}
    if card.decisions is not None:
        fields["decision"] = (Literal[tuple(band.decision for band in card.decisions.bands)], ...)
    return fields


def _regression(card: Card) -> dict[str, Any]:
    return {"value": (float, Field(description=card.description or None))}


def _causal(card: Card) -> dict[str, Any]:
    return {
        "effect": (float, Field(description=card.description or None)),
        "lower": (float, Field(description="lower end of the interval")),
        "upper": (float, Field(description="upper end of the interval")),
        "confidence": (float, Field(description="how likely the interval holds the true effect")),
    }


_ANSWERS: dict[str, Callable[[Card], dict[str, Any]]] = {
    "Classification": _classification,
    "Regression": _regression,
    "Causal": _causal,
}
