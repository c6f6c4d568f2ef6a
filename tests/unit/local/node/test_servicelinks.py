from __future__ import annotations

from typing import Any

from e2i.local.node.servicelinks import service_links


def service(namespace: str, name: str, address: str = "127.96.0.9", **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http-api", "port": 3000}]
    return {
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"clusterIP": address, "ports": ports, **spec},
    }


API = ("127.0.0.1", 21000)


def test_a_service_called_bentoml_takes_the_port_variable_that_bentoml_reads() -> None:
    links = service_links([service("models", "bentoml")], "models", API, enabled=True)
    assert links["BENTOML_PORT"] == "tcp://127.96.0.9:3000"
    assert links["BENTOML_SERVICE_HOST"] == "127.96.0.9"
    assert links["BENTOML_SERVICE_PORT_HTTP_API"] == "3000"
    assert links["BENTOML_PORT_3000_TCP_ADDR"] == "127.96.0.9"


def test_only_services_with_an_address_in_the_same_namespace_are_linked() -> None:
    services = [
        service("other", "a"),
        service("models", "b", "None"),
        service("models", "c", type="ExternalName"),
    ]
    links = service_links(services, "models", API, enabled=True)
    assert {name.partition("_")[0] for name in links} == {"KUBERNETES"}


def test_the_api_server_is_known_even_without_links() -> None:
    services = [service("models", "bentoml"), service("default", "kubernetes", "127.96.0.1")]
    links = service_links(services, "models", API, enabled=False)
    assert (links["KUBERNETES_SERVICE_HOST"], links["KUBERNETES_SERVICE_PORT"]) == ("127.0.0.1", "21000")
    assert "BENTOML_PORT" not in links
