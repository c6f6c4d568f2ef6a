"""The client calls a real bento, in the form that it takes, and loses no request to a connection that it closes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.bentoserver import bento_server, wait_for
from support.built_bentos import put_sample
from support.client_lab import QUICK, Notes
from support.deep import is_deep

from e2i.client import AsyncClient, BadInput, Endpoints

KEEPALIVE = 1
CALLERS = 40


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """The echo bento, whose server closes a connection after a second without a request."""
    home = tmp_path_factory.mktemp("bentoml")
    put_sample(home, "echo", "1.0.0")
    with bento_server("echo:1.0.0", home, "--timeout-keep-alive", str(KEEPALIVE)) as server:
        wait_for(f"{server.url}/readyz")
        yield Endpoints.from_mapping({"echo": server.url})


async def test_a_bento_gets_its_input_as_it_takes_it_and_names_a_wrong_field(echo: Endpoints) -> None:
    async with AsyncClient(echo) as client:
        found = await client.predict("echo", {"text": "hello"})
        with pytest.raises(BadInput) as refused:
            await client.predict("echo", {"text": 3})
    assert (found.value["text"], found.bento) == ("hello", "echo:1.0.0")
    assert refused.value.field == "text"


async def test_no_prediction_is_lost_to_connections_that_bentoml_closes(echo: Endpoints) -> None:
    """Each caller pauses about as long as BentoML keeps its connection."""
    notes, settings = Notes(), replace(QUICK, deadline=60.0, keepalive=60.0, connection_age=600.0)
    async with AsyncClient(echo, settings=settings, metrics=notes) as client:

        async def call() -> None:
            for number in range(50 if is_deep() else 4):
                found = await client.predict("echo", {"text": str(number)})
                assert found.value["text"] == str(number)
                await asyncio.sleep(KEEPALIVE * random.uniform(0.95, 1.1))  # noqa: S311

        await asyncio.gather(*(call() for _ in range(CALLERS)))
    assert notes.connections.total() > 0
    assert set(notes.outcomes) == {"200"}
