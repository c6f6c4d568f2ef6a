"""Complete the card of a trained model with its metrics, its holdout and its place in the registry."""

from __future__ import annotations

from e2i.pipeline.context import Loop
from e2i.pipeline.rows import read_stored
from e2i_bento.card import Card, Holdout, read_card, write_card


def complete_card(loop: Loop, registered: str = "") -> Card:
    """Write the holdout, its metrics and the model's name in the registry into the card, and return the card."""
    card = read_card(loop.workspace.trained)
    columns = tuple(read_stored(loop.workspace.holdout).columns)
    holdout = Holdout(share=loop.project.data.holdout, columns=columns)
    lineage = card.lineage.model_copy(update={"registry": registered, "holdout": holdout})
    card = card.model_copy(update={"metrics": loop.outputs("evaluate")["metrics"], "lineage": lineage})
    write_card(card, loop.workspace.trained)
    return card
