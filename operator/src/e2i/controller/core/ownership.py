"""Finds the owner of an object of the API server, and the model that it belongs to. Pure."""

from __future__ import annotations

from typing import Any

from e2i.api import naming
from e2i.api.fields import Fields
from e2i.api.plain_text import clean

_OF_KUBERNETES = ("foregroundDeletion", "orphan")
"""Finalizers that need nobody's help."""
_LONGEST_NAME = 320
"""Bytes of a kind and a name."""


def ownership(metadata: Fields) -> dict[str, Any]:
    """Return the fields of a `Child` about its owner, its labels and its removal."""
    owners = (each for each in metadata.objects("ownerReferences") if each.truth("controller"))
    owner = next(owners, Fields({}))
    labels = metadata.texts("labels")
    managed = labels.get(naming.MANAGED_BY_LABEL) == naming.FIELD_MANAGER
    return {
        "owner": owner.text("uid") or None,
        # Its owner stays known if somebody removes its labels.
        "model": _owning_model(owner) or labels.get(naming.MODEL_LABEL),
        "owner_name": clean(f"{owner.text('kind')} {owner.text('name')}", _LONGEST_NAME),
        "finalizers": _finalizers(metadata) if "deletionTimestamp" in metadata else (),
        "labelled": managed and naming.MODEL_LABEL in labels,
    }


def _finalizers(metadata: Fields) -> tuple[str, ...]:
    return tuple(each for each in metadata.text_items("finalizers") if each not in _OF_KUBERNETES)


def _owning_model(owner: Fields) -> str | None:
    is_model = owner.text("kind") == naming.KIND and owner.text("apiVersion").startswith(f"{naming.GROUP}/")
    return owner.text("name") or None if is_model else None
