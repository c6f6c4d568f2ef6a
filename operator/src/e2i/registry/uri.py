"""Parse URIs of registered models: models:/churn_model/3, models:/churn_model@serving. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SCHEMES = ("mlflow://models/", "models:/")
_REST = re.compile(r"(?P<name>[^/@:]+)(?:/(?P<version>[1-9]\d*)|@(?P<alias>[A-Za-z0-9_-]+))\Z")
_FORMS = "models:/NAME/3, models:/NAME@serving or mlflow://models/NAME/3"


@dataclass(frozen=True)
class ModelUri:
    """A model of the registry. Exactly one of `version` and `alias` is not empty."""

    name: str
    version: str = ""
    alias: str = ""

    def __str__(self) -> str:
        return f"models:/{self.name}@{self.alias}" if self.alias else f"models:/{self.name}/{self.version}"


def parse_model_uri(text: str) -> ModelUri | None:
    """Return the registered model of a URI, or None for a text with another scheme.

    models:/churn_model/3            -> version 3
    mlflow://models/churn_model/3    -> version 3
    models:/churn_model@serving      -> the version with the alias
    ./trained                        -> None

    ValueError if the scheme is right and the rest is not.
    """
    scheme = next((scheme for scheme in _SCHEMES if text.startswith(scheme)), None)
    if scheme is None:
        return None
    found = _REST.match(text.removeprefix(scheme))
    if found is None:
        raise ValueError(f"{text} is not the URI of one registered model: write {_FORMS}")
    return ModelUri(found["name"], found["version"] or "", found["alias"] or "")
