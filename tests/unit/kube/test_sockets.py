"""A closed connection leaves no socket behind, wherever its requests were cut off and whatever the server does."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from support.silent_server import PATIENCE, Part, Silent, certificates, no_socket_left

from e2i.kube import ApiError, Kube
from e2i.kube.access import Access
from e2i.kube.explain import explain


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


def test_a_certificate_that_is_not_accepted_is_named_and_not_taken_for_a_cluster_that_is_away(
    pki: Path,
) -> None:
    server = Silent(pki, Silent.be_refused)

    async def ask() -> ApiError:
        stranger = Access(server=server.address, credentials=nobody, tls=ssl.create_default_context())
        async with Kube(stranger) as kube:
            with pytest.raises(ApiError) as failed:
                await kube.request("GET", "/version")
        return failed.value

    with server.serving():
        error = asyncio.run(ask())
    words = f"The certificate of API server {server.address} is not accepted: unable to get local issuer certificate"
    assert (error.reason, error.message) == ("BadCertificate", words)
    assert explain(0, error.reason, error.message).startswith(f"{words}. Renew it at the server")
