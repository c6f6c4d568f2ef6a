"""Judges answers as the operator does before a release gets requests, so that no golden prediction is refused later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from e2i.controller.core.verification import jsontext
from e2i.controller.core.verification.checks import Contract
from e2i.controller.core.verification.contract import contract_differences
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i_bento.card import Card, Kind


def contract_violation(kind: Kind, labels: Sequence[str], answer: Mapping[str, Any]) -> str:
    """Return how the answer breaks the contract of its kind, in one clause; empty if it does not.

    {"effect": 5.0, "lower": 1.0, "upper": 2.0} -> "$.effect is 5.0 and should be at most 2.0, as $.upper is"
    """
    value = jsontext.read(json.dumps(dict(answer), allow_nan=False))
    for difference in contract_differences(Contract(labels=frozenset(labels)), kind, value):
        return f"{difference.place} is {difference.found} and should be {difference.wanted}"
    return ""


def check_golden_contract(card: Card) -> None:
    """PackagingError if the operator would refuse a golden prediction of the card."""
    for number, golden in enumerate(card.golden):
        if violation := contract_violation(card.type, card.labels, golden.output):
            raise _broken(card.name, f"golden prediction {number}", violation)


def keep_valid(
    card_name: str, kind: Kind, labels: Sequence[str], answers: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Return the positions of the answers that keep the contract; PackagingError if none does."""
    violations = [contract_violation(kind, labels, answer) for answer in answers]
    valid = [position for position, violation in enumerate(violations) if not violation]
    if not valid:
        raise _broken(card_name, "its answer to every row of the data", violations[0])
    return valid


def _broken(name: str, what: str, violation: str) -> PackagingError:
    return PackagingError(
        ErrorReason.AnswerMalformed,
        f"The operator would refuse {what} of {name}: {violation}. An effect belongs inside its own interval, and "
        "probabilities sum to one: correct the estimator, for instance fit it with another kind of inference.",
    )
