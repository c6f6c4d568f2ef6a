"""The description of a stack: its services with their ports, models and sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from e2i.api import quantities
from e2i.stack.errors import StackError


def _quantity(text: str) -> str:
    quantities.value(text)
    return text


Quantity = Annotated[str, AfterValidator(_quantity)]
Port = Annotated[int, Field(ge=1024, le=65535)]


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Size(_Described):
    """CPU in cores and memory in bytes, as Kubernetes writes them."""

    cpu: Quantity
    memory: Quantity


class Service(_Described):
    """One service of the stack: a bento with the models of several projects."""

    port: Port
    template: str
    """Folder with its service.py, beside the projects; also the name of its bento."""
    projects: Annotated[tuple[str, ...], Field(min_length=1)]
    limits: Size
    reserved: Size
    start_period: int
    """Seconds after the start in which a failed health check does not count."""


class Program(_Described):
    """A program beside the services, in a container of its own."""

    port: Port
    image: str


class Stack(_Described):
    """The services of a stack, and Prometheus and Grafana beside them. `version` is that of all its bentos."""

    version: str
    services: Annotated[dict[str, Service], Field(min_length=1)]
    prometheus: Program
    grafana: Program

    @model_validator(mode="after")
    def _ports_differ(self) -> Stack:
        for port in self.ports.values():
            if list(self.ports.values()).count(port) > 1:
                raise ValueError(f"port {port} is given twice: give each service a port of its own")
        return self

    @property
    def ports(self) -> dict[str, int]:
        """The ports on the machine, by service."""
        programs = {"prometheus": self.prometheus.port, "grafana": self.grafana.port}
        return {name: service.port for name, service in self.services.items()} | programs

    @property
    def models(self) -> dict[str, str]:
        """The address of each model on the machine, by its name: the project churn has the model churn_model."""
        names = {
            f"{project}_model": service.port
            for service in self.services.values()
            for project in service.projects
        }
        return {name: f"http://localhost:{port}/{name}" for name, port in names.items()}

    def tag(self, service: Service) -> str:
        """Return the tag of the service's bento."""
        return f"{service.template}:{self.version}"


def read_stack(file: Path) -> Stack:
    """Read the description; StackError if it is missing or wrong, naming the first wrong field."""
    try:
        return Stack.model_validate(yaml.safe_load(file.read_text()))
    except FileNotFoundError:
        raise StackError(
            f"{file} does not exist: run the command in the checkout, or give --stack."
        ) from None
    except yaml.YAMLError as error:
        raise StackError(f"{file} is not YAML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise StackError(f"{file}: {place}: {first['msg']}, not {first['input']!r:.80}.") from error
