"""What others hold up, a queue, a controller that is down, full nodes, an autoscaler: no release pays for it."""

from __future__ import annotations

from collections import Counter

import pytest
from support.scenes import HOUR, heal, hurried, mode, quiet, serve, until
from support.world import World, digest_of

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.problem import Problem

FLEET = 100
LARGE_FLEET = 1000


def message(world: World, name: str = "churn") -> str:
    found: str = world.status(name)["conditions"][0]["message"]
    return found


@pytest.mark.parametrize(
    ("fleet", "at_once"), [(FLEET, 4), pytest.param(LARGE_FLEET, 40, marks=pytest.mark.deep)]
)
async def test_a_fleet_behind_a_slow_image_builder_is_never_given_up(
    world: World, fleet: int, at_once: int
) -> None:
    """Each model waits for many times its deadline, says for what, and serves in the end."""
    world.yatai.builds_at_once = at_once
    names = [f"model-{number}" for number in range(fleet)]
    for name in names:
        world.apply(name, tag=f"{name}:1", rollout={"progressDeadlineSeconds": 10})
    await world.run(passes=15)
    waiting = [name for name in names if world.condition(name=name) != "True/Ready"]
    assert len(waiting) > fleet // 2
    assert {world.condition(name=name) for name in waiting} <= {"False/Building", "False/Deploying"}
    assert "yatai-image-builder has still to look at" in message(world, waiting[-1])
    assert not any(world.condition("Stalled", name) != "nothing" for name in names)
    for _ in range(12):
        await world.run(passes=25)
        assert {world.condition(name=name) for name in names} <= {
            "True/Ready",
            "False/Building",
            "False/Deploying",
            "False/YataiNotResponding",
        }
    assert {world.condition(name=name) for name in names} == {"True/Ready"}
    assert not any(world.failed(name) for name in names)


@pytest.mark.parametrize("awaited", ["image", "pods"])
async def test_models_that_wait_cost_no_request(world: World, awaited: str) -> None:
    """Watches report what they wait for, however many they are."""
    for number in range(20):
        name = f"model-{number}"
        if awaited == "image":
            world.yatai.slow_builds.add(digest_of(f"{name}:1"))
        world.yatai.bad_pods.add("slow")
        world.apply(name, tag=f"{name}:1", env=mode("slow"))
    await world.run(passes=30)
    reason = "Building" if awaited == "image" else "Deploying"
    assert {world.condition(name=f"model-{number}") for number in range(20)} == {f"False/{reason}"}
    reads, writes = Counter(world.kube.reads), Counter(world.kube.writes)
    await world.run(passes=60)
    assert (world.kube.reads, world.kube.writes) == (reads, writes)


async def test_an_image_builder_that_is_down_is_said_and_waited_for(world: World) -> None:
    world.yatai.halted.add("builder")
    world.apply(rollout=hurried())
    await world.run(passes=50)
    assert world.condition() == "False/Building"
    await world.run(passes=50)
    assert world.condition() == "False/YataiNotResponding"
    assert "yatai-image-builder has not looked at BentoRequest churn-" in message(world)
    assert world.condition("Stalled") == "nothing"
    writes = world.kube.writes["status", naming.KIND]
    await world.run(passes=60, step=60)
    assert world.condition("Stalled") == "True/YataiNotResponding", "who waits for it learns of it"
    assert world.kube.writes["status", naming.KIND] <= writes + 2, "its message stays as it is"
    assert not world.failed()
    world.yatai.halted.clear()
    await world.run(passes=60)
    assert world.condition() == "True/Ready"
    await quiet(world)


async def test_a_yatai_deployment_that_is_down_is_said_and_waited_for(world: World) -> None:
    first = await serve(world, rollout=hurried())
    world.yatai.halted.add("deployer")
    world.apply(env=mode("B"), rollout=hurried())
    await world.run(passes=200)
    assert world.condition() == "False/YataiNotResponding"
    assert "yatai-deployment has not looked at BentoDeployment churn-" in message(world)
    assert (world.address(), world.failed()) == (first, [])
    world.yatai.halted.clear()
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert world.address() != first


async def test_full_nodes_hold_a_release_up_and_do_not_condemn_it(world: World) -> None:
    first = await serve(world, rollout=hurried())
    world.yatai.no_nodes = True
    world.apply(tag="churn:2", env=mode("B"), rollout=hurried())
    await world.run(passes=200)
    assert world.condition() == "False/BuildBlocked"
    world.apply(env=mode("B"), rollout=hurried())
    await world.run(passes=200)
    assert world.condition() == "False/PodUnschedulable"
    assert world.condition("Stalled") == "True/PodUnschedulable"
    assert (world.address(), world.failed()) == (first, [])
    world.yatai.no_nodes = False
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert world.address() != first


async def test_a_pod_that_has_no_node_for_a_moment_is_not_told(world: World) -> None:
    for tag in ("churn:1", "churn:2"):
        world.yatai.no_nodes = True
        world.apply(tag=tag, rollout=hurried())
        for _ in range(40):
            await world.run(passes=4)
            world.yatai.no_nodes = False
            await world.run(passes=1)
            world.yatai.no_nodes = world.condition() != "True/Ready"
        assert world.condition() == "True/Ready"
    assert not {"PodUnschedulable", "BuildBlocked"} & set(world.told())
    assert not {"False/PodUnschedulable", "False/BuildBlocked"} & {told for _, _, told in world.statuses}


async def test_an_operator_that_starts_still_says_that_nodes_are_full(world: World) -> None:
    await serve(world, rollout=hurried())
    world.yatai.no_nodes = True
    world.apply(env=mode("B"), rollout=hurried())
    await world.run(passes=30)
    assert world.condition() == "False/PodUnschedulable"
    told = len(world.statuses)
    await world.restart()
    await world.run(passes=30)
    assert len(world.statuses) == told


async def test_the_time_on_full_nodes_is_not_taken_from_the_deadline(world: World) -> None:
    world.yatai.bad_pods.add("hung")
    world.apply(env=mode("hung"), rollout=hurried())
    await until(world, lambda: world.condition("ImageBuilt") == "True/Built")
    world.yatai.no_nodes = True
    for pod in world.all("Pod"):
        world.kube.remove(("Pod", "models", pod["metadata"]["name"]))
    await world.run(passes=150)
    world.yatai.no_nodes = False
    begun = world.now
    await until(world, lambda: bool(world.failed()))
    assert world.failed()[0]["reason"] == "ProgressDeadlineExceeded"
    assert (world.now - begun).total_seconds() >= 100


async def test_a_bento_that_somebody_deleted_is_made_again(world: World) -> None:
    first = await serve(world, rollout=hurried())
    request = world.all("BentoRequest")[0]["metadata"]
    world.kube.remove(("Bento", "models", request["name"]))
    world.apply(env=mode("B"), rollout=hurried())
    await world.run(passes=120)
    assert world.condition() == "True/Ready"
    assert world.address() != first
    assert world.all("BentoRequest")[0]["metadata"]["uid"] != request["uid"]
    assert not world.failed()
    await quiet(world)


async def test_a_deleted_bento_of_the_serving_release_is_made_again_whatever_the_spec_asks_for(
    world: World,
) -> None:
    """Without it yatai-deployment would leave the number of pods as it is."""
    first = await serve(world, rollout=hurried())
    request = world.all("BentoRequest")[0]["metadata"]
    world.kube.remove(("Bento", "models", request["name"]))
    world.problems["churn:9"] = Problem(reason=Reason.BentoNotFound, message="no bento", stalled=True)
    world.apply(tag="churn:9", replicas=3, rollout=hurried())
    await world.run(passes=60)
    assert (world.address(), world.condition()) == (first, "False/BentoNotFound")
    assert world.all("BentoRequest")[0]["metadata"]["uid"] != request["uid"]
    assert world.all("Deployment")[0]["spec"]["replicas"] == 3
    assert not world.failed()
    await quiet(world)


async def test_an_autoscaler_that_adds_a_late_pod_leaves_the_model_ready(world: World) -> None:
    release = await serve(world, autoscaling={"minReplicas": 1, "maxReplicas": 2})
    told = len(world.statuses)
    for _ in range(10):
        world.yatai.demand[release] = 2
        world.yatai.sick[release] = 1
        await world.run(passes=5)
        world.yatai.sick[release] = 0
        await world.run(passes=5)
        world.yatai.demand[release] = 1
        await world.run(passes=5)
    assert {condition for _, _, condition in world.statuses[told:]} <= {"True/Ready"}


async def test_a_release_whose_node_restarted_is_tried_again_by_itself_three_times_at_most(
    world: World,
) -> None:
    first = await serve(world, rollout={"scaleDownDelaySeconds": 60})
    world.apply(env=mode("B"), rollout={"scaleDownDelaySeconds": 60})
    await until(world, lambda: world.address() not in (None, first))
    second = world.address() or ""
    for number, minutes in enumerate((2, 10, 60)):
        await _lose_pods(world, first)
        assert "It is tried again at 2026-" in message(world)
        await world.run(passes=60 * minutes - 30)
        assert world.address() == first, "not before its time"
        await until(world, lambda: world.address() == second)
        assert world.status()["retries"] == {"release": second, "count": number + 1}
    await _lose_pods(world, first)
    assert "It is not tried again until" in message(world)
    await world.run(passes=60, step=HOUR)
    assert (world.address(), world.condition()) == (first, "False/PodsLost")
    heal(world)
    world.annotate(retry_at="now")
    await world.run(passes=80)
    assert (world.address(), world.condition()) == (second, "True/Ready")


async def _lose_pods(world: World, back: str) -> None:
    """The node of the release with MODE B restarts; the requests go back to the release before."""
    world.yatai.bad_pods.add("B")
    await until(world, lambda: world.address() == back)
    world.yatai.bad_pods.clear()
    await world.run(passes=5)
    assert world.condition() == "False/PodsLost"
