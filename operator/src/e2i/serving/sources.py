"""Where a model is to be had from: the forms of `model_uri`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from e2i.core.tags import Tag, TagRefused, parse_tag


@dataclass(frozen=True)
class Registered:
    """A model of the MLflow registry; either `version` or `alias` is set."""

    name: str
    version: str = ""
    alias: str = ""

    @property
    def uri(self) -> str:
        """As MLflow writes it."""
        return f"models:/{self.name}/{self.version}" if self.version else f"models:/{self.name}@{self.alias}"


@dataclass(frozen=True)
class Stored:
    """A bento or a packaged model of the BentoML store."""

    tag: Tag


@dataclass(frozen=True)
class Folder:
    """A folder: what training left, or a model as MLflow saves it."""

    path: Path


Source = Registered | Stored | Folder

FORMS = (
    "mlflow://models/NAME/VERSION, models:/NAME/VERSION, models:/NAME@ALIAS, bentoml://NAME:VERSION, "
    "NAME:VERSION or the path of a folder"
)
_MLFLOW = re.compile(
    r"(?:mlflow://models|models:)/(?P<name>[^/:@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/")


def parse_source(text: str) -> Source:
    """What `text` names; ValueError with one sentence when it names nothing that could be found.

    mlflow://models/churn_model/1 -> Registered("churn_model", "1")
    """
    if found := _MLFLOW.fullmatch(text):
        return _registered(found["name"], found["version"] or "", found["alias"] or "")
    if text.startswith("bentoml://"):
        return Stored(_tag(text.removeprefix("bentoml://")))
    if text.startswith("file://"):
        return Folder(Path(text.removeprefix("file://")))
    if _SCHEME.match(text):
        raise ValueError(f"is not understood: write {FORMS}")
    if "/" in text or text.startswith((".", "~")):
        return Folder(Path(text))
    return Stored(_tag(text))


def _registered(name: str, version: str, alias: str) -> Registered:
    # `latest` and the old stages mean another model tomorrow; an alias is moved on purpose.
    if version and not version.isdigit():
        raise ValueError(
            f"names the version {version!r}, and a registered version is a number: write models:/{name}/1, or an "
            f"alias as models:/{name}@{version}"
        )
    return Registered(name, version, alias)


def _tag(text: str) -> Tag:
    try:
        return parse_tag(text)
    except TagRefused as refused:
        raise ValueError(f"{refused.message}; other forms are {FORMS}") from None
