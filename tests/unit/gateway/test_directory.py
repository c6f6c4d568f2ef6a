"""The models as they come, change and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from support.gateways import interface, model

from e2i.gateway.core.interface import Interface
from e2i.gateway.core.models import Model, Served, State
from e2i.gateway.directory import Directory
from e2i.gateway.edge.interfaces import NoInterface


class Reader:
    """Gives interfaces, or raises NoInterface while there is none."""

    def __init__(self) -> None:
        self.found: Interface | None = interface()
        self.fails = 0
        self.reads: list[str] = []

    async def read(self, model: Model) -> Interface | None:
        self.reads.append(model.last.release if model.last else "")
        if self.fails:
            self.fails -= 1
            raise NoInterface("it starts")
        return self.found


def routes(directory: Directory, name: str = "churn") -> list[str]:
    return sorted(directory.table.find(name, lambda _: True).routes)


def of_release(number: int) -> Model:
    return model(last=Served(release=f"churn-{number}"))


async def test_another_release_is_read_anew_and_judged_by_nothing_until_then() -> None:
    reader = Reader()
    directory = Directory(reader.read)
    directory.put(of_release(1))
    await directory.settled()
    assert routes(directory)
    directory.put(of_release(2))
    assert not routes(directory)
    await directory.settled()
    assert routes(directory)
    assert reader.reads == ["churn-1", "churn-2"]


async def test_a_status_that_changes_nothing_of_the_release_is_not_read_again() -> None:
    reader = Reader()
    directory = Directory(reader.read)
    directory.put(of_release(1))
    await directory.settled()
    directory.put(replace(of_release(1), state=State.Degraded, message="an update is under way"))
    await directory.settled()
    assert len(reader.reads) == 1
    assert directory.table.find("churn", lambda _: True).model.state is State.Degraded


async def test_a_model_that_does_not_say_what_it_takes_is_asked_again(
    pauses: Callable[[], list[float]],
) -> None:
    reader = Reader()
    reader.fails = 3
    directory = Directory(reader.read)
    directory.put(of_release(1))
    await directory.settled()
    assert len(reader.reads) == 4
    assert routes(directory)
    assert pauses() == [0.2, 0.4, 0.8]


async def test_a_list_of_a_namespace_says_nothing_of_others() -> None:
    directory = Directory(Reader().read)
    directory.replace([model("churn"), model("ltv")], "models")
    directory.replace([model("fraud", "risk")], "risk")
    directory.replace([model("churn")], "models")
    assert [each.title for each in directory.table.models] == ["models/churn", "risk/fraud"]
    assert directory.is_known


async def test_an_interface_that_comes_after_its_release_went_is_dropped() -> None:
    reader = Reader()
    goes_on = asyncio.Event()

    async def slow(wanted: Model) -> Interface | None:
        await goes_on.wait()
        return await reader.read(wanted)

    directory = Directory(slow)
    directory.put(of_release(1))
    renewing = asyncio.create_task(directory.renewed(of_release(1)))
    await asyncio.sleep(0)
    directory.remove(("models", "churn"))
    goes_on.set()
    await renewing
    assert directory.table.models == ()
    await directory.close()


async def test_observers_are_told_what_a_model_takes_and_that_it_went() -> None:
    told: list[tuple[str, bool]] = []

    class Observer:
        def put(self, model: Model, interface: Interface | None) -> None:
            told.append((model.title, interface is not None))

        def drop(self, model: Model) -> None:
            told.append((f"{model.title} is gone", False))

    directory = Directory(Reader().read, [Observer()])
    directory.put(of_release(1))
    await directory.settled()
    directory.remove(("models", "churn"))
    assert told == [("models/churn", False), ("models/churn", True), ("models/churn is gone", False)]
