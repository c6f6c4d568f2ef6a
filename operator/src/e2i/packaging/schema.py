"""Makes the features of a card from the columns of training data. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.missing_texts import missing_as
from e2i_bento.card import Feature, Reference, Row, Value

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MAX_CATEGORIES = 50
"""Texts with more different values than this are text, not categories."""
BINS = 10
LISTED = 40
"""Names that a message lists at most."""
TRUE_EFFECT = "true_effect"
"""Synthetic causal data carries its truth in this column; it is never a feature."""


def choose_columns(
    columns: Sequence[str],
    given: Sequence[str] | None,
    model_names: Sequence[str] | None,
    not_features: Mapping[str, str],
) -> list[str]:
    """Names of the features, in order: those given, else those the model was fitted with, else all others.

    `not_features` maps a column to its role (target, treatment); PackagingError if one is asked for as a feature,
    or when a feature is no column.
    """
    chosen = given or model_names or [name for name in columns if name not in {*not_features, TRUE_EFFECT}]
    for name in chosen:
        if name in not_features:
            raise PackagingError(
                ErrorReason.TargetAmongFeatures,
                f"{name} is the {not_features[name]} and a feature as well, so the answer would be part of the "
                "question. Leave it out of the features and train the model without it.",
            )
        if name not in columns:
            raise PackagingError(
                ErrorReason.ColumnMissing,
                f"The data has no column {name}, which {'is given as a feature' if given else 'the model takes'}; "
                f"it has {listed(columns, near=name)}. Give the data that the model was trained on.",
            )
    if not chosen:
        raise PackagingError(
            ErrorReason.ColumnMissing, "The data has no column besides the target: nothing to predict from."
        )
    _check_fitted(chosen, model_names)
    return list(chosen)


def _check_fitted(chosen: Sequence[str], model_names: Sequence[str] | None) -> None:
    if model_names is None or set(chosen) == set(model_names):
        return
    lacking = sorted(set(model_names) - set(chosen))
    unknown = sorted(set(chosen) - set(model_names))
    differences = [f"it was not fitted with {listed(unknown)}"] if unknown else []
    differences += [f"it was also fitted with {listed(lacking)}"] if lacking else []
    raise PackagingError(
        ErrorReason.DeclarationContradicted,
        f"The features are not those of the model: {' and '.join(differences)}. List exactly its columns, under "
        "features in project.yaml or with --features.",
    )


def infer_feature(name: str, column: Series, declared: Mapping[str, Any]) -> Feature:
    """Return the feature that a column is, with what was declared about it; PackagingError if they contradict."""
    values = json_values(name, column)
    present = [value for value in values if value is not None]
    if not present:
        raise PackagingError(
            ErrorReason.ColumnUnusable,
            f"Column {name} is empty: nothing is known about it. Leave it out of the features.",
        )
    kind = declared.get("kind") or _kind(name, present)
    inferred: dict[str, Any] = {"name": name, "kind": kind, "nullable": len(present) < len(values)}
    if kind in ("category", "text", "boolean"):
        inferred["missing"] = missing_as(column)
    if kind == "category":
        inferred["categories"] = tuple(sorted({_text(value) for value in present}))
    try:
        feature = Feature.model_validate({**inferred, **declared})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PackagingError(
            ErrorReason.DeclarationContradicted,
            f"The declaration of feature {name} is wrong at {place}: {first['msg']} (it is {first['input']!r}).",
        ) from None
    _check_declared(feature, present, nulls=len(values) - len(present))
    return feature.model_copy(update={"reference": reference(feature, values)})


def json_values(name: str, column: Series) -> list[Value]:
    """Return the column as JSON has it: whole numbers, numbers, booleans, texts, and None for what is missing."""
    return [_plain(name, value) for value in column.astype(object).where(column.notna(), None).tolist()]


def json_rows(frame: DataFrame) -> list[Row]:
    """Return each row by the names of its columns, as JSON has it."""
    columns = {str(name): json_values(str(name), frame[name]) for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def reference(feature: Feature, values: Sequence[Value]) -> Reference | None:
    """Return how the feature was distributed; None for free text, of which nothing is counted."""
    if feature.kind == "text":
        return None
    if feature.kind in ("boolean", "category"):
        categories = ("False", "True") if feature.kind == "boolean" else feature.categories
        counts = [
            sum(value is not None and _text(value) == category for value in values) for category in categories
        ]
        return Reference(categories=categories, shares=_shares(counts, len(values)))
    return distribution([float(value) for value in values if isinstance(value, (int, float))], len(values))


def distribution(numbers: Sequence[float], total: int = 0) -> Reference:
    """Return the bins of numbers, about as many in each; `total` counts values that are missing as well."""
    numbers, total = sorted(numbers), total or len(numbers)
    edges = tuple(sorted({numbers[len(numbers) * step // BINS] for step in range(1, BINS)} - {numbers[0]}))
    counts = [0] * (len(edges) + 1)
    for number in numbers:
        counts[bisect_right(edges, number)] += 1
    return Reference(edges=edges, shares=_shares(counts, total))


def _shares(counts: Sequence[int], total: int) -> tuple[float, ...]:
    return (*(count / total for count in counts), (total - sum(counts)) / total)


def _plain(name: str, value: object) -> Value:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise PackagingError(
            ErrorReason.ColumnUnusable,
            f"Column {name} has the value {value}, which JSON cannot say. Make it a missing value or leave it out.",
        )
    if isinstance(value, (bool, int, float, str)):
        return value
    raise PackagingError(
        ErrorReason.ColumnUnusable,
        f"Column {name} has values of the type {type(value).__name__}, for instance {str(value)[:40]!r}, which a "
        "request cannot carry. Make it a number or a text before training, or leave it out of the features.",
    )


def _kind(name: str, present: Sequence[Value]) -> str:
    kinds = {type(value) for value in present}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "integer"
    if kinds <= {int, float}:
        return "number"
    if kinds == {str}:
        different = len(set(present))
        # As many values as rows are names or sentences, which no future request repeats.
        return "category" if different <= MAX_CATEGORIES and different < max(2, len(present)) else "text"
    names = sorted(kind.__name__ for kind in kinds)
    raise PackagingError(
        ErrorReason.ColumnUnusable,
        f"Column {name} mixes {' and '.join(names)}. Give it one type, or leave it out.",
    )


def _check_declared(feature: Feature, present: Sequence[Value], nulls: int) -> None:
    """PackagingError if the declaration of a feature is not true of the data."""
    problem = _contradiction(feature, present, nulls)
    if problem:
        raise PackagingError(
            ErrorReason.DeclarationContradicted,
            f"Feature {feature.name} is declared otherwise than the data has it: {problem}. "
            "Correct the declaration or the data.",
        )


def _contradiction(feature: Feature, present: Sequence[Value], nulls: int) -> str:
    fits = {"integer": _is_whole, "number": _is_number, "boolean": _is_boolean}
    fit = fits.get(feature.kind, _is_text)
    if (odd := next((value for value in present if not fit(value)), None)) is not None:
        return f"kind {feature.kind}, and the data has {odd!r}"
    if nulls and not feature.nullable:
        return f"not nullable, and {nulls} rows have no value"
    numbers = [float(value) for value in present if isinstance(value, (int, float))]
    if feature.minimum is not None and numbers and min(numbers) < feature.minimum:
        return f"minimum {feature.minimum:g}, and the data has {min(numbers):g}"
    if feature.maximum is not None and numbers and max(numbers) > feature.maximum:
        return f"maximum {feature.maximum:g}, and the data has {max(numbers):g}"
    unknown = sorted({_text(value) for value in present} - set(feature.categories))
    if feature.kind == "category" and unknown:
        return f"categories {listed(feature.categories)}, and the data has {unknown[0]!r}"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer()


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _text(value: Value) -> str:
    return str(value)


def listed(names: Iterable[Any], near: str = "") -> str:
    """Return the names, at most LISTED of them; those that resemble `near` come first, so that none is cut off."""
    texts = [str(name) for name in names]
    alike = get_close_matches(near, texts, n=3, cutoff=0.5)
    ordered = list(dict.fromkeys([*alike, *texts]))
    shown, rest = ordered[:LISTED], len(ordered) - LISTED
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
