"""Another version of the operator takes over what the last release left: on a real API server it writes nothing of it.

To record what a release leaves: E2I_RECORD_RELEASE=VERSION pytest tests/api/test_upgrade.py -k recorded
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from support.audit import Audit
from support.cluster import TestCluster
from support.operating import installed, operating
from support.release.__main__ import last_release
from support.stage import Stage, condition, staging
from support.stores import a_bento
from support.upgrading import (
    COMMITS,
    OF_THE_OPERATOR,
    RECORDINGS,
    made_for,
    models_with_every_field,
    record,
    restore,
    source_of,
    takes,
)
from support.yatai import controllers

import e2i
from e2i.kube.e2i_kinds import BENTO_REQUESTS, BUDGETS, DEPLOYMENTS, PODS, SERVICES
from e2i.local.images import ImageStore, LocalImage
from e2i.local.yatai.builds import image_name

pytestmark = pytest.mark.api

RECORDED = os.environ.get("E2I_RECORD_RELEASE", "")
FIRST, SECOND, THIRD = "churn:1.0.0", "churn:2.0.0", "churn:3.0.0"
CANARY = {"strategy": "Canary", "steps": [{"setWeight": 50}, {"pause": {}}]}
LEFT = {
    "plain": ("True", "Ready"),
    "parked": ("True", "Parked"),
    "canary": ("False", "CanaryPaused"),
    "updated": ("True", "Ready"),
    "missing": ("False", "BentoNotFound"),
    "suspended": ("True", "Suspended"),
}
"""Models of the recording, and what Ready says."""


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    return installed(control_plane, "counts requests in the audit log of a cluster of its own")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    for tag in (FIRST, SECOND, THIRD):
        a_bento(folder, tag, labels={"version": tag})
    return folder


@pytest.fixture
async def stage(cluster: TestCluster) -> AsyncIterator[Stage]:
    async with staging(cluster) as made:
        yield made


@pytest.mark.skipif(not RECORDED, reason="records what this version leaves")
async def test_what_this_version_leaves_is_recorded(
    stage: Stage, cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    assert cluster.home
    # A release that is recorded later is recorded with its own code.
    code = {"PYTHONPATH": str(source_of(RECORDED, tmp_path / "code"))} if RECORDED in COMMITS else {}
    async with controllers(cluster, ImageStore(tmp_path / "images")):
        with operating(cluster.home, tmp_path, store, **code):
            await leave_models(stage)
            assert {name: await ready_of(stage, name) for name in LEFT} == LEFT
            RECORDINGS.mkdir(exist_ok=True)
            (RECORDINGS / f"{RECORDED}.yaml").write_text(await record(stage, store))
    models = [
        each for each in models_with_every_field() if not await takes(stage.kube, stage.namespace, each)
    ]
    (RECORDINGS / f"{RECORDED}.models.yaml").write_text(yaml.safe_dump_all(models, default_flow_style=None))


async def leave_models(stage: Stage) -> None:
    """Bring every model of LEFT into its state."""
    for name in ("plain", "parked", "canary", "updated", "suspended"):
        await stage.create(name, replicas=2, rollout={"scaleDownDelaySeconds": 0})
    await stage.create("missing", "churn:9")
    await stage.ready("plain", "parked", "canary", "updated", "suspended")
    await stage.change("suspended", suspend=True)
    await stage.change("parked", replicas=0)
    await stage.change("canary", bento={"tag": SECOND}, rollout={"scaleDownDelaySeconds": 0, **CANARY})

    async def paused() -> bool:
        await stage.end_builds()
        await stage.start_pods()
        return await ready_of(stage, "canary") == LEFT["canary"]

    await stage.until(paused, "the canary to be paused")
    await stage.change("updated", bento={"tag": THIRD})

    await stage.ready("updated")
    await stage.reason("BentoNotFound", "missing")
    await stage.reason("Suspended", "suspended")
    await stage.reason("Parked", "parked")


async def ready_of(stage: Stage, name: str) -> tuple[str, str]:
    told = condition(await stage.model(name), "Ready")
    return (told["status"], told["reason"]) if told else ("", "")


async def test_this_version_writes_nothing_to_what_the_last_release_left(
    stage: Stage, cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    assert cluster.home
    names = await restore(stage, store, last_release())
    await pods_run(stage)
    before = {name: await stage.model(name) for name in names}
    pods = await pods_of(stage)
    audit = Audit(stage.home)
    with operating(cluster.home, tmp_path, store) as operator:
        await seen_by_the_operator(stage, names, "sentinel")
        assert "Traceback" not in operator.log.read_text()
    assert {name: await ready_of(stage, name) for name in names} == LEFT
    assert [line for line in audit.written() if "sentinel" not in line] == []
    assert {name: (await stage.model(name))["status"] for name in names} == {
        name: model["status"] for name, model in before.items()
    }
    assert await pods_of(stage) == pods

    # Another version that makes Services and budgets otherwise, and then this one again. One story, because what the
    # last release left takes long to restore.
    other = {"PYTHONPATH": str(another_version(tmp_path / "other"))}
    served = ("plain", "canary", "updated")
    written = sorted(
        [f"patch services {name}" for name in (*served, "parked")]
        + [f"patch poddisruptionbudgets {name}" for name in served]
    )
    for word, environment, expected in (
        ("other", other, ({*served, "parked"}, {*served})),
        ("this", {}, (set(), set())),
    ):
        audit = Audit(stage.home)
        with operating(cluster.home, tmp_path, store, **environment) as operator:

            async def is_done(expected: tuple[set[str], set[str]] = expected) -> bool:
                return await have_more(stage) == expected

            await stage.until(is_done, f"Services and budgets as the {word} version makes them", 240)
            await seen_by_the_operator(stage, names, f"sentinel-{word}")
            assert "Traceback" not in operator.log.read_text()
        lines = sorted(line for line in audit.written() if "sentinel" not in line)
        assert lines == written, lines
    assert {name: (await stage.model(name))["status"] for name in names} == {
        name: model["status"] for name, model in before.items()
    }
    assert await pods_of(stage) == pods


def another_version(folder: Path) -> Path:
    """The code of this version with one more label of all children, and one more field of a Service's port."""
    package = folder / "e2i"
    shutil.copytree(Path(e2i.__file__).parent, package, ignore=shutil.ignore_patterns("local", "*.pyc"))
    for file, old, new in (
        (
            "api/naming.py",
            "{MANAGED_BY_LABEL: FIELD_MANAGER, ",
            "{'team': 'models', MANAGED_BY_LABEL: FIELD_MANAGER, ",
        ),
        (
            "controller/templates/v1/service.yaml.j2",
            "targetPort: http,",
            "targetPort: http, appProtocol: http,",
        ),
    ):
        text = (package / file).read_text()
        assert old in text, file
        (package / file).write_text(text.replace(old, new))
    return folder


async def have_more(stage: Stage) -> tuple[set[str], set[str]]:
    """Return the names of the Services and of the budgets that have what `another_version` gives them."""
    found = [await stage.children(resource) for resource in (SERVICES, BUDGETS)]
    services, budgets = ([each for each in kind if "team" in each["metadata"]["labels"]] for kind in found)
    assert all("appProtocol" in each["spec"]["ports"][0] for each in services)
    return {each["metadata"]["name"] for each in services}, {each["metadata"]["name"] for each in budgets}


async def test_what_this_version_makes_is_what_the_last_release_left(
    stage: Stage, cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    """No write is seen also if the operator does not notice that it makes an object otherwise than it did.

    Then old models would stay without what new ones get. A field that is to reach them belongs into what the operator
    compares (`render/as_rendered.py`); one that is for new models alone belongs into another template version.
    """
    assert cluster.home
    await restore(stage, store, last_release())
    left = await made_for(stage, "plain")
    images = ImageStore(tmp_path / "images")
    async with controllers(cluster, images):
        with operating(cluster.home, tmp_path, store):
            await stage.create("fresh", replicas=2, rollout={"scaleDownDelaySeconds": 0})
            await stage.ready("fresh")

            async def all_made() -> bool:
                return len(await made_for(stage, "fresh")) == len(OF_THE_OPERATOR)

            await stage.until(all_made, "what the operator makes for a model")
    assert await made_for(stage, "fresh") == left


async def pods_run(stage: Stage) -> None:
    """Play the node until the Deployments have their pods, all of them ready."""

    async def enough() -> bool:
        await stage.start_pods()
        found = await stage.children(PODS)
        wanted = sum(each["spec"]["replicas"] for each in await stage.children(DEPLOYMENTS))
        return len(found) == wanted and all(pod["status"].get("phase") == "Running" for pod in found)

    await stage.until(enough, "the pods of the Deployments")


async def pods_of(stage: Stage) -> set[tuple[str, str]]:
    return {(pod["metadata"]["name"], pod["metadata"]["uid"]) for pod in await stage.children(PODS)}


@pytest.mark.parametrize("file", sorted(RECORDINGS.glob("*.models.yaml")), ids=lambda file: file.name)
async def test_models_that_an_earlier_release_took_are_taken_still(stage: Stage, file: Path) -> None:
    """What is stored stays valid under the CRD of this version: the API server takes each of them as a new one."""
    models = [*yaml.safe_load_all(file.read_text())]
    assert len(models) > 100
    refused = [
        (model["spec"], why) for model in models if (why := await takes(stage.kube, stage.namespace, model))
    ]
    assert refused == []


@pytest.mark.deep
async def test_fifty_models_are_upgraded_and_taken_back_without_a_write_or_a_restart(
    stage: Stage, cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    """The code of the last release makes them, this version takes them over, and the last release again."""
    home = cluster.own_home("runs an older operator")
    older = {"PYTHONPATH": str(source_of(last_release(), tmp_path / "older"))}
    names = [f"model-{number}" for number in range(50)]
    images = ImageStore(tmp_path / "images")
    async with controllers(cluster, images):
        with operating(home, tmp_path, store, **older) as operator:
            await stage.create(names[0], replicas=2)
            await stage.ready(names[0])
            (request,) = await stage.children(BENTO_REQUESTS)
            # The others find the image: fifty builds would show nothing more.
            images.put(LocalImage(name=image_name(request), digest="sha256:0", working_dir="/"))
            for name in names[1:]:
                await stage.create(name, replicas=2)
            await stage.ready(*names, patience=600)
            assert operator.stop() == 0
        pods, restarts = await pods_of(stage), await restarts_of(stage)
        for number, environment in enumerate(({}, older)):
            audit = Audit(stage.home)
            with operating(home, tmp_path, store, **environment) as operator:
                await seen_by_the_operator(stage, names, f"turn-{number}")
                assert "Traceback" not in operator.log.read_text()
            assert [line for line in audit.written() if "turn-" not in line] == []
            assert (await pods_of(stage), await restarts_of(stage)) == (pods, restarts)
        # What is not at rest goes on, whichever version began it.
        with operating(home, tmp_path, store):
            await stage.change(names[0], replicas=3)
            await stage.ready(names[0])


async def seen_by_the_operator(stage: Stage, names: list[str], word: str) -> None:
    """Return when the operator has made a pass of each model."""
    for sentinel, touched in ((f"{word}-before", names), (f"{word}-after", [])):
        await stage.create(sentinel, "churn:9")

        async def told(sentinel: str = sentinel) -> bool:
            return await ready_of(stage, sentinel) == ("False", "BentoNotFound")

        await stage.until(told, f"a word about {sentinel}", 240)
        await stage.touch(*touched)


async def restarts_of(stage: Stage) -> int:
    return sum(
        container["restartCount"]
        for pod in await stage.children(PODS)
        for container in pod["status"].get("containerStatuses", ())
    )
