"""Completes the card of a trained model with what is known only after training."""

from __future__ import annotations

from e2i.pipeline.context import Loop
from e2i_bento.card import Card, read_card, write_card


def complete_card(loop: Loop, registered: str = "") -> Card:
    """The card in the trained folder, with the metrics of the holdout and where the model is registered."""
    card = read_card(loop.workspace.trained)
    lineage = card.lineage.model_copy(update={"registry": registered})
    card = card.model_copy(update={"metrics": loop.outputs("evaluate")["metrics"], "lineage": lineage})
    write_card(card, loop.workspace.trained)
    return card
