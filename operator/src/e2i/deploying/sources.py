"""Parse `model_uri`: a model of the registry, a bento of the store, or a folder. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from e2i.api.tags import Tag, TagRefused, parse_tag
from e2i.registry.uri import ModelUri, parse_model_uri


@dataclass(frozen=True)
class Stored:
    """A bento or a packaged model of the BentoML store."""

    tag: Tag


@dataclass(frozen=True)
class Folder:
    """A trained folder, or a model that MLflow saved."""

    path: Path


Source = ModelUri | Stored | Folder

FORMS = (
    "mlflow://models/NAME/VERSION, models:/NAME/VERSION, models:/NAME@ALIAS, bentoml://NAME:VERSION, "
    "NAME:VERSION or the path of a folder"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/")


def parse_source(text: str) -> Source:
    """Return the source that a model URI names; ValueError if it has no known form.

    mlflow://models/churn_model/1 -> ModelUri("churn_model", version="1"), a model of the MLflow registry
    """
    if registered := parse_model_uri(text):
        return registered
    if text.startswith("bentoml://"):
        return Stored(_tag(text.removeprefix("bentoml://")))
    if text.startswith("file://"):
        return Folder(Path(text.removeprefix("file://")))
    if _SCHEME.match(text):
        raise ValueError(f"is not understood: write {FORMS}")
    if "/" in text or text.startswith((".", "~")):
        return Folder(Path(text))
    return Stored(_tag(text))


def _tag(text: str) -> Tag:
    try:
        return parse_tag(text)
    except TagRefused as refused:
        raise ValueError(f"{refused.message}; other forms are {FORMS}") from None
