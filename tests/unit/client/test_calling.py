"""A call ends with a prediction, or with the error that tells what to do, before its deadline."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from support.client_lab import QUICK, in_turn, schema, served
from support.rawserver import HANG, Request, http, ok

from e2i.client import (
    DEADLINE_HEADER,
    BreakerSettings,
    CircuitOpen,
    Client,
    DeadlineExceeded,
    Endpoints,
    ModelFailed,
    NotReady,
    Overloaded,
    Settings,
    State,
    Unreachable,
)

BUSY = http("503 Busy", '{"error": "4 wait"}', "Retry-After: 0")
TOO_MANY = http("429 Too Many Requests", '{"error": "Too many requests"}')
STARTING = http("503 Unavailable", '{"error": "it is being loaded"}')
BROKEN = http("500 Error", '{"error": "it broke"}')
CUT = http("200 OK", b"{", length=100)
"""An answer that breaks off: the request arrived."""
GOOD = ok({"value": 3})


async def test_the_input_is_wrapped_as_the_schema_says() -> None:
    def answer(request: Request) -> bytes:
        return ok(schema("input_data") if request.path == "/schema.json" else {"value": 3})

    async with served(answer) as model:
        for _ in range(2):
            assert (await model.client.predict("churn", {"tenure": 3})).value == {"value": 3}
    assert [request.path for request in model.server.requests] == ["/schema.json", "/predict", "/predict"]
    assert json.loads(model.bodies[0]) == {"input_data": {"tenure": 3}}


async def test_the_schema_is_asked_for_with_the_callers_key() -> None:
    """Behind a gateway it is shown to those who may ask the model."""

    def answer(request: Request) -> bytes:
        if request.headers.get("x-api-key") != "shop":
            return http("401 Unauthorized")
        return ok(schema("row") if request.path == "/schema.json" else {"value": 3})

    async with served(answer) as model:
        await model.client.predict("churn", {"tenure": 3}, headers={"X-Api-Key": "shop"})
    assert json.loads(model.bodies[0]) == {"row": {"tenure": 3}}


async def test_without_a_schema_the_refusal_of_an_unwrapped_input_says_how_to_send_it() -> None:
    missing = http("400 Bad", '{"detail": [{"loc": ["input_data"], "msg": "Field required"}]}')

    def answer(request: Request) -> bytes:
        if request.path == "/schema.json":
            return http("405 Method Not Allowed")
        return GOOD if b"input_data" in request.body else missing

    async with served(answer) as model:
        for _ in range(2):
            assert (await model.client.predict("churn", {"tenure": 3})).value == {"value": 3}
    assert [b"input_data" in body for body in model.bodies] == [False, True, True]


async def test_the_server_is_told_how_long_the_caller_still_waits() -> None:
    async with served(in_turn(GOOD)) as model:
        await model.client.predict("churn", {}, deadline=3)
    assert 2000 < int(model.server.requests[-1].headers[DEADLINE_HEADER]) <= 3000


@pytest.mark.parametrize(
    "passing", [BUSY, TOO_MANY, STARTING, CUT, b""], ids=["busy", "429", "503", "cut", "none"]
)
async def test_a_prediction_is_asked_for_again_after_what_may_pass(passing: bytes) -> None:
    async with served(in_turn(passing, passing, GOOD)) as model:
        assert (await model.client.predict("churn", {})).value == {"value": 3}
    assert len(model.bodies) == 3
    assert model.notes.retries == 2


@pytest.mark.parametrize(
    ("passing", "times"),
    [(BUSY, 3), (TOO_MANY, 3), (STARTING, 1), (CUT, 1), (b"", 1)],
    ids=["busy", "429", "503", "cut", "none"],
)
async def test_another_route_is_repeated_only_when_the_model_was_surely_not_asked(
    passing: bytes, times: int
) -> None:
    async with served(in_turn(passing, passing, GOOD)) as model:
        with_end = model.client.predict("churn", {}, route="book_a_visit")
        if times == 3:
            await with_end
        else:
            with pytest.raises(NotReady):
                await with_end
    assert len(model.bodies) == times


async def test_a_failure_of_the_model_itself_is_not_repeated() -> None:
    async with served(in_turn(BROKEN)) as model:
        with pytest.raises(ModelFailed, match="it broke"):
            await model.client.predict("churn", {})
    assert len(model.bodies) == 1


async def test_after_the_last_attempt_the_last_answer_is_the_error() -> None:
    async with served(in_turn(BUSY)) as model:
        with pytest.raises(Overloaded, match="4 wait"):
            await model.client.predict("churn", {})
    assert len(model.bodies) == QUICK.attempts


async def test_a_wait_beyond_the_deadline_is_not_waited_for() -> None:
    late = http("503 Busy", '{"error": "4 wait"}', "Retry-After: 60")
    async with served(in_turn(late)) as model:
        with pytest.raises(Overloaded) as error:
            await model.client.predict("churn", {}, deadline=30)
    assert error.value.retry_after == 60
    assert len(model.bodies) == 1


async def test_a_model_that_hangs_costs_no_more_than_the_deadline() -> None:
    async with served(in_turn(HANG)) as model:
        with pytest.raises(DeadlineExceeded, match=r"churn did not answer within 0.2 s"):
            await model.client.predict("churn", {}, deadline=0.2)


async def test_nobody_listening_is_unreachable_and_not_ready() -> None:
    async with served(in_turn(GOOD)) as model:
        model.client.endpoints.put(Endpoints.from_mapping({"gone": "http://127.0.0.1:1"}).find("gone"))
        with pytest.raises(Unreachable, match="gave no answer: no connection: Connection refused"):
            await model.client.predict("gone", {})
        with pytest.raises(NotReady):
            await model.client.predict("gone", {})


async def test_an_answer_that_is_too_large_is_not_read() -> None:
    async with served(in_turn(ok("x" * 1000)), replace(QUICK, largest_answer=100)) as model:
        with pytest.raises(ModelFailed, match="more than 100 bytes"):
            await model.client.predict("churn", {})


BREAKS = replace(QUICK, breaker=BreakerSettings(min_requests=4))


async def test_a_model_that_fails_is_left_alone() -> None:
    async with served(in_turn(BROKEN), BREAKS) as model:
        for _ in range(4):
            await model.client.send("churn", "POST", "/predict", b"{}")
        with pytest.raises(CircuitOpen, match="Circuit breaker open for model 'churn'") as error:
            await model.client.predict("churn", {})
        assert model.client.circuit("churn") is State.OPEN
    assert 29 < error.value.retry_after <= 30
    assert len(model.bodies) == 4
    assert model.notes.outcomes[-1] == "CircuitOpen"


@pytest.mark.parametrize("alive", [BUSY, TOO_MANY, http("400 Bad", '{"detail": []}'), http("501 No", "{}")])
async def test_an_answer_of_a_model_that_lives_opens_no_circuit(alive: bytes) -> None:
    async with served(in_turn(alive), BREAKS) as model:
        for _ in range(10):
            await model.client.send("churn", "POST", "/explain", b"{}")
        assert model.client.circuit("churn") is State.CLOSED


async def test_a_hanging_model_opens_its_circuit_but_not_by_one_callers_haste() -> None:
    settings = replace(QUICK, breaker=BreakerSettings(min_requests=4, shortest_deadline=0.2))
    async with served(in_turn(HANG), settings) as model:

        async def ask(deadline: float) -> None:
            with pytest.raises(DeadlineExceeded):
                await model.client.send("churn", "POST", "/predict", b"{}", deadline=deadline)

        await asyncio.gather(*(ask(0.05) for _ in range(8)))
        assert model.client.circuit("churn") is State.CLOSED
        await asyncio.gather(*(ask(0.2) for _ in range(8)))
        assert model.client.circuit("churn") is State.OPEN


async def test_a_caller_that_goes_away_is_no_failure_of_the_model() -> None:
    arrived = asyncio.Event()

    def hang(_: Request) -> bytes:
        arrived.set()
        return HANG

    async with served(hang, BREAKS) as model:
        for _ in range(10):
            arrived.clear()
            asking = asyncio.create_task(model.client.predict("churn", {}))
            await asyncio.wait_for(arrived.wait(), 60)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        assert model.client.circuit("churn") is State.CLOSED
    assert model.notes.outcomes[-1] == "Cancelled"


async def test_what_is_sent_and_answered_is_left_as_it_is() -> None:
    compressed = http("200 OK", b"\x1f\x8b junk", "Content-Encoding: gzip", "X-Trace: 7")
    async with served(in_turn(compressed)) as model:
        answer = await model.client.send("churn", "POST", "/x/a%20b?c=%2F", b"bytes", {"x-key": "k"})
    request = model.server.requests[0]
    assert (request.path, request.query, request.body) == ("/x/a%20b", {"c": "/"}, b"bytes")
    assert request.headers["x-key"] == "k"
    assert "user-agent" not in request.headers
    assert (answer.status, answer.body) == (200, b"\x1f\x8b junk")
    assert answer.headers["x-trace"] == "7"


async def test_the_synchronous_client_gives_the_same_answers() -> None:
    async with served(in_turn(GOOD, BROKEN)) as model:
        with Client(model.client.endpoints, settings=QUICK, metrics=model.notes) as client:
            found = await asyncio.to_thread(client.predict, "churn", {"tenure": 3})
            assert found.value == {"value": 3}
            with pytest.raises(ModelFailed):
                await asyncio.to_thread(client.predict, "churn", {})
        with pytest.raises(RuntimeError, match="closed"):
            client.predict("churn", {})


@pytest.mark.parametrize("wrong", ["deadline", "attempts", "connections"])
def test_a_setting_of_zero_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(ValueError, match=f"{wrong} is 0"):
        Settings(**{wrong: 0})
