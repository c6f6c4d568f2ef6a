"""Whatever happens in whatever order: in the end every model is served or says why not, and it is quiet.

The world asserts on its own that no address moves to a release without ready pods, that no release with the
address is deleted, and that no release is edited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.world import World, digest_of

from e2i.core import naming
from e2i.edge import clock
from e2i.kube import ApiError

Step = tuple[str, int]
STEPS = (
    "tag",
    "env",
    "replicas",
    "suspend",
    "bad build",
    "bad pods",
    "fault",
    "time",
    "restart",
    "edit",
    "again",
)
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3)), max_size=14)


class Story:
    """A model whose spec is changed step by step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.spec: dict[str, object] = {"tag": "churn:0", "rollout": {"progressDeadlineSeconds": 30}}
        world.apply(**self.spec)  # type: ignore[arg-type]

    async def take(self, step: Step) -> None:
        kind, number = step
        actions: dict[str, Callable[[], None]] = {
            "tag": lambda: self.change(tag=f"churn:{number}"),
            "env": lambda: self.change(env=[{"name": "MODE", "value": f"mode {number}"}]),
            "replicas": lambda: self.change(replicas=number + 1),
            "suspend": lambda: self.change(suspend=number % 2 == 1),
            "bad build": lambda: self.world.yatai.bad_builds.add(digest_of(f"churn:{number}")),
            "bad pods": lambda: self.world.yatai.bad_pods.symmetric_difference_update({f"mode {number}"}),
            "fault": lambda: self.world.kube.fail.append(
                ApiError((409, 403, 500, 0)[number], "Fault", "a fault")
            ),
            "edit": self.edit,
            "again": self.again,
        }
        if kind == "time":
            await self.world.run(passes=number * 7)
        elif kind == "restart":
            await self.world.restart()
        else:
            actions[kind]()

    def change(self, **spec: object) -> None:
        self.spec |= spec
        self.world.apply(**self.spec)  # type: ignore[arg-type]

    def edit(self) -> None:
        if ("Service", "models", "churn") in self.world.kube.objects:
            self.world.edit("Service", "churn", selector={"app": "debug"})

    def again(self) -> None:
        self.world.delete()
        self.world.apply(**self.spec)  # type: ignore[arg-type]


async def live(story: list[Step]) -> None:
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: world.now)
        told = Story(world)
        for step in story:
            await told.take(step)
        await world.run(passes=250)
        _is_told(world)
        await _is_quiet(world)
        _serves_if_it_did(world)
        await world.close()


def _is_told(world: World) -> None:
    ready, stalled = world.condition(), world.condition("Stalled")
    waits = world.condition("Reconciling")
    suspended = world.kube.objects[naming.KIND, "models", "churn"]["spec"].get("suspend")
    # A release that serves and lost its pods is waited for without an end: that is told as Scaling.
    assert ready.startswith("True") or stalled != "nothing" or suspended or waits == "True/Scaling", (
        ready,
        stalled,
        waits,
    )


async def _is_quiet(world: World) -> None:
    world.kube.writes.clear()
    await world.run_pass()
    await world.restart()
    await world.run(passes=10)
    assert not world.kube.writes


def _serves_if_it_did(world: World) -> None:
    release = world.address()
    if release is not None:
        made = [item["metadata"]["labels"][naming.RELEASE_LABEL] for item in world.all("BentoDeployment")]
        assert release in made


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_every_story_ends_and_is_quiet_afterwards(story: list[Step]) -> None:
    asyncio.run(live(story))
