"""Parses the fields of a Service that are the same for all models. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.api.fields import Fields


@dataclass(frozen=True, kw_only=True)
class Port:
    name: str
    port: int
    target: str
    protocol: str


@dataclass(frozen=True, kw_only=True)
class ServiceForm:
    """The fields of a Service that are the same for all models."""

    type: str
    ports: tuple[Port, ...]


def service_form(spec: Fields) -> ServiceForm:
    """Parse type and ports of a Service's spec."""
    ports = (
        Port(
            name=each.text("name"),
            port=each.number("port"),
            target=_target(each),
            protocol=each.text("protocol") or "TCP",
        )
        for each in spec.objects("ports")
    )
    return ServiceForm(type=spec.text("type") or "ClusterIP", ports=tuple(ports))


def _target(port: Fields) -> str:
    """Return the target: a number, or the name of a container's port."""
    if isinstance(port.whole.get("targetPort"), int):
        return str(port.number("targetPort"))
    return port.text("targetPort")
