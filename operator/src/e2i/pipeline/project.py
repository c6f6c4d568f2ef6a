"""Read and check project.yaml: data, recipe, bounds, and how to deploy.

The message for a mistake has its key, the value and the next step.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from e2i.packaging.errors import PackagingError
from e2i.packaging.names import resolve_version
from e2i.packaging.schema import TRUE_EFFECT
from e2i_bento.card import Decisions, Kind

PROJECT_FILE = "project.yaml"

FeatureKind = Literal["integer", "number", "boolean", "category", "text"]
_FORMS = {
    "name": "small letters, digits and _, a letter first, at most 51",
    "data.load": "module:function, for instance data:load",
    "deploy.name": "small letters, digits and -, a letter first, at most 63",
    "deploy.namespace": "the name of a namespace: small letters, digits and -, at most 63",
}
"""What to write where the value does not match the pattern."""
Share = Annotated[float, Field(gt=0, le=1)]


class ProjectError(Exception):
    """project.yaml is missing or wrong; the message has the key, the value and what to write."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(_Part):
    """Source of the rows: a file beside project.yaml, or a function `module:name` that returns a DataFrame."""

    file: str | None = None
    load: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    synthetic: bool = False
    holdout: Annotated[float, Field(ge=0.05, le=0.5)] = 0.2
    """Share of the rows that training never sees."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.load is None):
            raise ValueError("needs either file: data.csv or load: module:function, not both")
        return self


class FeatureDeclaration(_Part):
    """Declared properties of a feature. Without `kind` it follows from the type of the column."""

    kind: FeatureKind | None = None
    nullable: bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    description: str = ""


class Threshold(_Part):
    """Bounds of one metric. `worse_than_serving_by`: allowed difference to the model that serves."""

    minimum: float | None = None
    maximum: float | None = None
    worse_than_serving_by: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.minimum is None and self.maximum is None and self.worse_than_serving_by is None:
            raise ValueError("needs minimum, maximum or worse_than_serving_by")
        return self


class Drift(_Part):
    share: Share = 0.3
    """Share of drifted features from which the model is trained again."""
    rows: Annotated[int, Field(ge=30)] = 200
    """Fewest requests for a decision about drift."""


class Resources(_Part):
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}


class Deploy(_Part):
    """How the model is released; `overlay` is a kustomize folder in a Git repository."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")] | None = None
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] = "models"
    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    environment: str = "local"
    overlay: str | None = None
    resources: Resources | None = None
    env: dict[str, str] = {}
    capture_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the requests whose inputs the pods write into their logs, for drift; 0: none."""


class Project(_Part):
    """A project.yaml, checked. Paths are as written: relative to the project's folder."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,50}$")]
    type: Kind
    description: str = ""
    data: Data
    target: str
    treatment: str | None = None
    features: dict[str, FeatureDeclaration | None] | None = None
    recipe: str = "recipe.py"
    requirements: str = "requirements.txt"
    version: str = "time"
    lean_image: bool = False
    """Whether the image of the bento has no compilers."""
    decisions: Decisions | None = None
    gate: dict[str, Threshold] = {}
    drift: Drift = Drift()
    deploy: Deploy = Deploy()

    @field_validator("version")
    @classmethod
    def _can_be_ordered(cls, version: str) -> str:
        try:
            resolve_version(version, datetime(2000, 1, 1, tzinfo=UTC))
        except PackagingError as refused:
            raise ValueError(refused.message.rstrip(".")) from None
        return version

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if (self.type == "Causal") != (self.treatment is not None):
            raise ValueError(
                "type Causal needs treatment"
                if self.type == "Causal"
                else f"treatment is for type Causal only, and type is {self.type}"
            )
        if self.decisions and self.type != "Classification":
            raise ValueError(f"decisions are for type Classification only, and type is {self.type}")
        forbidden = {self.target, self.treatment, TRUE_EFFECT} & set(self.features or ())
        if forbidden:
            raise ValueError(f"features names {sorted(map(str, forbidden))[0]}, which the model must not see")
        return self

    def declaration(self, feature: str) -> FeatureDeclaration:
        return (self.features or {}).get(feature) or FeatureDeclaration()


def read_project(folder: Path) -> Project:
    """Return the project in a folder; ProjectError with all mistakes if project.yaml is wrong."""
    file = folder / PROJECT_FILE
    try:
        content = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        raise ProjectError(
            f"{file} does not exist. Name the folder that has it with --project, or write one."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProjectError(f"{file} cannot be read: {' '.join(str(error).split())}. Correct it.") from None
    if not isinstance(content, Mapping):
        raise ProjectError(
            f"{file} holds {type(content).__name__}, not keys with values such as `name: my_model`."
        )
    try:
        return Project.model_validate(content)
    except ValidationError as error:
        raise ProjectError("\n".join(f"{file}: {line}" for line in mistakes(error))) from None


def mistakes(error: ValidationError) -> Iterator[str]:
    """Yield one sentence for each mistake."""
    for mistake in error.errors():
        path = [str(part) for part in mistake["loc"]]
        place = ".".join(path)
        value = mistake["input"]
        if mistake["type"] == "extra_forbidden":
            yield f"{place} is not known. {_nearest(path)}"
        elif mistake["type"] == "missing":
            yield f"{place} is missing. Add it; docs/reference/e2i-pipeline.md has every key."
        elif mistake["type"] == "value_error":
            yield f"{place}{': ' if place else ''}{mistake['ctx']['error']}. Correct it."
        elif mistake["type"] == "string_pattern_mismatch":
            yield f"{place} is {value!r}. Write {_FORMS[place]}."
        else:
            yield f"{place} is {value!r}: {_lower(mistake['msg'])}. Correct it."


def _nearest(path: list[str]) -> str:
    known = sorted(_keys_at(path[:-1]))
    near = difflib.get_close_matches(path[-1], known, n=1)
    question = f"Did you mean {near[0]}? " if near else ""
    return f"{question}Known are {', '.join(known)}."


def _keys_at(path: list[str]) -> set[str]:
    """Return the known keys at a path through models and mappings of models."""
    part: type[BaseModel] = Project
    for name in path:
        if name not in part.model_fields:
            continue  # a feature's or a metric's name, or the number of a band
        models = list(_models_in(part.model_fields[name].annotation))
        if models:
            part = models[0]
    return set(part.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
