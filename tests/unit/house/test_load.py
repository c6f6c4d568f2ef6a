"""The load generator of the tests: what it counts, and how it sends, against a real HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from support.load import Outcome, Tally, load, read

GOOD = {"text": "hello", "release": "churn-1", "bento": "churn:1.0.0", "score": 0.5}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(at: float, release: str = "churn-1", failure: str = "", *, fresh: bool = True) -> Outcome:
    return Outcome(due=at - 0.01, ended=at, fresh=fresh, release=release, failure=failure)


def test_the_longest_gap_is_between_good_answers_alone() -> None:
    tally = Tally([answer(1.0), answer(2.0, failure="refused"), answer(4.0)], begun=0.5, over=4.1)
    assert tally.longest_gap() == pytest.approx(3.0)


def test_the_end_of_the_sending_is_an_edge_of_a_gap() -> None:
    assert Tally([answer(1.0)], begun=0.9, over=7.0).longest_gap() == pytest.approx(6.0)


def test_kept_connections_do_not_hide_that_new_ones_find_nobody() -> None:
    kept = [answer(at, fresh=False) for at in (2.0, 3.0, 4.0)]
    tally = Tally([answer(1.0), *kept, answer(5.0)], begun=1.0, over=5.0)
    assert tally.longest_gap(fresh=True) == pytest.approx(4.0)


def test_a_share_is_of_the_answers_on_new_connections_in_the_span() -> None:
    outcomes = [answer(1.0), answer(2.0, "churn-2"), answer(3.0, fresh=False), answer(9.0)]
    assert Tally(outcomes).share("churn-2", since=0.5, until=5.0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        pytest.param(json.dumps(GOOD), "", id="a number is good"),
        pytest.param(json.dumps(GOOD | {"score": float("nan")}), "not a number", id="NaN is a failure"),
        pytest.param(json.dumps(GOOD | {"score": None}), "unreadable", id="and so is null"),
        pytest.param("<html>", "unreadable", id="and what is no JSON"),
    ],
)
def test_an_answer_must_hold_a_number(text: str, wrong: str) -> None:
    assert read(text)[2] == wrong


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/predict", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def send(handler: Handler, enough: Callable[[Tally], bool]) -> Tally:
    async with asyncio.timeout(30), serving(handler) as url, load(url, rate=100) as tally:
        while not enough(tally):  # noqa: ASYNC110 - many outcomes, none of which is the one
            await asyncio.sleep(0.01)
    return tally


async def test_requests_go_out_on_new_and_on_kept_connections() -> None:
    async def good(_: web.Request) -> web.Response:
        return web.json_response(GOOD)

    tally = await send(good, lambda tally: tally.requests >= 40)
    assert tally.failures == {}
    assert tally.releases == ["churn-1"]
    assert {outcome.fresh for outcome in tally.outcomes} == {True, False}


async def test_a_slow_answer_does_not_hold_up_the_next_request() -> None:
    release = asyncio.Event()
    waiting = 0

    async def slow(_: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        if waiting == 10:
            release.set()
        await release.wait()
        return web.json_response(GOOD)

    tally = await send(slow, lambda tally: tally.requests >= 10)
    assert tally.failures == {}


async def test_a_request_whose_kept_connection_breaks_is_sent_again_once() -> None:
    met: dict[object, int] = {}

    async def breaking(request: web.Request) -> web.Response:
        assert request.transport
        met[request.transport] = met.get(request.transport, 0) + 1
        if met[request.transport] == 2:
            request.transport.abort()
        return web.json_response(GOOD)

    tally = await send(breaking, lambda tally: tally.sent_again >= 3)
    assert tally.failures == {}


async def test_a_new_connection_that_breaks_is_a_failure() -> None:
    async def breaking(request: web.Request) -> web.Response:
        assert request.transport
        request.transport.abort()
        return web.json_response(GOOD)

    tally = await send(breaking, lambda tally: tally.requests >= 4)
    assert set(tally.failures) == {"broken connection"}
    assert tally.sent_again == 0


async def test_failures_are_counted_by_their_kind() -> None:
    async def failing(_: web.Request) -> web.Response:
        return web.json_response({}, status=500)

    tally = await send(failing, lambda tally: tally.requests >= 3)
    assert tally.failures == {"status 500": tally.requests}
