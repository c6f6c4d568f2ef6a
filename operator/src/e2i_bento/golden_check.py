"""Checks that a loaded model still answers as it did right after training."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from pydantic import ValidationError

from e2i_bento.card import Card
from e2i_bento.feature_bins import bin_names
from e2i_bento.predicting import Predictor
from e2i_bento.request_types import input_type


def check_golden(predictor: Predictor) -> list[str]:
    """Return one sentence for each golden input that is not predicted as recorded; empty if all are."""
    card = predictor.card
    found = [*_wrong_references(card), *_invalid_inputs(card)] or _wrong_predictions(predictor)
    return [*found, *package_differences(card)] if found else []


def _wrong_references(card: Card) -> Iterator[str]:
    """Yield a sentence for each reference by which no value could be counted."""
    for feature in card.features:
        if feature.reference is None:
            continue
        bins, shares = len(bin_names(feature.reference, feature.kind)), len(feature.reference.shares)
        if bins != shares:
            yield f"the reference of {feature.name} has {shares} shares for {bins} bins: describe the model again"


def _invalid_inputs(card: Card) -> Iterator[str]:
    """Yield a sentence for each golden input that the service itself would refuse with 400."""
    kind = input_type(card)
    for number, golden in enumerate(card.golden):
        try:
            kind.model_validate_json(json.dumps(golden.input))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            yield f"golden input {number} is not an input of {card.name}: {place}: {first['msg']}"


def _wrong_predictions(predictor: Predictor) -> list[str]:
    card = predictor.card
    try:
        answers = predictor.answers([golden.input for golden in card.golden])
    # Whatever a model of somebody else raises must end in a sentence: a worker that dies is started for ever.
    except Exception as error:
        return [f"the golden inputs of {card.name} cannot be predicted: {type(error).__name__}: {error}"]
    return [
        f"golden input {number}: {difference}"
        for number, (golden, answer) in enumerate(zip(card.golden, answers, strict=True))
        for difference in differences(golden.output, answer, card.tolerance)
    ]


def differences(recorded: Any, answer: Any, tolerance: float, place: str = "") -> Iterator[str]:
    """Yield a sentence for each difference between the recorded and the present answer; numbers may differ by
    `tolerance`,
    absolute for small ones and relative for large ones."""
    if isinstance(recorded, dict) and isinstance(answer, dict):
        for name in sorted(recorded.keys() | answer.keys()):
            inner = f"{place}.{name}" if place else name
            yield from differences(recorded.get(name), answer.get(name), tolerance, inner)
    elif not _same(recorded, answer, tolerance):
        yield f"{place} is {answer!r}, after training it was {recorded!r} (may differ by {tolerance:g})"


def _same(recorded: Any, answer: Any, tolerance: float) -> bool:
    numbers = (int, float)
    if isinstance(recorded, numbers) and isinstance(answer, numbers):
        return math.isclose(recorded, answer, rel_tol=tolerance, abs_tol=tolerance)
    return bool(recorded == answer)


def package_differences(card: Card) -> Iterator[str]:
    """Return the packages that are here in another version than in training, which is the usual reason."""
    for name, trained_with in sorted(card.lineage.packages.items()):
        try:
            here = metadata.version(name)
        except metadata.PackageNotFoundError:
            here = "not installed"
        if here != trained_with:
            yield f"{name} is {here}, the model was trained with {trained_with}"
