"""The clients that `api_client` compares. Each is imported only in the process that measures it."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import statistics
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

NAMESPACE, NAME = "bench", "measured"
PATH = f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}"
MANAGER = "e2i-operator"
WARM_UP = 20


def a_service(number: int) -> dict[str, Any]:
    """An object as the operator writes it, different each time."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "annotations": {"number": str(number)}},
        "spec": {
            "selector": {"model": "churn"},
            "ports": [{"name": "http", "port": 3000, "targetPort": "http"}],
        },
    }


class Client(ABC):
    """One way to talk to the API server as the service account."""

    title: ClassVar[str]

    @abstractmethod
    async def open(self) -> None: ...

    @abstractmethod
    async def get(self) -> Any: ...

    @abstractmethod
    async def apply(self, body: dict[str, Any]) -> Any: ...

    @abstractmethod
    async def close(self) -> None: ...


class Bare(Client):
    title = "aiohttp alone"

    async def open(self) -> None:
        import aiohttp

        account = Path(os.environ["E2I_SERVICE_ACCOUNT_DIR"])
        trust = ssl.create_default_context(cafile=str(account / "ca.crt"))
        self._url = f"https://127.0.0.1:{os.environ['KUBERNETES_SERVICE_PORT']}{PATH}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust),
            headers={"Authorization": f"Bearer {(account / 'token').read_text()}"},
        )

    async def get(self) -> Any:
        async with self._session.get(self._url) as answer:
            return json.loads(await answer.read())

    async def apply(self, body: dict[str, Any]) -> Any:
        kind = {"Content-Type": "application/apply-patch+yaml"}
        query = {"fieldManager": MANAGER, "force": "true"}
        async with self._session.patch(
            self._url, data=json.dumps(body), params=query, headers=kind
        ) as answer:
            return json.loads(await answer.read())

    async def close(self) -> None:
        await self._session.close()


class Ours(Client):
    title = "`e2i.kube`: `kubernetes.aio`, proxy looked up once, plain dictionaries"

    async def open(self) -> None:
        from e2i.kube import Kube, Resource

        self._services = Resource("", "v1", "services", "Service")
        self._kube = await Kube.from_service_account(Path(os.environ["E2I_SERVICE_ACCOUNT_DIR"]))

    async def get(self) -> Any:
        return await self._kube.get(self._services, NAMESPACE, NAME)

    async def apply(self, body: dict[str, Any]) -> Any:
        return await self._kube.apply(self._services, body, manager=MANAGER, force=True)

    async def close(self) -> None:
        await self._kube.close()


class Package(Client):
    """The package's client with its own settings."""

    async def open(self) -> None:
        from kubernetes.aio import client
        from kubernetes.aio.config.incluster_config import InClusterConfigLoader

        account = os.environ["E2I_SERVICE_ACCOUNT_DIR"]
        configuration = client.Configuration()
        InClusterConfigLoader(f"{account}/token", f"{account}/ca.crt").load_and_set(configuration)
        self._client = client.ApiClient(configuration)

    async def close(self) -> None:
        await self._client.close()


class Plain(Package):
    title = "`kubernetes.aio` as it comes, plain dictionaries"

    async def open(self) -> None:
        from kubernetes.aio.dynamic import DynamicClient

        await super().open()
        self._dynamic = DynamicClient(self._client)

    async def get(self) -> Any:
        answer = await self._dynamic.request("GET", PATH, query_params=[], serialize=False)
        return json.loads(await answer.read())

    async def apply(self, body: dict[str, Any]) -> Any:
        answer = await self._dynamic.request(
            "PATCH",
            PATH,
            body=body,
            query_params=[("fieldManager", MANAGER), ("force", "true")],
            content_type="application/apply-patch+yaml",
            serialize=False,
        )
        return json.loads(await answer.read())


class Typed(Package):
    title = "`kubernetes.aio` as it comes, CoreV1Api with its typed models"

    async def open(self) -> None:
        from kubernetes.aio import client

        await super().open()
        self._api = client.CoreV1Api(self._client)

    async def get(self) -> Any:
        return await self._api.read_namespaced_service(NAME, NAMESPACE)

    async def apply(self, body: dict[str, Any]) -> Any:
        return await self._api.patch_namespaced_service(
            NAME,
            NAMESPACE,
            body,
            field_manager=MANAGER,
            force=True,
            _content_type="application/apply-patch+yaml",
        )


CLIENTS: dict[str, type[Client]] = {"bare": Bare, "ours": Ours, "plain": Plain, "typed": Typed}


def main(name: str, count: int) -> None:
    """Do one round and print it."""
    print(json.dumps(asyncio.run(_round(CLIENTS[name](), count))))  # noqa: T201 - read by `api_client`


async def _round(client: Client, count: int) -> dict[str, float]:
    before = _memory()
    await client.open()
    await client.apply(a_service(0))
    memory = _memory() - before
    await _times(client, WARM_UP)
    cpu = time.process_time()
    gets, applies = await _times(client, count)
    cpu = time.process_time() - cpu
    await client.close()
    return {
        "get": 1000 * statistics.median(gets),
        "apply": 1000 * statistics.median(applies),
        "cpu": 1000 * cpu / (2 * count),
        "memory": memory,
    }


async def _times(client: Client, count: int) -> tuple[list[float], list[float]]:
    """Seconds of each get and of each apply, by turns."""
    gets, applies = [], []
    for number in range(count):
        started = time.perf_counter()
        await client.get()
        applied = time.perf_counter()
        await client.apply(a_service(number))
        gets.append(applied - started)
        applies.append(time.perf_counter() - applied)
    return gets, applies


def _memory() -> float:
    """The process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
