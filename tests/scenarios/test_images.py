"""Bentos whose images were built elsewhere, for clusters in which nothing may build."""

from __future__ import annotations

from typing import Any

import pytest
from support.scenes import hurried, mode, quiet, serve
from support.world import NAMESPACE, World

from e2i.api import naming
from e2i.kube.e2i_kinds import POD_POLICIES, POD_POLICY_BINDINGS

NAME = "registry.example/team/churn"
DIGESTS = {number: f"sha256:{f'{number}a' * 32}" for number in (1, 2, 3)}


def given(number: int, name: str = NAME, **more: str) -> dict[str, Any]:
    """spec.bento of version `number`, whose image is named by its digest."""
    return {"tag": f"churn:{number}", "image": f"{name}@{DIGESTS[number]}", **more}


def tagged(tag: str = "1.0") -> dict[str, Any]:
    return {"tag": "churn:1", "image": f"{NAME}:{tag}"}


def bentos(world: World) -> dict[str, str]:
    """Names of the Bentos, with their images."""
    return {body["metadata"]["name"]: body["spec"]["image"] for body in world.all("Bento")}


async def test_an_image_serves_without_store_export_and_build(world: World) -> None:
    world.empty_store = True
    release = await serve(world, bento=given(1))
    assert list(bentos(world).values()) == [f"{NAME}@{DIGESTS[1]}"]
    assert (world.all("BentoRequest"), world.exports_begun) == ([], [])
    assert world.condition("BentoExported") == world.condition("ImageBuilt") == "True/ImageGiven"
    artifact = world.status()["artifact"]
    assert (artifact["digest"], artifact["uri"]) == (DIGESTS[1], f"docker://{NAME}@{DIGESTS[1]}")
    assert world.status()["history"][0] | {"startedAt": "", "servedAt": ""} == {
        "release": release,
        "bentoTag": "churn:1",
        "digest": DIGESTS[1],
        "image": f"{NAME}@{DIGESTS[1]}",
        "startedAt": "",
        "servedAt": "",
        "result": "Serving",
    }
    await quiet(world)


async def test_the_next_image_is_the_next_release_and_the_way_back_needs_no_build(world: World) -> None:
    first = await serve(world, bento=given(1), rollout=hurried())
    second = await serve(world, bento=given(2), rollout=hurried())
    assert second != first
    assert await serve(world, bento=given(1), rollout=hurried()) == first
    assert set(bentos(world).values()) == {f"{NAME}@{DIGESTS[number]}" for number in (1, 2)}
    await quiet(world)


async def test_an_image_that_fails_is_rolled_back(world: World) -> None:
    first = await serve(world, bento=given(1), rollout=hurried())
    world.yatai.crashing.add("bad")
    world.apply(bento=given(2), env=mode("bad"), rollout=hurried())
    await world.run(passes=160)
    assert (world.condition(), world.address(), world.takes_in()) == ("False/CrashLoop", first, [first])
    assert world.failed()[0]["digest"] == DIGESTS[2]
    assert [record.artifact.digest for record in world.release_store.records()] == [DIGESTS[1], DIGESTS[2]]
    await quiet(world)


async def test_a_failed_release_of_an_image_is_tried_again_with_the_same_image(world: World) -> None:
    world.yatai.crashing.add("bad")
    world.apply(bento=given(1), env=mode("bad"), rollout=hurried())
    await world.run(passes=160)
    assert world.condition() == "False/CrashLoop"
    world.yatai.crashing.clear()
    world.annotate(retry_at="1")
    await world.run(passes=60)
    assert world.condition() == "True/Ready"
    assert (world.exports_begun, len(bentos(world))) == ([], 1)


async def test_another_registry_is_another_release_because_its_pods_pull_elsewhere(world: World) -> None:
    first = await serve(world, bento=given(1), rollout=hurried())
    second = await serve(world, bento=given(1, "mirror.example/churn"), rollout=hurried())
    assert second != first
    assert f"mirror.example/churn@{DIGESTS[1]}" in bentos(world).values()


async def test_another_name_of_the_version_alone_makes_no_release(world: World) -> None:
    first = await serve(world, bento=given(1))
    assert await serve(world, bento={**given(1), "tag": "churn:renamed"}) == first
    assert world.status()["artifact"]["tag"] == "churn:1"
    await quiet(world)


async def test_a_path_prefix_makes_another_release_with_probes_below_it(world: World) -> None:
    for kind in (POD_POLICIES[0].kind, POD_POLICY_BINDINGS[0].kind):
        world.kube.put(
            (kind, "", "e2i-pods"), {"kind": kind, "metadata": {"name": "e2i-pods", "namespace": ""}}
        )
    first = await serve(world, bento=given(1), rollout=hurried())
    second = await serve(world, bento=given(1, pathPrefix="/v1"), rollout=hurried())
    assert second != first
    (pod,) = [pod for pod in world.all("Pod") if pod["metadata"]["labels"][naming.RELEASE_LABEL] == second]
    assert "/v1/readyz" in str(pod["metadata"]["annotations"])
    await quiet(world)


async def test_the_requests_to_the_named_service_of_an_image_are_watched(world: World) -> None:
    watched = hurried(watch={"seconds": 20, "maxErrorRatio": "0.1"})
    first = await serve(world, bento=given(1, serviceName="Churn"), rollout=watched)
    assert await serve(world, bento=given(1, serviceName="Other"), rollout=watched) != first
    assert world.guard.services == ["Churn", "Other"]
    await quiet(world)


async def test_images_beyond_the_history_lose_their_bentos(world: World) -> None:
    for number in DIGESTS:
        rollout = hurried(revisionHistoryLimit=0, scaleDownDelaySeconds=0)
        await serve(world, bento=given(number), rollout=rollout)
    assert list(bentos(world).values()) == [f"{NAME}@{DIGESTS[3]}"]
    assert world.release_store.gone == set()
    await quiet(world)


async def test_from_the_store_to_an_image_and_back(world: World) -> None:
    first = await serve(world, tag="churn:1", rollout=hurried())
    second = await serve(world, bento=given(1), rollout=hurried())
    assert second != first, "the same tag, and another content"
    assert await serve(world, tag="churn:1", rollout=hurried()) == first
    await quiet(world)


async def test_a_bento_that_somebody_edited_gets_its_image_back(world: World) -> None:
    await serve(world, bento=given(1))
    (name,) = bentos(world)
    body = world.kube.objects["Bento", NAMESPACE, name]
    world.kube.put(
        ("Bento", NAMESPACE, name), {**body, "spec": {**body["spec"], "image": "evil.example/x@sha256:0"}}
    )
    await world.run(passes=5)
    assert bentos(world)[name] == f"{NAME}@{DIGESTS[1]}"
    await quiet(world)


async def test_a_bento_that_somebody_deleted_is_made_again(world: World) -> None:
    first = await serve(world, bento=given(1))
    before = bentos(world)
    (name,) = before
    world.kube.remove(("Bento", NAMESPACE, name))
    await world.run(passes=10)
    assert (bentos(world), world.address()) == (before, first)
    await quiet(world)


async def test_the_bento_of_what_serves_is_made_again_whatever_the_spec_asks_for(world: World) -> None:
    first = await serve(world, bento=given(1, serviceName="Churn"))
    before = bentos(world)
    (name,) = before
    world.apply(bento={**given(1, serviceName="Churn"), "tag": "churn:2", "image": f"{NAME}:unknown"})
    await world.run(passes=10)
    world.kube.remove(("Bento", NAMESPACE, name))
    await world.run(passes=10)
    assert (bentos(world), world.address()) == (before, first)
    await quiet(world)


async def test_a_bento_of_somebody_else_is_not_changed(world: World) -> None:
    await serve(world, bento=given(1))
    (name,) = bentos(world)
    world.delete()
    await world.run(passes=5)
    mine = {"kind": "Bento", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {"image": "mine:1"}}
    world.kube.put(("Bento", NAMESPACE, name), mine)
    world.apply(bento=given(1))
    await world.run(passes=10)
    assert world.condition() == "False/NameTaken"
    assert bentos(world)[name] == "mine:1"
    world.kube.remove(("Bento", NAMESPACE, name))
    await world.later()
    await world.run(passes=60)
    assert world.condition() == "True/Ready"


async def test_a_rebuilt_cluster_returns_to_the_image_that_was_good(world: World) -> None:
    rollout = hurried(verify=[{"path": "/predict"}])
    first = await serve(world, bento=given(1), rollout=rollout)
    await world.rebuild()
    world.yatai.bad_pods.add("bad")
    world.apply(bento=given(2), env=mode("bad"), rollout=rollout)
    await world.run(passes=300)
    assert world.address() == first
    assert f"{NAME}@{DIGESTS[1]}" in bentos(world).values()


async def test_a_tag_is_refused_with_what_to_write(world: World) -> None:
    world.registry[f"{NAME}:1.0"] = DIGESTS[1]
    world.apply(bento=tagged())
    await world.run(passes=10)
    assert world.condition() == "False/ImageTagRefused"
    message = world.status()["conditions"][0]["message"]
    assert f"{NAME}@sha256:<64 hex digits>" in message
    assert "E2I_TAG_REGISTRIES=registry.example" in message
    assert (world.all("Bento"), world.all("BentoDeployment")) == ([], [])


@pytest.fixture
def tags_allowed(world: World) -> World:
    world.tag_registries.add("registry.example")
    return world


async def test_an_allowed_tag_means_the_digest_that_it_had_first(tags_allowed: World) -> None:
    world = tags_allowed
    world.registry[f"{NAME}:1.0"] = DIGESTS[1]
    first = await serve(world, bento=tagged())
    assert world.status()["artifact"]["digest"] == DIGESTS[1]
    assert list(bentos(world).values()) == [f"{NAME}@{DIGESTS[1]}"]
    world.registry[f"{NAME}:1.0"] = DIGESTS[2]
    await world.restart()
    await world.later()
    assert await serve(world, bento=tagged(), replicas=2) == first
    await quiet(world)
    assert world.exports_begun == [f"churn:1@docker://{NAME}:1.0"]


async def test_the_digest_of_a_tag_in_its_place_is_the_same_release(tags_allowed: World) -> None:
    world = tags_allowed
    world.registry[f"{NAME}:1.0"] = DIGESTS[1]
    first = await serve(world, bento=tagged())
    assert await serve(world, bento=given(1)) == first
    await quiet(world)


async def test_another_tag_is_looked_up_while_the_release_before_serves(tags_allowed: World) -> None:
    world = tags_allowed
    world.registry[f"{NAME}:1.0"] = DIGESTS[1]
    first = await serve(world, bento=tagged(), rollout=hurried())
    world.apply(bento=tagged("2.0"), rollout=hurried())
    await world.run(passes=20)
    assert (world.condition(), world.address()) == ("False/ImageNotFound", first)
    assert world.condition("ReleaseServing") == "True/Serving"
    world.registry[f"{NAME}:2.0"] = DIGESTS[2]
    await world.later()
    assert await serve(world, bento=tagged("2.0"), rollout=hurried()) != first
    await quiet(world)
