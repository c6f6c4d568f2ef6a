"""The lists before the first pass: two at a time, taken over in the order of their sources."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from support.bodies import a_body, a_child_body

from e2i.controller.edge.cache import Cache
from e2i.controller.edge.first_lists import list_all
from e2i.controller.edge.informer import Informer, sources
from e2i.controller.edge.own_writes import OwnWrites
from e2i.kube import ApiError, Object, Resource

AWAY = ApiError(503, "ServiceUnavailable", "etcd is away")


class Server:
    """Answers a list when it is told to."""

    def __init__(self, objects: dict[str, Object]) -> None:
        self._objects = objects
        self.begun: list[str] = []
        self.answers: list[asyncio.Future[None]] = []
        self.collected: list[bool] = []

    async def list_parsed(
        self, resource: Resource, parse: Callable[[Object], Any], **_: Any
    ) -> tuple[list[Any], str]:
        self.begun.append(resource.kind)
        answer = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        await answer
        self.collected.append(gc.isenabled())
        found = self._objects.get(resource.kind)
        return ([parse(found)] if found else []), "10"


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def server() -> Server:
    return Server({"E2IModel": a_body(), "BentoDeployment": a_child_body("BentoDeployment", name="churn-1")})


def informers(server: Server, cache: Cache, woken: list[Any]) -> list[Informer]:
    return [
        Informer(each, server, cache, OwnWrites(), woken.append)  # type: ignore[arg-type]
        for each in sources(())
    ]


async def test_the_next_kind_is_asked_for_while_one_is_read(server: Server) -> None:
    listing = asyncio.create_task(list_all(informers(server, Cache(), [])))
    await turns()
    assert server.begun == ["BentoRequest", "BentoDeployment"]
    server.answers[1].set_result(None)
    await turns()
    assert server.begun == ["BentoRequest", "BentoDeployment", "Bento"]
    listing.cancel()


async def test_no_model_is_woken_before_all_its_children_are_known(server: Server) -> None:
    cache, woken = Cache(), []  # type: ignore[var-annotated]

    class Woken(list[Any]):
        def append(self, key: Any) -> None:
            woken.append((key, cache.model(key) is not None, bool(list(cache.children("BentoDeployment")))))

    listing = asyncio.create_task(list_all(informers(server, cache, Woken())))
    while not listing.done():
        await turns()
        # The last kind first.
        for answer in reversed([each for each in server.answers if not each.done()]):
            assert woken == []
            answer.set_result(None)
            await turns()
    await listing
    assert woken[-1] == (("models", "churn"), True, True)


async def test_garbage_is_collected_again_after_the_lists(server: Server) -> None:
    listing = asyncio.create_task(list_all(informers(server, Cache(), [])))
    await turns()
    server.answers[0].set_result(None)
    await turns()
    server.answers[1].set_exception(AWAY)
    with pytest.raises(ApiError, match="etcd is away"):
        await listing
    assert (server.collected, gc.isenabled()) == ([False], True)
