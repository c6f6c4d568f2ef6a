"""Cards of models as training writes them; a test changes one field."""

from __future__ import annotations

from typing import Any

from e2i_bento.card import Card, Feature, Golden, ModelFile


def a_card(name: str = "churn_model", count: int = 3, **changes: Any) -> Card:
    """A classifier of one feature; a change replaces a field."""
    output = {"label": "stays", "probabilities": {"leaves": 0.25, "stays": 0.75}}
    fields: dict[str, Any] = {
        "name": name,
        "type": "Classification",
        "model": ModelFile(name="model.joblib", digest="sha256:" + "0" * 64),
        "features": (Feature(name="x", kind="integer"),),
        "labels": ("leaves", "stays"),
        "golden": tuple(Golden(input={"x": number}, output=output) for number in range(count)),
    }
    return Card(**fields | changes)
