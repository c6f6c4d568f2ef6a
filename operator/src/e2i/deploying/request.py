"""Parse and check the request of run_deployment; all mistakes are reported together. Pure."""

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
    """Most that each pod may take, in Kubernetes' words; what is left out follows from the kind of model."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    cpu: str | None = None
    memory: str | None = None

    @field_validator("cpu", "memory")
    @classmethod
    def _is_quantity(cls, amount: str | None) -> str | None:
        if amount is not None and quantities.value(amount) <= 0:
            raise ValueError("must be more than nothing: write for instance 500m, 2 or 4Gi")
        return amount


class DeploymentRequest(BaseModel):
    """One deployment. `name` and `type` are only needed where the bento does not tell them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiment_id: str
    """Recorded as a label of the E2IModel, so it must look like one."""
    model_uri: str
    target_environment: str
    resources: Resources = Resources()
    name: str | None = None
    """The E2IModel's name; by default the bento's, churn_model -> churn-model."""
    type: Annotated[Literal["Classification", "Regression", "Causal"] | None, Field()] = None
    """Kind of model; by default what the model's card or the bento's label e2i.dev/type says."""

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
                f"is no environment: write one of {', '.join(sorted(known))}, or add it to the file"
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
    """Return the request; InvalidRequest with every mistake if it is wrong. `environments`: the known ones."""
    values = raw.model_dump() if isinstance(raw, DeploymentRequest) else raw
    try:
        return DeploymentRequest.model_validate(values, context={"environments": environments})
    except ValidationError as error:
        raise InvalidRequest(mistakes_of(error)) from None


def mistakes_of(error: ValidationError, root: str = "request") -> list[Mistake]:
    """Every mistake that pydantic found, by place; `root` names the whole."""
    return [
        Mistake(
            place=".".join(map(str, found["loc"])) or root,
            value=None if found["type"] == "missing" else found["input"],
            message=found["msg"].removeprefix("Value error, "),
        )
        for found in error.errors(include_url=False, include_context=False)
    ]
