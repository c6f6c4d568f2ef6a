"""All namespaces used the same archives, and from the next start of the operator on each has its own."""

from __future__ import annotations

import pytest
from support.world import NAMESPACE, World

from e2i.api.artifact import ArchivePlace

SHARED, APART = "s3://e2i/bentos/", f"s3://e2i/namespaces/{NAMESPACE}/bentos/"


async def no_longer_share(world: World) -> None:
    world.archive_place = ArchivePlace("e2i", is_shared=False)
    await world.restart()


def addresses(world: World) -> list[str]:
    return [request["spec"]["downloadUrl"] for request in world.all("BentoRequest")]


@pytest.fixture
async def served(world: World) -> World:
    """A model is Ready, with an archive of all namespaces."""
    world.apply()
    await world.run()
    assert world.condition() == "True/Ready"
    return world


async def test_what_serves_is_not_touched(served: World) -> None:
    before, exported = served.kube.version, list(served.exports_begun)
    status = dict(served.status())
    await no_longer_share(served)
    await served.run()
    await served.later()
    await served.run()
    assert (served.kube.version, served.exports_begun) == (before, exported)
    assert dict(served.status()) == status
    assert [uri.startswith(SHARED) for uri in addresses(served)] == [True]


async def test_another_number_of_pods_or_environment_needs_no_export(served: World) -> None:
    exported = list(served.exports_begun)
    await no_longer_share(served)
    served.apply(replicas=3, env=[{"name": "A", "value": "b"}])
    await served.run(passes=120)
    assert served.condition() == "True/Ready"
    assert served.exports_begun == exported
    assert [uri.startswith(SHARED) for uri in addresses(served)] == [True]


async def test_a_bento_that_somebody_deleted_is_built_again_from_where_its_archive_is(served: World) -> None:
    (bento,) = served.all("Bento")
    await no_longer_share(served)
    served.kube.remove(("Bento", NAMESPACE, bento["metadata"]["name"]))
    await served.later()
    await served.run(passes=120)
    assert served.condition() == "True/Ready"
    assert len(served.all("Bento")) == 1
    assert [uri.startswith(SHARED) for uri in addresses(served)] == [True]


async def test_what_was_being_built_is_exported_for_its_namespace(world: World) -> None:
    world.apply()
    await world.run(passes=10, yatai=False)
    assert [uri.startswith(SHARED) for uri in addresses(world)] == [True]
    exported = len(world.exports_begun)
    await no_longer_share(world)
    await world.run(passes=120)
    assert world.condition() == "True/Ready"
    assert len(world.exports_begun) == exported + 1
    assert [uri.startswith(APART) for uri in addresses(world)] == [True]


async def test_the_next_bento_is_exported_for_its_namespace(served: World) -> None:
    await no_longer_share(served)
    served.apply(tag="churn:2")
    await served.run(passes=120)
    assert served.condition() == "True/Ready"
    assert sorted(uri.startswith(APART) for uri in addresses(served)) == [False, True]


async def test_what_was_planted_under_the_shared_address_is_not_built_from_it(world: World) -> None:
    """While nothing is built, only what the operator itself looked up decides."""
    await no_longer_share(world)
    world.apply()
    await world.run(passes=5, yatai=False)
    (request,) = world.all("BentoRequest")
    world.edit(
        "BentoRequest",
        request["metadata"]["name"],
        downloadUrl=request["spec"]["downloadUrl"].replace(APART, SHARED),
    )
    await world.run(passes=120)
    assert [uri.startswith(APART) for uri in addresses(world)] == [True]
