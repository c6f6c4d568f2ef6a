"""Drills: models are lost and restored, by `kubectl e2i` and by a tool that knows only objects. The bucket is kept."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.operating import installed
from support.stage import Stage, condition, staging
from support.stores import a_bento
from support.warmoperator import operating
from support.yatai import controllers

from e2i.api import naming
from e2i.kube import ApiError, Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS, SERVICES
from e2i.local.images import ImageStore

pytestmark = pytest.mark.api

PROGRAM = (sys.executable, "-c", "from e2i.cli.plugin import main; main()")
FIRST, SECOND = "churn:1.0.0", "churn:2.0.0"
CHILDREN = (BENTO_REQUESTS, BENTO_DEPLOYMENTS, SERVICES)
SPEC = {"rollout": {"scaleDownDelaySeconds": 0}, "env": [{"name": "GREETING", "value": "hello"}]}


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    return installed(control_plane, "loses the models of a cluster of its own")


@pytest.fixture
async def stage(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    """The first release serves; the spec asks for the second one, whose pods do not come."""
    assert cluster.home
    store = tmp_path / "store"
    a_bento(store, FIRST)
    a_bento(store, SECOND, labels={"second": "yes"})
    async with staging(cluster) as made, controllers(cluster, ImageStore(tmp_path / "images")):
        with operating(cluster.home, tmp_path, store):
            await made.create(**SPEC)
            await made.ready()
            await made.change(bento={"tag": SECOND}, env=[{"name": "GREETING", "value": "bye"}])
            await made.until(lambda: _deployments(made, 2), "the second release to be made")
            yield made


async def run(stage: Stage, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        env={**os.environ, "KUBECONFIG": str(stage.home.kubeconfig)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 120)
    assert "Traceback" not in err.decode()
    return process.returncode or 0, out.decode(), err.decode()


async def _deployments(stage: Stage, count: int) -> bool:
    await stage.end_builds()
    return len(await stage.children(BENTO_DEPLOYMENTS)) >= count


async def lose(stage: Stage) -> None:
    """Delete the model; its children go with it."""
    await stage.kube.delete(E2I_MODELS, stage.namespace, "churn")

    async def empty() -> bool:
        return not [child for kind in CHILDREN for child in await stage.children(kind)]

    await stage.until(empty, "the children to go")


async def serving(stage: Stage, release: str) -> str | None:
    """Play the node for the pods of this release alone; the release that has the address and a ready pod."""
    await stage.end_builds()
    await stage.start_pods(naming.label_selector(naming.pod_labels("churn", release)))
    model = await stage.model()
    told = condition(model, "ReleaseServing")
    found: str | None = model.get("status", {}).get("servingRelease")
    return found if told and told["status"] == "True" else None


async def comes_back(stage: Stage, release: str) -> None:
    """What served before is the first release that serves; then the spec is followed."""
    first = await stage.until(lambda: serving(stage, release), "a release to serve", 240)
    assert first == release
    await stage.ready()
    status = (await stage.model())["status"]
    assert status["servingRelease"] == status["desiredRelease"] != release
    assert [entry["result"] for entry in status["history"]] == ["Serving", "Superseded"]
    assert status["history"][1]["release"] == release


async def test_a_backup_is_restored_to_what_served(stage: Stage, tmp_path: Path) -> None:
    before = (await stage.model())["status"]
    code, text, told = await run(stage, "backup", "-n", stage.namespace)
    assert (code, "The backup has 1 model of https://" in told) == (0, True)
    file = tmp_path / "backup.yaml"
    file.write_text(text)
    await lose(stage)

    code, out, _ = await run(stage, "restore", str(file), "--dry-run")
    assert (code, "Nothing was written" in out) == (0, True)
    assert await stage.child(E2I_MODELS, "churn") is None
    code, out, told = await run(stage, "restore", str(file))
    assert (code, told) == (0, "")
    assert (
        f"release {before['servingRelease']} ({FIRST}) served and comes back first; then {SECOND} is tried"
        in out
    )
    await comes_back(stage, before["servingRelease"])
    digests = [entry["digest"] for entry in (await stage.model())["status"]["history"]]
    assert digests[1] == before["history"][0]["digest"]

    # Repeated, it changes nothing; what differs is left to people.
    code, out, _ = await run(stage, "restore", str(file))
    assert (code, "is left as it is" in out) == (0, True)
    await stage.change(replicas=2)
    code, out, told = await run(stage, "restore", str(file))
    assert (code, f"with another spec: {stage.namespace}/churn. Nothing was written" in told) == (2, True)
    assert (await stage.model())["spec"]["replicas"] == 2
    code, out, _ = await run(stage, "restore", str(file), "--replace")
    assert (code, "replaced by the spec of the backup" in out) == (0, True)
    assert (await stage.model())["spec"].get("replicas", 1) == 1

    code, _, told = await run(stage, "restore", str(file), "--map", f"{stage.namespace}=nowhere")
    assert (code, "There is no namespace nowhere" in told) == (2, True)


@pytest.mark.parametrize(
    "kinds", [CHILDREN, (SERVICES, *CHILDREN[:2])], ids=["Service last", "Service first"]
)
async def test_objects_without_status_and_owners_come_back_to_what_served(
    stage: Stage, kinds: tuple[Resource, ...]
) -> None:
    """As Velero restores them: kind by kind, with names, labels, annotations and specs."""
    release = (await stage.model())["status"]["servingRelease"]
    model = stripped(await stage.model())
    children = {kind: [stripped(child) for child in await made_by_us(stage, kind)] for kind in kinds}
    await lose(stage)
    for kind in kinds[:2]:
        for child in children[kind]:
            await stage.kube.create(kind, stage.namespace, child)
    await stage.kube.create(E2I_MODELS, stage.namespace, model)
    if kinds[-1] is SERVICES:
        await adopted(stage)
    for child in children[kinds[2]]:
        try:
            await stage.kube.create(kinds[2], stage.namespace, child)
        except ApiError as error:
            # The operator made it before.
            if error.status != 409:
                raise
    await comes_back(stage, release)
    uid = (await stage.model())["metadata"]["uid"]
    for kind in CHILDREN:
        owners = {child["metadata"]["ownerReferences"][0]["uid"] for child in await made_by_us(stage, kind)}
        assert owners == {uid}


async def adopted(stage: Stage) -> None:
    async def look() -> bool:
        children = await stage.children(BENTO_DEPLOYMENTS)
        return all(child["metadata"].get("ownerReferences") for child in children)

    await stage.until(look, "the BentoDeployments to be adopted")


async def made_by_us(stage: Stage, kind: Resource) -> list[Object]:
    """Yatai's Services have our labels too."""
    children = await stage.children(kind)
    return [each for each in children if kind is not SERVICES or each["metadata"]["name"] == "churn"]


def stripped(body: Object) -> Object:
    kept = ("name", "namespace", "labels", "annotations")
    metadata = {name: body["metadata"][name] for name in kept if name in body["metadata"]}
    spec = {name: value for name, value in body["spec"].items() if not name.startswith("clusterIP")}
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata, "spec": spec}
