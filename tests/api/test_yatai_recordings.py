"""The stand-in against recordings of the real controllers, object by object.

The recordings are not part of this project; where they are not at hand, these tests are skipped. Allowed
differences are stated here and nowhere else: sidecars, what our small CRDs leave out, and the builder's program.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cluster import TestCluster
from support.yatai import Workbench, conditions, controllers, made, workbench

from e2i.kube import Object
from e2i.local.yatai.yatai_kinds import (
    AUTOSCALER,
    BENTO,
    BENTO_DEPLOYMENT,
    BENTO_REQUEST,
    DEPLOYMENT,
    SERVICE,
)

RECORDED = Path(__file__).parents[2].parent / "shared" / "yatai" / "recorded"
pytestmark = [
    pytest.mark.api,
    pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings of the real Yatai are not at hand"),
]
CHILDREN = {"Deployment": DEPLOYMENT, "HorizontalPodAutoscaler": AUTOSCALER, "Service": SERVICE}
OTHER_CONTAINERS = ("metrics-transformer", "proxy", "extra")
NOT_IN_OUR_CRD = {"extraPodSpec": ("containers",), "": ("ingress",)}
PROGRAM = ("image", "command", "args", "imagePullPolicy")
KANIKO = ("DOCKER_CONFIG", "IFS")


@pytest.fixture
async def bench(control_plane: TestCluster, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(control_plane, tmp_path) as bench, controllers(control_plane, bench.images):
        yield bench


def recorded(file: str, namespace: str) -> list[Object]:
    """The file's objects, as if they had been in `namespace`."""
    items = [item for item in yaml.safe_load_all((RECORDED / file).read_text()) if item]
    old = items[0]["metadata"]["namespace"]
    for item in items:
        item["metadata"]["namespace"] = namespace
    text = yaml.safe_dump_all(items).replace(f"value: {old}\n", f"value: {namespace}\n")
    return list(yaml.safe_load_all(text))


def one(items: list[Object], kind: str) -> Object:
    return next(item for item in items if item["kind"] == kind)


def given(item: Object) -> Object:
    """What was applied, without what our CRDs leave out."""
    metadata = {k: v for k, v in item["metadata"].items() if k != "generation"}
    spec = dict(item["spec"])
    for field in NOT_IN_OUR_CRD[""]:
        spec.pop(field, None)
    for parent, fields in NOT_IN_OUR_CRD.items():
        if parent in spec:
            spec[parent] = {k: v for k, v in spec[parent].items() if k not in fields}
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata, "spec": spec}


def without_sidecars(child: Object) -> Object:
    pod = child["spec"].get("template", {}).get("spec", {})
    if pod:
        pod["containers"] = [c for c in pod["containers"] if c["name"] not in OTHER_CONTAINERS]
        pod["volumes"] = [v for v in pod["volumes"] if v["name"] != "envoy-config"]
    return child


@pytest.mark.parametrize(
    "file", ["bentodeployment-minimal.yaml", "bentodeployment-all-options.yaml", "privilege-annotations.yaml"]
)
async def test_children_equal_the_recorded_ones(bench: Workbench, file: str) -> None:
    items = recorded(file, bench.namespace)
    owner = one(items, "BentoDeployment")
    name = owner["metadata"]["name"]
    main = one(items, "Deployment")["spec"]["template"]["spec"]
    secrets = main.get("imagePullSecrets", [])
    await bench.bento(image=main["containers"][0]["image"], imagePullSecrets=secrets)
    live = await bench.kube.create(BENTO_DEPLOYMENT, bench.namespace, given(owner))
    await bench.condition(BENTO_DEPLOYMENT, name, "Available", "True")
    for item in items:
        if item["kind"] in CHILDREN and item["metadata"]["name"] == name:
            text = yaml.safe_dump(without_sidecars(made(item)))
            wanted = yaml.safe_load(text.replace("<uid of the BentoDeployment>", live["metadata"]["uid"]))
            assert made(await bench.seen(CHILDREN[item["kind"]], name)) == wanted


async def test_runners_equal_the_recorded_ones(bench: Workbench) -> None:
    items = recorded("bento-with-runner.yaml", bench.namespace)
    await bench.kube.create(BENTO, bench.namespace, given(one(items, "Bento")))
    live = await bench.kube.create(BENTO_DEPLOYMENT, bench.namespace, given(one(items, "BentoDeployment")))
    await bench.condition(BENTO_DEPLOYMENT, "withrunner", "Available", "True")
    for item in (item for item in items if item["kind"] in CHILDREN):
        text = yaml.safe_dump(without_sidecars(made(item)))
        wanted = yaml.safe_load(text.replace("<uid of the BentoDeployment>", live["metadata"]["uid"]))
        assert made(await bench.seen(CHILDREN[item["kind"]], item["metadata"]["name"])) == wanted


async def test_the_job_equals_the_recorded_one(bench: Workbench) -> None:
    items = recorded("bentorequest-builder-job.yaml", bench.namespace)
    await bench.kube.create(BENTO_REQUEST, bench.namespace, given(one(items, "BentoRequest")))
    assert comparable(await bench.job()) == comparable(one(items, "Job"))


def comparable(job: Object) -> Object:
    plain = made(job)
    plain["metadata"]["name"] = plain["metadata"]["name"].rpartition("-")[0]
    # The hash is opaque: it must be there, and only change with the request.
    plain["metadata"]["annotations"]["yatai.ai/bento-request-hash"] = "<hash>"
    del plain["spec"]["selector"]
    labels = plain["spec"]["template"]["metadata"]["labels"]
    for name in ("controller-uid", "job-name"):
        del labels[name], labels[f"batch.kubernetes.io/{name}"]
    pod = plain["spec"]["template"]["spec"]
    for container in (*pod["initContainers"], *pod["containers"]):
        for field in PROGRAM:
            container.pop(field, None)
        env = [variable for variable in container.pop("env", ()) if variable["name"] not in KANIKO]
        container |= {"env": env} if env else {}
    return plain


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("bentodeployment-minimal.yaml", BENTO_DEPLOYMENT),
        ("bentodeployment-error.yaml", BENTO_DEPLOYMENT),
        ("bentorequest-builder-job.yaml", BENTO_REQUEST),
    ],
)
async def test_conditions_equal_the_recorded_ones(bench: Workbench, file: str, kind: Any) -> None:
    items = recorded(file, bench.namespace)
    item = one(items, kind.kind)
    await bench.bento()
    await bench.kube.create(kind, bench.namespace, given(item))
    wanted = neutral(conditions(item), item)

    async def equal() -> bool:
        live = await bench.seen(kind, item["metadata"]["name"])
        return bool(live.get("status")) and neutral(conditions(live), live) == wanted

    await bench.until(equal, f"the conditions {wanted}")


def neutral(found: list[tuple[str, ...]], item: Object) -> list[tuple[str, ...]]:
    """The conditions without names of registries and Jobs; two sentences of Kubernetes stay as they are."""
    tag = item["spec"].get("bentoTag", ":").replace(":", ".")
    result = []
    for *head, message in found:
        words = [
            "<image>" if word.endswith(f"yatai-bentos:yatai.{tag}") else word for word in message.split()
        ]
        words = ["<job>" if word.startswith("yatai-bento-image-builder-") else word for word in words]
        result.append((*head, " ".join(words)))
    return result


async def test_a_built_bento_equals_the_recorded_one(bench: Workbench) -> None:
    items = recorded("bentorequest-built.yaml", bench.namespace)
    request, bento = one(items, "BentoRequest"), one(items, "Bento")
    image = f"registry.e2i.local/{bento['spec']['image'].partition('/')[2]}"
    bench.register(image)
    await bench.kube.create(BENTO_REQUEST, bench.namespace, given(request))
    found = made(await bench.seen(BENTO, bento["metadata"]["name"]))
    assert found == made(bento) | {"spec": bento["spec"] | {"image": image}}
