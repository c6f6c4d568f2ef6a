from __future__ import annotations

from typing import Any

from e2i.local.addresses import Addresses
from e2i.local.node.routing import Route, endpoint_addresses, on_machine, routes

API = ("127.0.0.1", 21000)


def service(name: str = "churn", **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 3000, "targetPort": "http"}]
    return {
        "metadata": {"namespace": "models", "name": name},
        "spec": {"clusterIP": "127.96.0.9", "ports": ports, **spec},
    }


def endpoints(*addresses: str, ready: bool | None = True, port: int = 8000) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "models", "labels": {"kubernetes.io/service-name": "churn"}},
        "ports": [{"name": "http", "port": port}, {"name": "metrics", "port": 9}],
        "endpoints": [{"addresses": [a], "conditions": {"ready": ready}} for a in addresses],
    }


def backends(*slices: dict[str, Any], **spec: Any) -> tuple[tuple[str, int], ...]:
    return routes([service(**spec)], slices, API)["127.96.0.9", 3000].backends


def test_a_port_leads_to_the_endpoints_port_of_the_same_name() -> None:
    assert backends(endpoints("10.97.0.3", "10.97.0.2")) == (("10.97.0.2", 8000), ("10.97.0.3", 8000))


def test_pods_of_one_service_may_give_a_named_port_different_numbers() -> None:
    found = backends(endpoints("10.97.0.2", port=1), endpoints("10.97.0.3", port=2))
    assert found == (("10.97.0.2", 1), ("10.97.0.3", 2))


def test_only_ready_endpoints_count_and_no_word_means_ready() -> None:
    found = backends(endpoints("10.97.0.2", ready=False), endpoints("10.97.0.3", ready=None))
    assert found == (("10.97.0.3", 8000),)


def test_a_service_without_endpoints_has_an_empty_route() -> None:
    assert routes([service()], [], API) == {("127.96.0.9", 3000): Route("models", "churn", ())}


def test_headless_and_udp_have_no_route() -> None:
    udp = [{"name": "dns", "port": 53, "protocol": "UDP"}]
    assert routes([service(clusterIP="None"), service(ports=udp)], [endpoints("10.97.0.2")], API) == {}


def test_the_api_servers_own_service_leads_to_where_it_listens() -> None:
    kubernetes = service("kubernetes")
    kubernetes["metadata"]["namespace"] = "default"
    assert routes([kubernetes], [], API)["127.96.0.9", 3000].backends == (API,)


def test_a_pods_address_is_its_loopback_address_here() -> None:
    assert on_machine(("10.97.3.4", 80), Addresses(0)) == ("127.97.3.4", 80)
    assert on_machine(("192.0.2.1", 80), Addresses(0)) == ("192.0.2.1", 80)


def test_every_address_of_a_slice_is_known_ready_or_not() -> None:
    slices = [endpoints("10.97.0.2", ready=False), endpoints("10.97.0.3")]
    assert endpoint_addresses(slices) == {"10.97.0.2", "10.97.0.3"}
