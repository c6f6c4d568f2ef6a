"""The server of the dashboard, on a real socket; the API server is a value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
from support.model_bodies import churn

from e2i.dashboard.server import Pages, serve
from e2i.kube import ApiError, Kube


class OneModel:
    """A cluster with one model, or one that refuses."""

    def __init__(self, error: ApiError | None = None) -> None:
        self._error = error

    async def list(self, resource: object, namespace: str | None) -> tuple[list[dict[str, Any]], str]:
        if self._error:
            raise self._error
        return [churn()], "1"

    async def get(self, resource: object, namespace: str, name: str) -> dict[str, Any] | None:
        return churn() if name == "churn" else None


@asynccontextmanager
async def served(cluster: OneModel) -> AsyncIterator[str]:
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serve(Pages(cast("Kube", cluster), "models"), 0, address.set_result))
    try:
        yield await address
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def get(address: str, path: str = "", **options: Any) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(address + path, **options) as answer:
        return answer.status, await answer.text(), answer.headers.get("Content-Security-Policy", "")


async def test_the_list_and_the_page_of_a_model_are_served_and_run_no_script() -> None:
    async with served(OneModel()) as address:
        for path in ("", "models/models/churn"):
            status, text, policy = await get(address, path)
            assert (status, "churn" in text) == (200, True)
            assert policy.startswith("default-src 'none'")


async def test_an_unknown_model_is_not_found_and_named() -> None:
    async with served(OneModel()) as address:
        status, text, _ = await get(address, "models/models/nobody")
        assert (status, "There is no model nobody" in text) == (404, True)


async def test_another_host_name_is_refused() -> None:
    async with served(OneModel()) as address:
        status, text, _ = await get(address, headers={"Host": "evil.example"})
        assert (status, "Open http://127.0.0.1" in text) == (403, True)


async def test_nothing_but_reading_is_offered() -> None:
    async with served(OneModel()) as address, aiohttp.ClientSession() as session:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            async with session.request(method, f"{address}models/models/churn") as answer:
                assert answer.status == 405


async def test_a_cluster_that_refuses_is_a_page_with_its_words() -> None:
    async with served(OneModel(ApiError(403, "Forbidden", "e2imodels is forbidden for ada"))) as address:
        status, text, _ = await get(address)
        assert (status, "is forbidden for ada" in text) == (502, True)
