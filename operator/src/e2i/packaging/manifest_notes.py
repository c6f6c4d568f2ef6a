"""Says what a manifest does not promise or still lacks, before it is released. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from e2i.packaging.model_manifest import (
    MAX_CHARACTERS,
    MAX_CHECKS,
    MAX_LABELS,
    ManifestInputs,
    golden_checks,
    verify_checks,
)
from e2i_bento.card import Card


def manifest_notes(
    inputs: ManifestInputs,
    own_checks: int = 0,
    present_env: Iterable[Mapping[str, Any]] = (),
) -> list[str]:
    """Return one sentence for each thing that the user would miss only when the release runs; empty if there is none.

    `own_checks` and `present_env` are the checks and variables that people wrote into a manifest that exists already.
    """
    given = {str(variable.get("name")) for variable in present_env} | inputs.env.keys()
    return [
        *(note for card in inputs.cards if (note := _unchecked(card, len(inputs.cards)))),
        *_no_room(inputs.cards, own_checks),
        *_labels_left_out(inputs.cards),
        *missing_env([name for name in inputs.required_env if name not in given]),
    ]


def missing_env(names: Sequence[str]) -> list[str]:
    """Return a sentence if there are variables that the bento declares without a value."""
    if not names:
        return []
    return [
        f"The bento declares {', '.join(names)} without a value: set {'it' if len(names) == 1 else 'them'} in "
        "spec.env, or the service may end when it starts."
    ]


def _unchecked(card: Card, models: int) -> str:
    """Say how many golden predictions are too long for the API server."""
    total, fits = len(card.golden), len(golden_checks(card, is_alone=models == 1))
    if fits == total:
        return ""
    count = (
        f"No golden prediction of {card.name} is"
        if fits == 0
        else f"Only {fits} of {total} golden predictions are"
    )
    return (
        f"{count} checked before a release of {card.name} gets requests: the API server takes at most {MAX_CHARACTERS} "
        "characters for one. The service itself predicts all of them before it is ready."
    )


def _no_room(cards: Sequence[Card], own_checks: int) -> list[str]:
    room = max(MAX_CHECKS - own_checks, 0)
    if own_checks and len(verify_checks(cards, room)) < len(verify_checks(cards)):
        return [
            f"{own_checks} of at most {MAX_CHECKS} checks are your own, so only {room} golden predictions are checked. "
            "Remove checks of your own to check more."
        ]
    return []


def _labels_left_out(cards: Sequence[Card]) -> list[str]:
    labels = {label for card in cards for label in card.labels}
    if len(labels) <= MAX_LABELS:
        return []
    return [f"The {len(labels)} labels are not part of the contract, which has room for {MAX_LABELS}."]
