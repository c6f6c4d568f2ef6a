"""Whole lives of models: the operator's own passes on a cluster in memory."""

from __future__ import annotations

from support.scenes import mode, quiet, serve, until
from support.world import World, digest_of

from e2i.api import naming


async def test_the_first_release(world: World) -> None:
    world.apply()
    await world.run()
    assert world.condition() == "True/Ready"
    assert world.address() == world.status()["desiredRelease"]
    told = [reason for _, _, reason in world.kube.events]
    assert told == ["Exported", "Building", "Built", "Serving", "Ready"]
    assert world.kube.writes["apply", "BentoRequest"] == 1
    assert world.kube.writes["apply", "BentoDeployment"] == 1
    assert world.kube.writes["apply", "Service"] == 1
    await quiet(world)


async def test_the_address_moves_to_the_second_version_only_when_that_is_ready(world: World) -> None:
    world.apply(tag="churn:1")
    await world.run()
    first = world.address()
    world.apply(tag="churn:2")
    while world.address() == first:
        # The world itself refuses an address that leads to no ready pod.
        await world.run(passes=1)
        assert world.pods_of(first or "")
    assert len(world.all("BentoDeployment")) == 2
    await world.run(passes=5)
    assert len(world.all("BentoDeployment")) == 2, "the first stays for requests under way"
    await world.run(passes=40)
    assert len(world.all("BentoDeployment")) == 1
    assert len(world.all("BentoRequest")) == 2
    await quiet(world)


async def test_going_back_needs_neither_export_nor_build(world: World) -> None:
    for tag in ("churn:1", "churn:2"):
        world.apply(tag=tag)
        await world.run(passes=80)
    world.exports_begun.clear()
    world.kube.writes.clear()
    world.apply(tag="churn:1")
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert world.exports_begun == []
    assert world.kube.writes["apply", "BentoRequest"] == 0
    assert world.address() == world.status()["desiredRelease"]


async def test_another_number_of_pods_is_one_write_and_no_release(world: World) -> None:
    world.apply(replicas=1)
    await world.run()
    release = world.address()
    world.kube.writes.clear()
    world.apply(replicas=3)
    await world.run()
    assert world.condition() == "True/Ready"
    assert world.status()["readyReplicas"] == 3
    assert world.address() == release
    assert world.kube.writes["patch", "BentoDeployment"] == 1
    assert world.kube.writes["apply", "Service"] == 0
    await quiet(world)


async def test_a_spec_that_changes_twice_before_the_second_serves(world: World) -> None:
    world.apply(env=[{"name": "V", "value": "A"}])
    await world.run()
    first = world.address()
    world.apply(env=[{"name": "V", "value": "B"}])
    await world.run(passes=2, yatai=False)
    world.apply(env=[{"name": "V", "value": "C"}])
    await world.run(passes=3, yatai=False)
    assert len(world.all("BentoDeployment")) == 2, "B never served, and goes before C does"
    assert world.address() == first
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert len(world.all("BentoDeployment")) == 1
    await quiet(world)


async def test_back_to_what_serves_while_the_next_release_starts(world: World) -> None:
    world.apply(env=[{"name": "V", "value": "A"}])
    await world.run()
    first = world.address()
    world.apply(env=[{"name": "V", "value": "B"}])
    await world.run(passes=2, yatai=False)
    world.apply(env=[{"name": "V", "value": "A"}])
    await world.run(passes=80)
    assert (world.address(), world.condition()) == (first, "True/Ready")
    assert len(world.all("BentoDeployment")) == 1
    await quiet(world)


async def test_a_failed_build_leaves_the_previous_release_serving(world: World) -> None:
    world.apply(tag="churn:1")
    await world.run()
    first = world.address()
    world.yatai.bad_builds.add(digest_of("churn:2"))
    world.apply(tag="churn:2")
    await world.run()
    assert world.condition() == "False/BuildFailed"
    assert world.condition("Stalled") == "True/BuildFailed"
    assert world.condition("ReleaseServing") == "True/Serving"
    assert world.address() == first
    await quiet(world)


async def test_pods_that_never_get_ready_cost_the_release_its_trial_and_nothing_else(world: World) -> None:
    first = await serve(world, tag="churn:1", rollout={"progressDeadlineSeconds": 30})
    await serve(world, name="other", tag="other:1")
    world.yatai.bad_pods.add("broken")
    world.apply(env=mode("broken"), rollout={"progressDeadlineSeconds": 30})
    await world.run(passes=20)
    assert world.condition() == "False/Deploying"
    await world.run(passes=60)
    assert world.condition() == "False/ProgressDeadlineExceeded"
    assert world.condition("RolledBack") == "True/ProgressDeadlineExceeded"
    assert (world.address(), world.releases()) == (first, [first])
    assert world.condition(name="other") == "True/Ready"
    world.yatai.bad_pods.clear()
    await world.run(passes=80)
    assert world.condition() == "False/ProgressDeadlineExceeded", "it is not tried again unasked"
    world.annotate(retry_at="now")
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    await quiet(world)


async def test_a_deleted_model_takes_its_children_with_it(world: World) -> None:
    world.apply()
    await world.run()
    world.kube.writes.clear()
    world.delete()
    await world.run()
    assert world.kube.objects == {}
    assert not world.kube.writes, "Kubernetes removes the children, not the operator"
    assert world.cache.model(("models", "churn")) is None


async def test_a_model_that_is_created_again_starts_anew(world: World) -> None:
    world.apply()
    await world.run()
    before = {item["metadata"]["uid"] for item in world.all("BentoDeployment")}
    world.delete()
    world.apply()
    await world.run()
    assert world.condition() == "True/Ready"
    assert not before & {item["metadata"]["uid"] for item in world.all("BentoDeployment")}


async def test_a_model_that_is_created_again_while_its_children_are_still_there_waits(world: World) -> None:
    world.apply()
    await world.run()
    place = (naming.KIND, "models", "churn")
    children = {key: item for key, item in world.kube.objects.items() if key != place}
    world.delete()
    for key, item in children.items():
        # Kubernetes removes them a little later.
        world.kube.put(key, item)
    world.apply()
    await world.run(passes=5)
    assert world.condition().endswith("Pending")
    for key in list(world.kube.objects):
        if key != place and key in world.kube.objects:
            world.kube.remove(key)
    await world.run()
    assert world.condition() == "True/Ready"


async def test_a_suspended_model_is_left_as_it_is(world: World) -> None:
    world.apply()
    await world.run()
    world.kube.writes.clear()
    world.apply(suspend=True, tag="churn:2", replicas=4)
    await world.run()
    assert world.condition() == "False/Suspended"
    assert {kind for _, kind in world.kube.writes} <= {naming.KIND, "Event"}
    world.apply(tag="churn:2", replicas=4)
    await world.run(passes=80)
    assert (world.condition(), world.status()["readyReplicas"]) == ("True/Ready", 4)


async def test_a_service_that_somebody_turned_away_is_turned_back(world: World) -> None:
    release = await serve(world)
    world.edit("Service", "churn", selector={"app": "debug"})
    assert world.takes_in() == []
    await world.run()
    assert (world.takes_in(), world.condition()) == ([release], "True/Ready")


async def test_a_release_that_somebody_edited_is_written_again(world: World) -> None:
    world.apply()
    await world.run()
    name = world.all("BentoDeployment")[0]["metadata"]["name"]
    world.edit("BentoDeployment", name, bento="another")
    await world.run()
    assert world.all("BentoDeployment")[0]["spec"]["bento"] != "another"
    assert world.condition() == "True/Ready"


async def test_images_beyond_the_limit_go(world: World) -> None:
    for number in range(4):
        world.apply(tag=f"churn:{number}", rollout={"revisionHistoryLimit": 1, "scaleDownDelaySeconds": 0})
        await world.run()
    tags = {item["metadata"]["annotations"][naming.TAG_ANNOTATION] for item in world.all("BentoRequest")}
    assert tags == {"churn:2", "churn:3"}
    await quiet(world)


async def test_two_models_of_one_bento_have_children_of_their_own(world: World) -> None:
    world.apply("one", tag="churn:1")
    world.apply("two", tag="churn:1")
    await world.run()
    assert (world.condition(name="one"), world.condition(name="two")) == ("True/Ready", "True/Ready")
    assert len(world.all("BentoRequest")) == 2
    assert world.exports_begun == ["churn:1"]


async def test_the_predecessor_goes_although_the_new_release_has_no_room_for_more_pods(world: World) -> None:
    """The room that it waits for may be that of the predecessor."""
    rollout = {"scaleDownDelaySeconds": 10}
    first = await serve(world, env=mode("A"), rollout=rollout)
    second = await serve(world, env=mode("B"), rollout=rollout, passes=9)
    world.yatai.refused.add("B")
    world.apply(env=mode("B"), rollout=rollout, replicas=2)
    await world.run(passes=40)
    assert world.condition() == "False/PodsRefused"
    assert (world.releases(), first in world.releases()) == ([second], False)
    world.yatai.refused.clear()
    await world.run(passes=40)
    assert (world.condition(), world.shares()) == ("True/Ready", {second: 2})
    await quiet(world)


async def test_labels_annotations_and_the_same_spec_again_are_no_release(world: World) -> None:
    release = await serve(world, env=mode("A"))
    place = (naming.KIND, "models", "churn")
    world.kube.writes.clear()
    body = world.kube.objects[place]
    metadata = {**body["metadata"], "labels": {"team": "risk"}, "annotations": {"note": "hello"}}
    world.kube.put(place, {**body, "metadata": metadata})
    assert await serve(world, env=mode("A")) == release
    assert not world.kube.writes


async def test_models_with_the_longest_names_have_children_of_their_own(world: World) -> None:
    names = ["m" * 62 + letter for letter in "ab"]
    for name in names:
        await serve(world, name=name, rollout={"verify": [{"path": "/predict"}]})
    children = [
        item["metadata"]["name"] for kind in ("BentoRequest", "BentoDeployment") for item in world.all(kind)
    ]
    assert len(set(children)) == len(children) == 4
    assert all(len(name) <= 63 for name in children)
    assert [len(world.shares(name)) for name in names] == [1, 1]
    await serve(world, name=names[0], env=mode("B"))
    assert len(world.shares(names[1])) == 1
    await quiet(world)


async def test_two_models_of_one_bento_and_one_shape_share_nothing(world: World) -> None:
    for name in ("one", "two"):
        await serve(world, name=name, tag="churn:1", env=mode("A"), replicas=2)
    assert world.address("one") == world.address("two"), "the release is the same"
    world.yatai.crashing.add("bad")
    world.apply("one", tag="churn:1", env=mode("bad"))
    await world.run(passes=90)
    world.delete("one")
    await world.run(passes=5)
    assert sum(world.shares("two").values()) == 2
    assert world.condition(name="two") == "True/Ready"
    assert {item["metadata"]["labels"][naming.MODEL_LABEL] for item in world.all("BentoDeployment")} == {
        "two"
    }


async def test_a_new_release_has_its_full_size_before_the_one_write_that_moves_the_address(
    world: World,
) -> None:
    first = await serve(world, env=mode("A"), replicas=4)
    world.kube.writes.clear()
    world.apply(env=mode("B"), replicas=4)
    await until(world, lambda: world.address() != first)
    assert world.shares() == {world.address(): 4}
    await world.run(passes=60)
    assert world.kube.writes["apply", "Service"] == 1
    assert world.releases() == [world.address()]


async def test_back_to_a_release_that_is_still_kept_takes_seconds(world: World) -> None:
    rollout = {"scaleDownDelaySeconds": 600}
    first = await serve(world, env=mode("A"), rollout=rollout)
    await serve(world, env=mode("B"), rollout=rollout)
    world.kube.writes.clear()
    begun = world.now
    world.apply(env=mode("A"), rollout=rollout)
    await until(world, lambda: world.address() == first)
    assert (world.now - begun).total_seconds() <= 3
    assert world.kube.writes["apply", "BentoDeployment"] == 0
