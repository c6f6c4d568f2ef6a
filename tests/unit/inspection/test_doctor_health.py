"""Where doctor asks for the operator's health: at its Service on the local cluster, elsewhere by the API server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from e2i.inspection.doctor import look
from e2i.kube import ApiError
from e2i.kube.exchange import Response

ADDRESS, PORT = "127.77.0.1", 8090
LABELS = {"app.kubernetes.io/name": "e2i-operator", "app.kubernetes.io/instance": "blue"}
"""A release of the chart named blue: its Service is blue-e2i-operator."""
OPERATOR = {
    "metadata": {"namespace": "blue-system", "name": "blue-e2i-operator"},
    "spec": {"template": {"metadata": {"labels": LABELS}}},
}
HEALTHY = {"unready": "", "stale": [], "models": 3}


class Cluster:
    """A cluster with the Service of the operator."""

    def __init__(self, server: str, address: str) -> None:
        self.server, self._address = server, address
        self.forwarded: list[str] = []

    async def get(self, *_: object) -> dict[str, Any]:
        return {"spec": {"clusterIP": self._address}}

    async def list(self, _: object, namespace: str, **__: object) -> tuple[list[dict[str, Any]], str]:
        ports = [{"name": "metrics", "port": 8081}, {"name": "health", "port": PORT}]
        of_another = {**LABELS, "app.kubernetes.io/instance": "green"}
        return [
            {"metadata": {"name": "green-e2i-operator"}, "spec": {"selector": of_another, "ports": ports}},
            {"metadata": {"name": "blue-e2i-operator"}, "spec": {"selector": LABELS, "ports": ports}},
        ], "1"

    async def forward(self, method: str, path: str, *_: object) -> Response:
        self.forwarded.append(path)
        return Response(200, "OK", json.dumps(HEALTHY).encode(), 0.0)


@pytest.fixture
async def operator() -> AsyncIterator[None]:
    async def ready(_: web.Request) -> web.Response:
        return web.json_response({**HEALTHY, "models": 7})

    app = web.Application()
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, PORT).start()
    yield
    await runner.cleanup()


async def test_on_the_local_cluster_the_service_is_asked_and_not_the_proxy_of_the_api_server(
    operator: None,
) -> None:
    cluster = Cluster("https://127.0.0.1:21000", ADDRESS)
    assert await health(cluster) == {**HEALTHY, "models": 7, "code": 200}
    assert cluster.forwarded == []


@pytest.mark.parametrize(
    ("server", "address"),
    [("https://api.example.com:6443", "10.96.0.7"), ("https://127.0.0.1:6443", "10.96.0.7")],
    ids=["another cluster", "a tunnel to another cluster"],
)
async def test_elsewhere_the_api_server_passes_the_question_on(server: str, address: str) -> None:
    cluster = Cluster(server, address)
    assert await health(cluster) == {**HEALTHY, "code": 200}
    assert cluster.forwarded == [
        "/api/v1/namespaces/blue-system/services/blue-e2i-operator:8090/proxy/readyz"
    ]


async def test_an_operator_that_does_not_answer_is_no_error_of_doctor() -> None:
    assert await health(Cluster("https://127.0.0.1:21000", "127.77.0.2")) is None


async def test_a_proxy_that_refuses_is_no_error_of_doctor() -> None:
    class Refusing(Cluster):
        async def forward(self, *_: object) -> Response:
            raise ApiError(403, "Forbidden", "no")

    assert await health(Refusing("https://api.example.com", "10.96.0.7")) is None


async def health(cluster: Cluster) -> Any:
    return await look._health(cluster, OPERATOR)  # type: ignore[arg-type]
