"""Models that hang, die or answer no HTTP: what their callers are told, while other models answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from support.gateways import interface, model

from e2i.gateway.core.models import Model, Served
from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.edge.upstream import Upstream

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def served(serve: Serve) -> AsyncIterator[str]:
    writers: list[asyncio.StreamWriter] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()


def answering(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(answer)
            await writer.drain()
            if not answer.startswith(b"HTTP/1.1"):
                return

    return serve


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")


FAULTS = {"hangs": hang, "dies": die, "answers garbage": answering(b"\x16\x03 no HTTP\r\n\r\n")}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    found = Upstream(5.0, 50)
    yield found
    await found.close()


async def ask(upstream: Upstream, asked: Model, deadline: float = 5.0) -> int:
    answer = await upstream.send(asked.title, "/predict", b"{}", {"X-Request-Id": "1"}, deadline)
    return answer.status


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ("hangs", Reason.DeadlineExceeded, "did not answer within 0.2 s"),
        ("dies", Reason.ModelFailed, "gave no answer"),
        ("answers garbage", Reason.ModelFailed, "gave no answer"),
    ],
)
async def test_a_model_that_fails_is_named(
    upstream: Upstream, fault: str, reason: Reason, words: str
) -> None:
    async with served(FAULTS[fault]) as url:
        bad = model(url=url)
        upstream.put(bad, interface())
        with pytest.raises(Refused) as error:
            await ask(upstream, bad, 0.2)
    assert error.value.reason is reason
    assert words in error.value.message
    assert error.value.details["model"] == "models/churn"


async def test_a_model_that_is_not_there_is_named(upstream: Upstream) -> None:
    gone = model(url="http://127.0.0.1:1")
    upstream.put(gone, interface())
    with pytest.raises(Refused) as error:
        await ask(upstream, gone)
    assert error.value.reason is Reason.ModelFailed


@pytest.mark.parametrize("fault", FAULTS)
async def test_other_models_answer_while_one_fails(upstream: Upstream, fault: str) -> None:
    async with AsyncExitStack() as stack:
        bad = model("bad", url=await stack.enter_async_context(served(FAULTS[fault])))
        good = model("good", url=await stack.enter_async_context(served(answering(GOOD))))
        upstream.put(bad, interface())
        upstream.put(good, interface())
        failing = [asyncio.create_task(ask(upstream, bad, 1.5)) for _ in range(40)]
        assert [await ask(upstream, good) for _ in range(40)] == [200] * 40
        results = await asyncio.gather(*failing, return_exceptions=True)
        assert all(isinstance(each, Refused) for each in results)
        # After so many failures nothing is sent any more, and the caller hears that at once.
        with pytest.raises(Refused) as error:
            await ask(upstream, bad)
        assert (error.value.reason, error.value.details["circuit"]) == (Reason.CircuitOpen, "open")
        assert upstream.circuits([bad, good]) == {("models", "bad"): "open", ("models", "good"): "closed"}


async def test_another_release_begins_with_a_closed_circuit(upstream: Upstream) -> None:
    async with AsyncExitStack() as stack:
        bad = model(url=await stack.enter_async_context(served(die)))
        upstream.put(bad, interface())
        await asyncio.gather(*(ask(upstream, bad) for _ in range(40)), return_exceptions=True)
        assert upstream.circuits([bad]) == {("models", "churn"): "open"}
        good = await stack.enter_async_context(served(answering(GOOD)))
        rolled_back = replace(bad, url=good, last=Served(release="churn-0"))
        upstream.put(rolled_back, None)
        assert await ask(upstream, rolled_back) == 200


async def test_a_model_that_went_is_not_asked(upstream: Upstream) -> None:
    upstream.put(model(), interface())
    upstream.drop(model())
    assert upstream.circuits([model()]) == {}
    with pytest.raises(Refused) as error:
        await ask(upstream, model())
    assert error.value.reason is Reason.ModelUnavailable
