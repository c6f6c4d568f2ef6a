"""A model drifts: a real bento on a real API server, from the inputs to the Job that trains it again, and back."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from aiohttp import web
from bentos.runtime import built, made
from support.bentoserver import bento_server, wait_for
from support.cluster import TestCluster
from support.operating import Operator, apply_files, installed
from support.stage import Stage, condition, staging
from support.stores import a_bento
from support.yatai import controllers

from e2i.api import naming
from e2i.controller.core.notifications import Notification
from e2i.controller.edge.notifier import NotDelivered
from e2i.controller.edge.retraining import Retraining
from e2i.kube import Kube, Resource
from e2i.kube.e2i_kinds import JOBS, PODS, WORKFLOWS
from e2i.local.images import ImageStore
from e2i.local.kubectl import kubectl

pytestmark = pytest.mark.api

POD = "127.83.2.7"
RIGHTS = Path(__file__).resolve().parents[2] / "kustomize" / "components" / "retraining" / "rights.yaml"
TEMPLATE = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "retrain", "labels": {"team": "platform"}},
    "spec": {
        "backoffLimit": 1,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "train", "image": "registry.example/train", "env": []}],
            }
        },
    },
}


WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "train-", "labels": {"team": "platform"}},
    "spec": {
        "entrypoint": "train",
        "arguments": {"parameters": [{"name": "model"}, {"name": "project", "value": "/projects"}]},
        "templates": [{"name": "train", "container": {"image": "registry.example/train"}}],
    },
}
OF_WORKFLOWS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "workflows.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "names": {"kind": "Workflow", "plural": "workflows"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}
"""The kind alone, as far as the API server needs it."""
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
DRIFT = Notification(
    id="a1b2c3d4e5f60718",
    type="dev.e2i.serving.release.drifted",
    source="/apis/serving.e2i.dev/v1alpha1/namespaces/models/e2imodels/churn",
    subject="ca66e860",
    time="2026-11-30T17:02:11Z",
    data={
        "namespace": "models",
        "model": "churn",
        "bentoTag": "churn:1.0.0",
        "digest": "sha256:12",
        "features": [{"name": "tenure months"}],
    },
)


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    made = installed(control_plane, "starts an operator of its own")
    assert made.home
    apply_files(made.home, RIGHTS)
    return made


@pytest.fixture
async def stage(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staging(cluster) as made, controllers(cluster, ImageStore(tmp_path / "images")):
        yield made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a real bento, where its pod is played."""
    home = tmp_path / "served"
    with bento_server(
        ".", home, "--host", POD, "--port", "3000", folder=built.with_overlap(tmp_path / "pair")
    ):
        wait_for(f"http://{POD}:3000/readyz")
        yield f"http://{POD}:3000"


@pytest.fixture
async def hook() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """An address that takes CloudEvents."""
    events: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        events.append(await request.json())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/events", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/events", events
    await runner.cleanup()


@pytest.fixture
def operator(
    cluster: TestCluster, tmp_path: Path, hook: tuple[str, list[dict[str, Any]]]
) -> Iterator[Operator]:
    assert cluster.home
    store, template = a_bento(tmp_path / "store", "churn:1.0.0"), tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump(TEMPLATE))
    settings = {
        "E2I_DRIFT_SECONDS": "1",
        "E2I_NOTIFY_URL": hook[0],
        "E2I_RETRAIN_TEMPLATE": str(template),
    }
    made = Operator(cluster.home, tmp_path, tmp_path / "store", **settings)
    assert store
    made.start()
    yield made
    made.stop()


def usual(number: int) -> list[dict[str, Any]]:
    """Inputs as the card's reference has them."""
    chance = random.Random(7)  # noqa: S311 - a sample, not a secret
    return [
        made.CUSTOMER
        | {
            "tenure months": chance.choices((3, 30, 50), (4, 3, 3))[0],
            "contract": chance.choice(made.CONTRACTS),
        }
        for _ in range(number)
    ]


async def ask(url: str, rows: list[dict[str, Any]], model: str = "churn_model") -> None:
    """Ask the model for so many predictions, in batches."""
    async with httpx.AsyncClient(timeout=60) as client:
        for begun in range(0, len(rows), 100):
            body = {"input_data": rows[begun : begun + 100]}
            answer = await client.post(f"{url}/{model}/predict_batch", json=body)
            assert answer.status_code == 200, answer.text


async def give_address(stage: Stage) -> None:
    """Play the node: the model's pod has the address at which the bento answers."""
    status = {"podIP": POD, "podIPs": [{"ip": POD}]}
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=naming.MODEL_LABEL)
    for pod in pods:
        name = pod["metadata"]["name"]
        await stage.kube.patch(PODS, stage.namespace, name, {"status": status}, subresource="status")


async def until_drifted(stage: Stage, status: str) -> Any:
    async def look() -> Any:
        model = await stage.model()
        told = condition(model, "Drifted")
        return model if told and told["status"] == status else None

    return await stage.until(look, f"Drifted={status}")


def _is_told_what_to_train(job: Any, namespace: str, release: str) -> None:
    assert job["metadata"]["labels"]["team"] == "platform"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each["value"] for each in container["env"]}
    assert (given["E2I_MODEL"], given["E2I_NAMESPACE"], given["E2I_RELEASE"]) == (
        "churn", namespace, release,
    )  # fmt: skip
    assert given["E2I_BENTO"] == "churn:1.0.0"
    assert given["E2I_DIGEST"].startswith("sha256:")
    assert set(given["E2I_FEATURES"].split(",")) == {"churn_model.tenure%20months", "churn_model.contract"}


async def test_a_model_drifts_is_told_trained_again_and_recovers(
    stage: Stage, operator: Operator, served: str, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    """One story, because each state is the one that the looks before it left."""
    await stage.create()
    await stage.ready()
    await give_address(stage)
    await ask(served, usual(500), "cate_model")
    await ask(served, usual(500))
    await until_drifted(stage, "False")

    await ask(served, [made.CUSTOMER] * 500)
    model = await until_drifted(stage, "True")
    told, ready = condition(model, "Drifted"), condition(model, "Ready")
    assert told
    assert ready
    assert (told["reason"], ready["status"]) == ("InputsDrifted", "True")
    drift, release = model["status"]["drift"], model["status"]["servingRelease"]
    names = {each["name"] for each in drift["features"]}
    assert names == {"churn_model.tenure months", "churn_model.contract"}
    assert drift["release"] == release
    print(told["message"], json.dumps(drift))  # noqa: T201 - shown by `pytest -rP`, to be read as users would

    async def has_event() -> bool:
        return ("Warning", "InputsDrifted") in await stage.events()

    async def jobs() -> list[Any]:
        found, _ = await stage.kube.list(JOBS, "e2i-system", labels="app.kubernetes.io/component=retraining")
        of = f"{stage.namespace}/churn"
        return [job for job in found if job["metadata"]["annotations"]["serving.e2i.dev/retrains"] == of]

    async def posted() -> bool:
        return [each["type"].split(".")[-1] for each in hook[1]] == ["served", "drifted"]

    await stage.until(has_event, "the event")
    await stage.until(posted, "the CloudEvent")
    (job,) = await stage.until(jobs, "the Job")
    _is_told_what_to_train(job, stage.namespace, release)

    # Another operator goes on: no second Job, and no second event.
    operator.stop()
    operator.start()
    # Customers who pay as much all got the discount, so nobody knows what it changes with them.
    await ask(served, [row | {"charge": 200.0} for row in usual(500)], "cate_model")
    names = {"cate_model.overlap", "cate_model.propensity"}

    async def overlap() -> bool:
        drift = (await stage.model())["status"]["drift"]
        return names <= {each["name"] for each in drift["features"]}

    await stage.until(overlap, f"{names} among what drifted")
    told = condition(await stage.model(), "Drifted")
    assert told
    assert "more rows than in training (bound 10%)" in told["message"]
    await ask(served, usual(500), "cate_model")
    await ask(served, usual(500))
    model = await until_drifted(stage, "False")
    assert "drift" not in model["status"]
    assert len(await jobs()) == 1
    assert await posted()


@pytest.fixture
async def as_operator(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Kube]:
    """A client with the rights that the component gives the operator, and no others."""
    assert cluster.home
    token = kubectl(cluster.home, "create", "token", "e2i-operator", "--namespace=e2i-system").strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    async with await Kube.from_kubeconfig(tmp_path / "kubeconfig") as kube:
        yield kube


async def test_a_drift_becomes_a_workflow_once_argo_workflows_is_there(
    stage: Stage, as_operator: Kube, tmp_path: Path
) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump(WORKFLOW))
    retraining = Retraining(as_operator, template, "e2i-system")
    with pytest.raises(NotDelivered, match="Workflow e2i-system/retrain-churn-a1b2c3d4e5f6"):
        await retraining.post(DRIFT)

    await stage.kube.create(CRDS, None, OF_WORKFLOWS)
    try:

        async def created() -> Any:
            # The kind is served a moment after it was created. A second time creates nothing.
            for _ in range(2):
                try:
                    await retraining.post(DRIFT)
                except NotDelivered:
                    return None
            found, _ = await stage.kube.list(WORKFLOWS, "e2i-system")
            return found

        (made,) = await stage.until(created, "the Workflow")
        assert made["metadata"]["name"] == "retrain-churn-a1b2c3d4e5f6"
        assert made["metadata"]["labels"]["team"] == "platform"
        given = {each["name"]: each["value"] for each in made["spec"]["arguments"]["parameters"]}
        assert given == {
            "project": "/projects",
            "model": "churn",
            "namespace": "models",
            "release": "ca66e860",
            "bento": "churn:1.0.0",
            "digest": "sha256:12",
            "features": "tenure%20months",
            "since": "2026-11-30T17:02:11Z",
        }
    finally:
        await stage.kube.delete(CRDS, None, "workflows.argoproj.io")
