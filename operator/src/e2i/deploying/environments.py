"""Read the environments to deploy to, with their clusters and settings, from a YAML file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from e2i.api.artifact import ArchivePlace
from e2i.deploying.errors import InvalidRequest, Mistake
from e2i.deploying.request import mistakes_of

VARIABLE = "E2I_ENVIRONMENTS"
DEFAULTS = Path(__file__).with_name("environments.yaml")


class BucketPlace(BaseModel):
    """A bucket of an S3 server; `endpoint` is empty for AWS. `shared`: the operator has E2I_SHARE_ARCHIVES=true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    endpoint: str = ""
    region: str = "us-east-1"
    prefix: str = ""
    shared: bool = False

    def folder(self, namespace: str) -> str:
        """Return what stands before bentos/ in the keys of archives that the operator takes for a namespace."""
        return ArchivePlace(self.name, self.prefix, self.shared).folder(namespace)


class Environment(BaseModel):
    """One target of deployments; environments.yaml explains the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] = "models"
    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    spec: Mapping[str, Any] = {}
    bucket: BucketPlace | None = None
    store: Path | None = None

    def bento_store(self, environment: Mapping[str, str] = os.environ) -> Path:
        """Return the BentoML home: `store`, else $BENTOML_HOME, else ~/bentoml."""
        chosen = self.store or environment.get("BENTOML_HOME") or Path.home() / "bentoml"
        return Path(chosen).expanduser().absolute()


Environments = Mapping[str, Environment]


def read_environments(file: Path | None = None, environment: Mapping[str, str] = os.environ) -> Environments:
    """Read `file`, else $E2I_ENVIRONMENTS, else the built-in file; InvalidRequest with all its mistakes."""
    chosen = file or Path(environment.get(VARIABLE) or DEFAULTS)
    try:
        raw = yaml.safe_load(chosen.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidRequest([Mistake("environments", str(chosen), f"cannot be read: {error}")]) from error
    try:
        return TypeAdapter(dict[str, Environment]).validate_python(raw)
    except ValidationError as error:
        found = mistakes_of(error, root="it")
        raise InvalidRequest(
            [Mistake(f"{chosen}: {mistake.place}", mistake.value, mistake.message) for mistake in found]
        ) from None
