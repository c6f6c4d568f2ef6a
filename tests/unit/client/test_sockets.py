"""A closed client leaves no socket behind, wherever its requests were cut off and whatever the server does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import aiohttp.connector
import pytest
from support.client_lab import QUICK
from support.silent_server import PATIENCE, Part, Silent, certificates, no_socket_left

from e2i.client import AsyncClient, Endpoints, Metrics
from e2i.client.pool import Pool


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("cluster"))


@pytest.mark.parametrize("part", [Silent.take_the_connection, Silent.begin_an_answer])
def test_a_call_that_was_cancelled_leaves_no_socket_behind(
    pki: Path, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Silent(pki, part)
    # The client trusts the authorities of the system, which are read once.
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", server.trust)

    async def live() -> None:
        has_begun = asyncio.Event()

        async def read(pool: Pool, response: aiohttp.ClientResponse) -> bytes:
            has_begun.set()
            return await response.read()

        monkeypatch.setattr(Pool, "_read", read)
        endpoints = Endpoints.from_mapping({"churn": server.address})
        async with AsyncClient(endpoints, settings=QUICK, metrics=Metrics()) as client:
            asking = asyncio.create_task(client.send("churn", "GET", "schema.json", deadline=PATIENCE))
            await asyncio.to_thread(server.has_stopped.wait, PATIENCE)
            if part is Silent.begin_an_answer:
                await has_begun.wait()
            asking.cancel()
            await asyncio.wait((asking,))

    with server.serving(), no_socket_left():
        asyncio.run(live())
