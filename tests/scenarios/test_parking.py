"""Parking a model with `replicas: 0`, and waking it."""

from __future__ import annotations

from typing import Any

import pytest
from support.scenes import CHECKED, hurried, mode, quiet, serve, until
from support.world import NAMESPACE, World

from e2i.api import naming

STEPS = [{"setWeight": 50}, {"pause": {}}]
CANARY = hurried(strategy="Canary", steps=STEPS, **CHECKED)
VERIFIED = hurried(verify=CHECKED["verify"])


async def park(world: World, **spec: Any) -> None:
    world.apply(**spec | {"replicas": 0})
    generation = world.kube.objects[naming.KIND, NAMESPACE, "churn"]["metadata"]["generation"]
    await until(world, lambda: world.status().get("observedGeneration") == generation)
    await until(world, lambda: world.condition() == "True/Parked")


def pods(world: World) -> int:
    return sum("yatai.ai/bento-request" not in pod["metadata"]["labels"] for pod in world.all("Pod"))


async def test_a_parked_model_keeps_all_but_its_pods(world: World) -> None:
    release = await serve(world, replicas=3, rollout=VERIFIED)
    images, archives = world.all("BentoRequest"), dict(world.release_store.uploaded)
    await park(world, rollout=VERIFIED)
    assert pods(world) == 0
    assert (world.address(), world.releases()) == (release, [release])
    assert (world.all("BentoRequest"), dict(world.release_store.uploaded)) == (images, archives)
    assert world.condition("ReleaseServing") == "False/Parked"
    assert world.condition("Reconciling") == world.condition("Stalled") == "nothing"
    await quiet(world)


async def test_a_parked_model_is_not_taken_for_one_that_lost_its_pods(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=hurried(scaleDownDelaySeconds=300, **CHECKED))
    world.apply(env=mode("B"), rollout=hurried(scaleDownDelaySeconds=300, **CHECKED))
    await until(world, lambda: world.address() != first and len(world.guard.begun) == 2)
    second = world.address()
    await park(world, env=mode("B"), rollout=hurried(scaleDownDelaySeconds=300, **CHECKED))
    world.guard.spoil("B")
    await world.run(passes=40)
    assert (world.condition(), world.address(), world.failed()) == ("True/Parked", second, [])
    assert world.releases() == [second]


async def test_a_model_is_woken_without_export_or_build_and_verified_before_it_is_ready(world: World) -> None:
    release = await serve(world, rollout=VERIFIED)
    await park(world, rollout=VERIFIED)
    world.kube.writes.clear()
    exports = list(world.exports_begun)
    world.apply(replicas=2, rollout=VERIFIED)
    world.verification.slow = True
    await until(world, lambda: world.condition() == "False/Verifying")
    assert world.condition("Verified") == "Unknown/Verifying"
    world.verification.slow = False
    await until(world, lambda: world.condition() == "True/Ready")
    assert world.shares() == {release: 2}
    assert world.exports_begun == exports
    assert not world.kube.writes["apply", "BentoRequest"]
    assert world.verification.asked == 2 * [naming.release_name("churn", release)]
    await quiet(world)


async def test_every_waking_is_verified(world: World) -> None:
    await serve(world, rollout=VERIFIED)
    for times in (2, 3):
        await park(world, rollout=VERIFIED)
        await serve(world, rollout=VERIFIED)
        assert len(world.verification.asked) == times


async def test_an_operator_that_restarts_knows_that_a_woken_model_has_to_be_verified(world: World) -> None:
    await serve(world, rollout=VERIFIED)
    await park(world, rollout=VERIFIED)
    world.verification.slow = True
    world.apply(replicas=1, rollout=VERIFIED)
    await until(world, lambda: world.condition() == "False/Verifying")
    await world.restart()
    await world.run(passes=10)
    assert world.condition() == "False/Verifying"
    world.verification.slow = False
    await until(world, lambda: world.condition() == "True/Ready")


async def test_a_woken_release_that_answers_wrongly_is_not_called_ready(world: World) -> None:
    release = await serve(world, env=mode("A"), rollout=VERIFIED)
    await park(world, env=mode("A"), rollout=VERIFIED)
    world.verification.bad_answers.add("A")
    world.apply(env=mode("A"), rollout=VERIFIED)
    await world.run(passes=40)
    assert world.condition() == "False/PredictionNotFinite"
    assert world.takes_in() == [release]


async def test_a_model_that_is_created_parked_is_built_and_has_no_pods(world: World) -> None:
    world.apply(replicas=0, rollout=VERIFIED)
    await world.run()
    assert world.condition() == "True/Parked"
    assert (world.condition("ImageBuilt"), world.condition("Verified")) == ("True/Built", "Unknown/Pending")
    assert not world.all("BentoDeployment")
    await quiet(world)
    exports = list(world.exports_begun)
    release = await serve(world, rollout=VERIFIED)
    assert (world.exports_begun, world.shares()) == (exports, {release: 1})


@pytest.mark.parametrize("strategy", ["BlueGreen", "InPlace", "Canary"])
async def test_a_new_bento_of_a_parked_model_is_built_and_waits(world: World, strategy: str) -> None:
    rollout = (
        VERIFIED | {"strategy": strategy} | ({"steps": [{"setWeight": 50}]} if strategy == "Canary" else {})
    )
    first = await serve(world, rollout=rollout)
    await park(world, rollout=rollout)
    await park(world, tag="churn:2", rollout=rollout)
    assert pods(world) == 0
    assert (world.address(), world.condition("ImageBuilt")) == (first, "True/Built")
    assert len(world.all("BentoRequest")) == 2
    second = world.status()["desiredRelease"]
    assert await serve(world, tag="churn:2", rollout=rollout) == second
    await quiet(world)


async def test_a_canary_ends_without_a_verdict_when_its_model_is_parked_and_begins_again(
    world: World,
) -> None:
    first = await serve(world, env=mode("A"), replicas=2, rollout=CANARY)
    world.apply(env=mode("B"), replicas=2, rollout=CANARY)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    await park(world, env=mode("B"), rollout=CANARY)
    assert (world.address(), world.releases(), pods(world)) == (first, [first], 0)
    assert "rollout" not in world.status()
    asked = len(world.verification.asked)
    world.apply(env=mode("B"), replicas=2, rollout=CANARY)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    assert len(world.verification.asked) == asked + 1
    assert (world.shares()[first], len(world.shares())) == (2, 2)
    assert not world.failed()


async def test_a_trial_ends_when_its_model_is_parked(world: World) -> None:
    world.yatai.bad_pods.add("A")
    world.apply(env=mode("A"), rollout=hurried())
    await until(world, lambda: bool(world.all("Pod")) and world.condition() == "False/Deploying")
    await park(world, env=mode("A"), rollout=hurried())
    await world.run(passes=60, step=60)
    assert (world.condition(), world.failed(), world.releases()) == ("True/Parked", [], [])


async def test_a_model_that_was_rolled_back_is_parked_with_what_serves(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=hurried())
    world.yatai.crashing.add("B")
    world.apply(env=mode("B"), rollout=hurried())
    await until(world, world.failed)
    world.apply(env=mode("B"), replicas=0, rollout=hurried())
    await world.run()
    assert pods(world) == 0
    assert (world.condition(), world.condition("ReleaseServing")) == ("False/CrashLoop", "False/Parked")
    assert (world.address(), world.releases()) == (first, [first])
    await quiet(world)
    world.apply(env=mode("B"), rollout=hurried())
    await world.run()
    assert (world.condition(), world.shares()) == ("False/CrashLoop", {first: 1})


async def test_an_autoscaled_model_is_parked_by_replicas(world: World) -> None:
    bounds = {"minReplicas": 2, "maxReplicas": 4}
    release = await serve(world, autoscaling=bounds)
    world.apply(autoscaling=bounds, replicas=0)
    await until(world, lambda: world.condition() == "True/Parked")
    assert pods(world) == 0
    world.apply(autoscaling=bounds, replicas=1)
    await until(world, lambda: world.condition() == "True/Ready")
    assert world.shares() == {release: 2}


async def test_pods_that_somebody_starts_of_a_parked_model_end(world: World) -> None:
    release = await serve(world)
    await park(world)
    world.edit("Deployment", naming.release_name("churn", release), replicas=2)
    await world.run(passes=10)
    assert pods(world) == 0


async def test_the_address_of_a_parked_model_comes_back_when_somebody_deletes_it(world: World) -> None:
    release = await serve(world)
    await park(world)
    world.kube.remove(("Service", NAMESPACE, "churn"))
    await world.run(passes=5)
    assert (world.address(), world.condition()) == (release, "True/Parked")


async def test_a_parked_model_that_is_suspended_stays_as_it_is(world: World) -> None:
    release = await serve(world)
    world.apply(replicas=0, suspend=True)
    await world.run(passes=10)
    assert world.shares() == {release: 1}
    assert "parkedAt" not in world.status()
