"""Every field of an E2IModel's status is written in the life of a model, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from support.crd_fields import leaves
from support.scenes import CHECKED, heal, hurried, mode, spoil, until
from support.world import World

IMAGE = {"tag": "churn:1", "image": "registry.example/churn@sha256:" + "1" * 64, "serviceName": "churn"}
PAUSES = [{"setWeight": 50}, {"pause": {}}]


def paths(node: Any, path: str = "") -> Iterator[str]:
    """The fields with values, as the CRD names them: conditions[].reason"""
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from paths(inner, f"{path}.{name}" if path else name)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from paths(item, f"{path}[]")
    else:
        yield path


class Life:
    """What the status of the world's model has had so far."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.fields: set[str] = set()

    async def until(self, condition: str, within: int = 200) -> None:
        """Let time pass until Ready is so."""

        def look() -> bool:
            self.fields |= set(paths(self._world.status()))
            return self._world.condition() == condition

        await until(self._world, look, within)


async def test_every_field_of_the_status_is_written_in_the_life_of_a_model(world: World) -> None:
    life = Life(world)
    canary = hurried(strategy="Canary", steps=PAUSES, **CHECKED)
    # From elsewhere, then restarted as a canary that somebody promotes.
    world.apply(bento=IMAGE, replicas=2, rollout=canary)
    await life.until("True/Ready")
    world.annotate(restart_at="again", promote_at="0")
    await life.until("False/CanaryPaused")
    world.annotate(promote_at="1")
    await life.until("True/Ready")
    # One release fails its verification, another one crashes, and one loses its pods when it serves.
    spoil(world, "PredictionNotFinite")
    world.apply(tag="churn:2", replicas=2, env=mode("bad"), rollout=hurried(**CHECKED))
    await life.until("False/PredictionNotFinite")
    heal(world)
    spoil(world, "CrashLoop", "worse")
    world.apply(tag="churn:3", replicas=2, env=mode("worse"), rollout=hurried(**CHECKED))
    await life.until("False/CrashLoop")
    heal(world)
    world.apply(tag="churn:4", replicas=2, rollout=hurried(scaleDownDelaySeconds=60))
    await life.until("True/Ready")
    world.yatai.ending = "Unknown"
    world.yatai.sick[world.address() or ""] = 2
    await life.until("False/PodsLost")
    world.yatai.sick.clear()
    await life.until("True/Ready")
    # Its inputs drift, and it rests.
    world.scores = {"tenure": 0.4}
    await world.look_at_drift(3)
    world.apply(tag="churn:4", replicas=0)
    await life.until("True/Parked")
    expected = set(leaves("status"))
    assert sorted(expected - life.fields) == [], "fields that nothing writes"
    assert sorted(life.fields - expected) == [], "what the CRD does not have"
