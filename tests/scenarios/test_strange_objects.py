"""Objects of a form that nobody expects: the operator says so, and every other model is served."""

from __future__ import annotations

from typing import Any

from support.bodies import a_child_body
from support.builders import an_artifact
from support.deep import examples
from support.mutations import mutated, seeded
from support.scenes import quiet, serve
from support.world import World

from e2i.api import naming
from e2i.controller.edge.informer import RELIST
from e2i.kube import Object

KINDS = (naming.KIND, "BentoRequest", "BentoDeployment", "Deployment", "Service", "Pod")


def spoil(world: World, kind: str, **changes: Any) -> None:
    """Change parts of the only object of a kind, as nobody but a person does."""
    body = world.all(kind)[0]
    metadata = body["metadata"]
    world.kube.put((kind, metadata["namespace"], metadata["name"]), {**body, **changes})


async def test_a_child_that_cannot_be_read_holds_up_its_model_alone_and_says_why(world: World) -> None:
    await serve(world)
    spoil(world, "BentoRequest", status={"conditions": [{"type": "BentoAvailable", "status": 1}]})
    await world.restart()
    await world.run(yatai=False)
    assert world.condition() == "False/ChildUnreadable"
    assert "status.conditions[0].status is a number, not a text" in world.status()["conditions"][0]["message"]
    assert world.told().count("ChildUnreadable") == 1
    await serve(world, name="iris", tag="iris:1")
    # Yatai has written its status anew meanwhile.
    assert world.condition() == "True/Ready"
    await quiet(world)


async def test_a_spec_that_cannot_be_read_changes_nothing_until_it_is_corrected(world: World) -> None:
    serving = await serve(world)
    world.apply(replicas="two")
    await world.run()
    assert world.condition() == "False/SpecUnreadable"
    assert "spec.replicas is a text, not a number" in world.status()["conditions"][0]["message"]
    assert world.takes_in() == [serving]
    assert world.status()["servingRelease"] == serving
    await quiet(world)
    world.apply(replicas=2)
    await world.run()
    assert world.condition() == "True/Ready"
    assert world.pods_of(serving) == 2


async def test_a_model_whose_spec_cannot_be_read_can_be_deleted(world: World) -> None:
    await serve(world, deletionPolicy="Delete")
    world.apply(deletionPolicy="Delete", replicas="two")
    await world.run()
    world.delete()
    await world.run()
    assert not world.all(naming.KIND)


def of_churn(world: World, kind: str) -> list[Object]:
    return [body for body in world.all(kind) if body["metadata"]["name"].startswith("churn")]


async def test_after_any_changes_of_one_model_s_objects_another_is_served(world: World) -> None:
    random = seeded(7)
    for number in range(examples(15)):
        await serve(world, name="churn")
        strange = [mutated(random.choice(of_churn(world, kind) or [{}]), random) for kind in KINDS]
        for kind, body in zip(KINDS, strange, strict=True):
            world.deliver(kind, random.choice(("MODIFIED", "DELETED")), body)
        await serve(world, name="iris", tag=f"iris:{number + 1}")
        world.delete("churn")
        await world.restart()


async def test_an_address_that_somebody_changed_is_neither_believed_nor_built(world: World) -> None:
    world.apply()
    await world.run(yatai=False)
    request = world.all("BentoRequest")[0]
    right = request["spec"]["downloadUrl"]
    spoil(world, "BentoRequest", spec={**request["spec"], "downloadUrl": "s3://evil/bentos/churn/1/0.tar"})
    await world.run(yatai=False)
    assert world.all("BentoRequest")[0]["spec"]["downloadUrl"] == right
    await world.run()
    assert world.condition() == "True/Ready"
    assert world.status()["artifact"]["uri"] == right


async def test_a_planted_request_is_not_the_content_of_a_tag(world: World) -> None:
    world.apply()
    model = world.all(naming.KIND)[0]["metadata"]
    digest = "sha256:" + "0" * 64
    planted = a_child_body(
        "BentoRequest",
        name=naming.artifact_name("churn", digest),
        owner=model["uid"],
        annotations={naming.TAG_ANNOTATION: "churn:1", naming.DIGEST_ANNOTATION: digest},
        spec={"downloadUrl": "s3://evil/bentos/churn/1/0.tar"},
    )
    world.kube.put(("BentoRequest", "models", planted["metadata"]["name"]), planted)
    await world.run()
    assert world.condition() == "True/Ready"
    assert world.status()["artifact"]["digest"] != digest


async def test_a_planted_request_of_an_archive_that_is_not_there_says_so_and_a_retry_heals_it(
    world: World,
) -> None:
    """It has the right address for its digest; only the image builder finds out that nothing is there."""
    world.apply()
    model = world.all(naming.KIND)[0]["metadata"]
    artifact = an_artifact("churn:1", "sha256:" + "0" * 64)
    planted = a_child_body(
        "BentoRequest",
        name=naming.artifact_name("churn", artifact.digest),
        owner=model["uid"],
        annotations={naming.TAG_ANNOTATION: artifact.tag, naming.DIGEST_ANNOTATION: artifact.digest},
        spec={"downloadUrl": artifact.uri},
    )
    world.kube.put(("BentoRequest", "models", planted["metadata"]["name"]), planted)
    world.release_store.gone.add(artifact.uri)
    await world.run()
    assert world.condition() == "False/BuildFailed"
    assert ("churn", "Warning", "BuildFailed") in world.kube.events
    told = world.status()["conditions"][0]["message"]
    assert f"yatai.ai/bento-request={planted['metadata']['name']}" in told
    assert "kubectl e2i retry churn -n models tries it again" in told
    world.annotate(retry_at="1")
    await world.run()
    assert world.condition() == "True/Ready"
    assert world.status()["artifact"]["digest"] != artifact.digest


async def test_a_planted_deployment_of_a_release_becomes_what_the_operator_writes(world: World) -> None:
    world.apply()
    await world.run(yatai=False)
    (child,) = world.all("BentoDeployment")
    planted = a_child_body(
        "BentoDeployment",
        name=child["metadata"]["name"],
        owner=world.all(naming.KIND)[0]["metadata"]["uid"],
        labels=child["metadata"]["labels"],
        spec={**child["spec"], "envs": [{"name": "MODE", "value": "planted"}]},
    )
    world.edited.add(planted["metadata"]["name"])
    world.kube.put(("BentoDeployment", "models", planted["metadata"]["name"]), planted)
    await world.run()
    assert world.condition() == "True/Ready"
    assert world.all("BentoDeployment")[0]["spec"]["envs"] == child["spec"]["envs"]


async def test_a_deletion_that_cannot_be_read_is_found_by_the_next_list(world: World) -> None:
    """The API server sends none: metadata are checked before they are stored. So no list is made for it."""
    await serve(world)
    body = world.all(naming.KIND)[0]
    with world.unwatched():
        world.delete()
    world.deliver(naming.KIND, "DELETED", {**body, "metadata": {**body["metadata"], "annotations": [1]}})
    await world.run(passes=3)
    assert world.cache.model(("models", "churn")) is not None
    await world.pass_time(RELIST + 1)
    await world.run(passes=3)
    assert world.cache.model(("models", "churn")) is None
