"""The informer tells both sides of a change, and tells what was missed while it was away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from e2i.kube import Change, Kube, Object, Resource, Snapshot
from e2i.local.yatai.informer import Informer, has_new_generation
from e2i.local.yatai.yatai_kinds import BENTO


def an_object(name: str, version: str = "1", generation: int = 1) -> Object:
    metadata = {"namespace": "n", "name": name, "resourceVersion": version, "generation": generation}
    return {"metadata": metadata}


class Told:
    """A connection that tells a story and ends."""

    def __init__(self, *story: Snapshot | Change) -> None:
        self.story = story

    async def watch(self, _: Resource) -> AsyncIterator[Snapshot | Change]:
        for news in self.story:
            yield news


async def changes(*story: Snapshot | Change) -> list[tuple[Any, Any]]:
    heard: list[tuple[Any, Any]] = []

    def version(item: Object | None) -> str | None:
        return item and f"{item['metadata']['name']}@{item['metadata']['resourceVersion']}"

    informer = Informer(
        cast(Kube, Told(*story)), BENTO, lambda before, now: heard.append((version(before), version(now)))
    )
    await informer.run()
    return heard


async def test_both_sides_of_each_change_are_told() -> None:
    assert await changes(
        Snapshot((an_object("a"),)),
        Change("MODIFIED", an_object("a", "2")),
        Change("ADDED", an_object("b", "3")),
        Change("DELETED", an_object("a", "4")),
    ) == [(None, "a@1"), ("a@1", "a@2"), (None, "b@3"), ("a@2", None)]


async def test_after_lost_history_only_what_was_missed_is_told() -> None:
    first = Snapshot((an_object("same"), an_object("gone"), an_object("changed")))
    second = Snapshot((an_object("same"), an_object("changed", "5"), an_object("new", "6")))
    heard = await changes(first, second)
    assert heard[3:] == [("gone@1", None), ("changed@1", "changed@5"), (None, "new@6")]


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        (None, an_object("a"), True),
        (an_object("a"), None, True),
        (an_object("a"), an_object("a", "2", generation=2), True),
        (an_object("a"), an_object("a", "2"), False),
    ],
)
def test_a_generation_is_new_when_the_spec_is(before: Object, now: Object, new: bool) -> None:
    assert has_new_generation(before, now) is new
