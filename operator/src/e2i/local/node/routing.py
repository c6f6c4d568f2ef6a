"""Compute the endpoints of each Service address and port from Services and EndpointSlices. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from e2i.kube import Object
from e2i.local.addresses import Addresses
from e2i.local.node.servicelinks import has_address

Front = tuple[str, int]
"""Address and port of a Service."""
Backend = tuple[str, int]
"""Address and port of an endpoint in the API."""


@dataclass(frozen=True)
class Route:
    """One port of one Service."""

    namespace: str
    service: str
    backends: tuple[Backend, ...]


def routes(services: Iterable[Object], slices: Iterable[Object], api_server: Backend) -> dict[Front, Route]:
    """Return a route for each TCP port of each Service with an address; without ready endpoints it has no backend.

    The Service default/kubernetes leads to `api_server`: nothing listens at its endpoints.
    """
    by_service: dict[tuple[str, str], list[Object]] = {}
    for endpoints in slices:
        owner = (endpoints["metadata"].get("labels") or {}).get("kubernetes.io/service-name", "")
        by_service.setdefault((endpoints["metadata"]["namespace"], owner), []).append(endpoints)
    table: dict[Front, Route] = {}
    for service in services:
        if not has_address(service):
            continue
        key = (service["metadata"]["namespace"], service["metadata"]["name"])
        for port in service["spec"]["ports"]:
            if port.get("protocol", "TCP") == "TCP":
                backends = _backends(by_service.get(key, []), port.get("name") or "")
                if key == ("default", "kubernetes"):
                    backends = (api_server,)
                table[service["spec"]["clusterIP"], port["port"]] = Route(*key, backends)
    return table


def _backends(slices: Iterable[Object], port_name: str) -> tuple[Backend, ...]:
    found: set[Backend] = set()
    for endpoints in slices:
        ports = [
            entry["port"]
            for entry in endpoints.get("ports") or []
            if (entry.get("name") or "") == port_name and entry.get("protocol", "TCP") == "TCP"
        ]
        for endpoint in endpoints.get("endpoints") or []:
            # A missing condition means ready.
            if (endpoint.get("conditions") or {}).get("ready") is not False:
                found |= {(address, port) for address in endpoint["addresses"] for port in ports}
    return tuple(sorted(found))


def on_machine(backend: Backend, addresses: Addresses) -> Backend:
    """Return the endpoint's address on this machine: the loopback address for a pod, else the same address."""
    address, port = backend
    is_pod = ip_address(address) in ip_network(addresses.pod_range)
    return (addresses.on_machine(address) if is_pod else address), port


def endpoint_addresses(slices: Iterable[Object]) -> set[str]:
    """Return every address that any slice names, ready or not."""
    endpoints = (endpoint for each in slices for endpoint in each.get("endpoints") or [])
    return {address for endpoint in endpoints for address in endpoint["addresses"]}
