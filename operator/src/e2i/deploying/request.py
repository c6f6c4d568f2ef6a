"""Parse and check the request of run_deployment, and report all mistakes together. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from e2i.api import quantities
from e2i.deploying.errors import InvalidRequest, Mistake
from e2i.deploying.sources import parse_source

_LABEL = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


class Resources(BaseModel):
    """Limits of each pod, as Kubernetes quantities. A missing one follows from the type of the model."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    cpu: str | None = None
    memory: str | None = None

    @field_validator("cpu", "memory")
    @classmethod
    def _is_quantity(cls, amount: str | None) -> str | None:
        if amount is not None and quantities.value(amount) <= 0:
            raise ValueError("must be more than 0: write for instance 500m, 2 or 4Gi")
        return amount


class DeploymentRequest(BaseModel):
    """One deployment. `name` and `type` are needed only if the bento does not determine them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiment_id: str
    """Becomes a label of the E2IModel, so it must be a valid label value."""
    model_uri: str
    target_environment: str
    resources: Resources = Resources()
    name: str | None = None
    """Name of the E2IModel; by default the name of the bento, churn_model -> churn-model."""
    type: Annotated[Literal["Classification", "Regression", "Causal"] | None, Field()] = None
    """Type of the model; by default from its card, else from the bento's label e2i.dev/type."""

    @field_validator("experiment_id")
    @classmethod
    def _is_label(cls, text: str) -> str:
        if not _LABEL.fullmatch(text):
            raise ValueError(
                "becomes a label: write at most 63 letters, digits, '-', '_' and '.', a letter or digit at both ends"
            )
        return text

    @field_validator("model_uri")
    @classmethod
    def _is_source(cls, text: str) -> str:
        parse_source(text)
        return text

    @field_validator("target_environment")
    @classmethod
    def _is_known(cls, text: str, info: ValidationInfo) -> str:
        known = (info.context or {}).get("environments", (text,))
        if text not in known:
            raise ValueError(
                f"is not an environment: write one of {', '.join(sorted(known))}, or add it to the file"
            )
        return text

    @field_validator("name")
    @classmethod
    def _is_name(cls, text: str | None) -> str | None:
        if text is not None and not _NAME.fullmatch(text):
            raise ValueError(
                "must be at most 63 lower-case letters, digits and '-', a letter first, no '-' at the end"
            )
        return text


def parse_request(
    raw: Mapping[str, Any] | DeploymentRequest, environments: Collection[str]
) -> DeploymentRequest:
    """Return the request; InvalidRequest with all mistakes. `environments`: the known environments."""
    values = raw.model_dump() if isinstance(raw, DeploymentRequest) else raw
    try:
        return DeploymentRequest.model_validate(values, context={"environments": environments})
    except ValidationError as error:
        raise InvalidRequest(mistakes_of(error)) from None


def mistakes_of(error: ValidationError, root: str = "request") -> list[Mistake]:
    """Return the mistakes that pydantic found. `root` is the place of a mistake of the whole value."""
    return [
        Mistake(
            place=".".join(map(str, found["loc"])) or root,
            value=None if found["type"] == "missing" else found["input"],
            message=found["msg"].removeprefix("Value error, "),
        )
        for found in error.errors(include_url=False, include_context=False)
    ]
