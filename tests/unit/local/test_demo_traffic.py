"""The trickle of requests, against a real HTTP server on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import pytest
from aiohttp import web

from e2i.local.demo_traffic import Tally, trickle
from e2i.local.errors import ClusterError


@contextlib.asynccontextmanager
async def answering(answers: Iterable[tuple[int, object]]) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that gives these answers, one for each request; its address, and an event after the last."""
    waiting = list(answers)
    last_given = asyncio.Event()

    async def predict(_: web.Request) -> web.Response:
        status, content = waiting.pop(0)
        if not waiting:
            last_given.set()
        return web.json_response(content, status=status)

    app = web.Application()
    app.router.add_post("/predict", predict)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}", last_given
    finally:
        await runner.cleanup()


async def run_through(answers: Iterable[tuple[int, object]]) -> tuple[Tally, list[str]]:
    tally, said = Tally(), list[str]()
    async with answering(answers) as (url, last_given), asyncio.timeout(60):
        await trickle(url, {}, tally, said.append, last_given)
    return tally, said


OLD, NEW = {"bento": "churn_model:1.0.0"}, {"bento": "churn_model:2.0.0"}


async def test_requests_are_counted_by_the_bento_that_answered() -> None:
    tally, _ = await run_through([(200, OLD), (200, OLD), (200, NEW)])
    assert (tally.answers["churn_model:1.0.0"], tally.last, tally.failures) == (2, "churn_model:2.0.0", [])
    tally.require_no_failure()


async def test_it_is_said_once_when_another_bento_begins_to_answer() -> None:
    _, said = await run_through([(200, OLD), (200, OLD), (200, NEW)])
    assert [line.split(" by ")[1] for line in said] == [
        "churn_model:1.0.0 (request 1)",
        "churn_model:2.0.0 (request 3)",
    ]


async def test_a_refused_request_is_counted_as_failed_and_ends_the_demo() -> None:
    tally, _ = await run_through([(200, OLD), (503, {"error": "overloaded"}), (200, OLD)])
    assert len(tally.failures) == 1
    with pytest.raises(ClusterError, match=r"1 of 3 requests failed.*answered 503"):
        tally.require_no_failure()


async def test_an_answer_without_the_name_of_its_bento_is_a_failure() -> None:
    tally, _ = await run_through([(200, {}), (200, OLD), (200, OLD)])
    assert len(tally.failures) == 1


async def test_when_nobody_answers_any_more_the_trickle_gives_up() -> None:
    tally = Tally()
    async with answering([(200, OLD)]) as (url, _):
        pass
    with pytest.raises(ClusterError, match="20 of 20 requests failed"):
        await asyncio.wait_for(trickle(url, {}, tally, [].append, asyncio.Event()), 30)
