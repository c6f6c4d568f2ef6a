"""Pods that give their metrics, and pods that do something else when they are asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from e2i.controller.core.guard.samples import Sample
from e2i.controller.edge import metrics_client
from e2i.controller.edge.metrics_client import Reading, read_release

TEXT = 'bentoml_service_request_total{endpoint="/predict",http_response_code="500",runner_name="churn"} 3.0\n'
WELL, OTHER, UNWELL, NOBODY = "127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def in_good_order(request: web.Request) -> web.Response:
    assert request.path == "/metrics"
    assert request.headers["Accept-Encoding"] == "identity"
    return web.Response(text=TEXT)


@asynccontextmanager
async def pod(answer: Answer, address: str, port: int = 0) -> AsyncIterator[int]:
    """Answers every request at the address; yields its port."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def release(unwell: Answer) -> AsyncIterator[int]:
    """Two pods in good order and one that is not, all at one port; nobody listens at NOBODY."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(pod(in_good_order, WELL))
        await stack.enter_async_context(pod(in_good_order, OTHER, port))
        await stack.enter_async_context(pod(unwell, UNWELL, port))
        yield port


async def test_a_service_below_a_path_has_its_metrics_there() -> None:
    async def below(request: web.Request) -> web.Response:
        return web.Response(text=TEXT if request.path == "/v1/metrics" else "", status=200)

    async with pod(below, WELL) as port:
        assert WELL in (await read_release([WELL], port=port, path_prefix="/v1")).samples
        assert WELL not in (await read_release([WELL], port=port)).samples


async def away(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"http://{WELL}:{request.url.port}/metrics")


async def failing(request: web.Request) -> web.Response:
    return web.Response(status=500, text=TEXT)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(TEXT.encode() * 1000)


async def rude(request: web.Request) -> web.Response:
    assert request.transport
    request.transport.write(b"HTTP/9 what?\r\n\r\n")
    request.transport.close()
    return web.Response()


async def packed(request: web.Request) -> web.Response:
    response = web.Response(text=TEXT)
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def test_every_pod_is_asked() -> None:
    async with release(in_good_order) as port:
        found = await read_release([WELL, OTHER, UNWELL], port=port)
    assert found.samples == dict.fromkeys([WELL, OTHER, UNWELL], Sample(3, 3))


@pytest.mark.parametrize(
    ("unwell", "words"),
    [
        pytest.param(away, "were answered with status 302", id="it sends us elsewhere"),
        pytest.param(failing, "were answered with status 500", id="it fails"),
        pytest.param(endless, "have more than 4194304 bytes", id="its answer has no end"),
        pytest.param(rude, "could not be read: ClientResponseError", id="it speaks no HTTP"),
        pytest.param(packed, "have no bentoml_service_request_total", id="a packed answer is not unpacked"),
    ],
)
async def test_a_pod_that_gives_no_metrics_says_why(unwell: Answer, words: str) -> None:
    async with release(unwell) as port:
        found = await read_release([WELL, UNWELL, OTHER, NOBODY], port=port)
    assert found.samples == dict.fromkeys([WELL, OTHER], Sample(3, 3))
    assert found.unreadable.keys() == {UNWELL, NOBODY}
    assert found.unreadable[UNWELL].startswith(words)
    assert found.unreadable[NOBODY] == "could not be read: Connection refused"


async def test_a_pod_that_does_not_answer_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_client, "TIMEOUT", aiohttp.ClientTimeout(total=0.3))
    stuck = asyncio.Event()

    async def silent(request: web.Request) -> web.Response:
        await stuck.wait()
        return web.Response()

    async with release(silent) as port:
        began = time.monotonic()
        found = await read_release([WELL, UNWELL], port=port)
        assert found.samples == {WELL: Sample(3, 3)}
        assert found.unreadable == {UNWELL: "were not answered within 0.3 s"}
        assert time.monotonic() - began < 2
        stuck.set()


async def test_of_a_release_that_is_silent_nothing_is_known() -> None:
    async with release(failing) as port:
        assert not (await read_release([UNWELL, NOBODY], port=port)).samples
    assert await read_release([]) == Reading()


async def test_only_the_entry_service_is_counted() -> None:
    async with release(in_good_order) as port:
        assert (await read_release([WELL], "churn", port)).samples == {WELL: Sample(3, 3)}
        assert not (await read_release([OTHER], "another", port)).samples


async def test_the_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with release(in_good_order) as port:
        assert (await read_release([WELL], port=port)).samples == {WELL: Sample(3, 3)}


async def test_an_address_of_the_longer_kind_is_asked() -> None:
    try:
        async with pod(in_good_order, "::1") as port:
            assert (await read_release(["::1"], port=port)).samples == {"::1": Sample(3, 3)}
    except OSError:
        pytest.skip("this machine has no IPv6")
