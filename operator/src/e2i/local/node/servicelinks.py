"""Compute the variables by which containers find Services: FOO_SERVICE_HOST, FOO_PORT and others.

A real node sets them too, and they can break a program: a Service named `bentoml` sets BENTOML_PORT to "tcp://...".
So this node sets all of them too.
"""

from __future__ import annotations

from collections.abc import Iterable

from e2i.kube import Object


def service_links(
    services: Iterable[Object], namespace: str, api_server: tuple[str, int], *, enabled: bool
) -> dict[str, str]:
    """Return the variables for a pod in `namespace`.

    `api_server` is the address and port for the Service default/kubernetes, whose variables are set even if links are
    not enabled.
    """
    links: dict[str, str] = {}
    for service in services:
        metadata, spec = service["metadata"], service["spec"]
        if (metadata["namespace"], metadata["name"]) == ("default", "kubernetes"):
            continue
        if enabled and metadata["namespace"] == namespace and has_address(service):
            links |= _variables(metadata["name"], spec["clusterIP"], spec["ports"])
    host, port = api_server
    return links | _variables("kubernetes", host, [{"name": "https", "port": port}])


def has_address(service: Object) -> bool:
    """Return whether the Service has a cluster address (it is neither headless nor an ExternalName)."""
    spec = service["spec"]
    return spec.get("clusterIP", "") not in ("", "None") and spec.get("type") != "ExternalName"


def _variables(service: str, address: str, ports: list[Object]) -> dict[str, str]:
    name = _upper(service)
    first = ports[0]
    links = {f"{name}_SERVICE_HOST": address, f"{name}_SERVICE_PORT": str(first["port"])}
    links[f"{name}_PORT"] = _url(address, first)
    for port in ports:
        if port.get("name"):
            links[f"{name}_SERVICE_PORT_{_upper(port['name'])}"] = str(port["port"])
        protocol = port.get("protocol", "TCP")
        prefix = f"{name}_PORT_{port['port']}_{protocol}"
        links[prefix] = _url(address, port)
        links[f"{prefix}_PROTO"] = protocol.lower()
        links[f"{prefix}_PORT"] = str(port["port"])
        links[f"{prefix}_ADDR"] = address
    return links


def _url(address: str, port: Object) -> str:
    return f"{port.get('protocol', 'TCP').lower()}://{address}:{port['port']}"


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")
