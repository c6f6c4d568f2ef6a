"""A closed connection leaves no socket behind, wherever its requests were cut off and whatever the server does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.silent_server import PATIENCE, Part, Silent, certificates, no_socket_left

from e2i.kube import Kube
from e2i.kube.access import Access


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("cluster"))


async def nobody() -> dict[str, str]:
    return {}


@pytest.mark.parametrize("part", [Silent.take_the_connection, Silent.begin_an_answer])
def test_a_request_that_was_cut_off_leaves_no_socket_behind(pki: Path, part: Part) -> None:
    server = Silent(pki, part)

    async def live() -> None:
        async with Kube(Access(server=server.address, credentials=nobody, tls=server.trust)) as kube:
            has_begun = asyncio.Event()
            kube.count(lambda *_: has_begun.set())
            asking = asyncio.create_task(kube.request("GET", "/version"))
            await asyncio.to_thread(server.has_stopped.wait, PATIENCE)
            if part is Silent.begin_an_answer:
                await has_begun.wait()
            asking.cancel()
            await asyncio.wait((asking,))

    with server.serving(), no_socket_left():
        asyncio.run(live())
