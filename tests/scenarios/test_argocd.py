"""What Argo CD shows while a model lives, and what its actions lead to: its scripts on the status of this operator."""

from __future__ import annotations

import pytest
from support import argocd_lua
from support.scenes import CAUSES, CHECKED, heal, hurried, mode, quiet, serve, spoil, until
from support.world import NAMESPACE, World

from e2i.api import naming

PLACE = (naming.KIND, NAMESPACE, "churn")


def health(world: World) -> str:
    found = argocd_lua.health(world.kube.objects[PLACE])
    assert found["message"]
    return str(found["status"])


def act(world: World, action: str) -> None:
    """Choose the action, as a person in Argo CD who sees that it can be chosen."""
    model = world.kube.objects[PLACE]
    assert argocd_lua.actions(model)[action], f"{action} cannot be chosen"
    world.kube.put(PLACE, argocd_lua.act(model, action))


async def test_a_release_is_progressing_until_it_is_healthy(world: World) -> None:
    world.apply()
    seen = [health(world)]
    await until(world, lambda: seen.append(health(world)) or seen[-1] == "Healthy")
    assert seen[0] == "Progressing"
    assert set(seen) == {"Progressing", "Healthy"}
    world.apply(env=mode("B"))
    assert health(world) == "Progressing", "before the operator has seen the change"
    await world.run()
    assert health(world) == "Healthy"


@pytest.mark.parametrize("cause", CAUSES)
async def test_a_failed_release_is_degraded_until_the_action_retry_succeeds(world: World, cause: str) -> None:
    await serve(world, env=mode("A"), rollout=hurried(**CHECKED))
    spoil(world, cause)
    tag = "churn:2" if cause.startswith("Build") else "churn:1"
    world.apply(tag=tag, env=mode("bad"), rollout=hurried(**CHECKED))
    await until(world, lambda: health(world) == "Degraded")
    failed = world.kube.objects[PLACE]
    assert argocd_lua.health(failed)["message"].startswith(f"{cause}: ")
    heal(world)
    act(world, "retry")
    await until(world, lambda: health(world) == "Healthy")
    assert not argocd_lua.actions(world.kube.objects[PLACE])["retry"]


async def test_a_failed_release_stays_degraded_through_restarts_and_hours(world: World) -> None:
    await serve(world, env=mode("A"), rollout=hurried(**CHECKED))
    spoil(world, "PredictionNotFinite")
    world.apply(env=mode("bad"), rollout=hurried(**CHECKED))
    await until(world, lambda: health(world) == "Degraded")
    await world.run()
    await quiet(world)
    assert health(world) == "Degraded"


async def test_a_paused_rollout_is_suspended_until_the_action_resume(world: World) -> None:
    await serve(world, env=mode("A"))
    act(world, "pause")
    assert health(world) == "Suspended"
    world.apply(env=mode("B"))
    await world.run()
    assert (health(world), world.condition()) == ("Suspended", "False/Paused")
    act(world, "resume")
    await world.run()
    assert health(world) == "Healthy"


async def test_a_canary_that_waits_for_a_person_is_suspended_until_the_action_promote(world: World) -> None:
    steps = [{"setWeight": 50}, {"pause": {}}]
    rollout = hurried(strategy="Canary", steps=steps)
    await serve(world, env=mode("A"), rollout=rollout)
    world.apply(env=mode("B"), rollout=rollout)
    await until(world, lambda: health(world) == "Suspended")
    await world.run(passes=30, step=100)
    assert health(world) == "Suspended"
    act(world, "promote")
    await world.run()
    assert health(world) == "Healthy"


async def test_a_canary_that_waits_for_a_time_is_progressing(world: World) -> None:
    steps = [{"setWeight": 50}, {"pause": {"duration": "1h"}}]
    rollout = hurried(strategy="Canary", steps=steps)
    await serve(world, env=mode("A"), rollout=rollout)
    world.apply(env=mode("B"), rollout=rollout)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    assert health(world) == "Progressing"


async def test_a_suspended_model_is_suspended_also_after_a_failure(world: World) -> None:
    await serve(world, env=mode("A"), rollout=hurried(**CHECKED))
    spoil(world, "PredictionNotFinite")
    world.apply(env=mode("bad"), rollout=hurried(**CHECKED))
    await until(world, lambda: health(world) == "Degraded")
    world.apply(env=mode("bad"), rollout=hurried(**CHECKED), suspend=True)
    await world.run()
    assert health(world) == "Suspended"


async def test_a_restart_is_progressing_at_once_although_the_generation_stays(world: World) -> None:
    await serve(world)
    world.annotate(restart_at="2026-11-21T13:00:00Z")
    assert health(world) == "Progressing"
    await world.run()
    assert health(world) == "Healthy"


async def test_a_restart_whose_value_the_operator_shortens_becomes_healthy_too(world: World) -> None:
    await serve(world)
    world.annotate(restart_at="x" * 100)
    await world.run()
    assert health(world) == "Healthy"


async def test_a_parked_model_is_healthy(world: World) -> None:
    await serve(world)
    world.apply(replicas=0)
    await world.run()
    assert (health(world), world.condition()) == ("Healthy", "True/Parked")
