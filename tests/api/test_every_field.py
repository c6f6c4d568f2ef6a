"""Every field of a spec has its effect: a change of it is seen in the objects that follow from it.

The API server takes the model, the operator's BentoDeployment with Yatai's own CRD, and the pod and the autoscaler that
Yatai makes of it, and the policy e2i-pods changes the pod. All of it as a dry run, so that nothing is stored.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.builders import DIGEST, an_artifact
from support.cluster import TestCluster
from support.field_changes import changed, values
from support.field_rows import FULL, IMAGE, ROWS, Seen
from support.operating import apply_files, apply_policies

from e2i.api import naming
from e2i.api.image_source import given_artifact
from e2i.api.model_body import parse_model
from e2i.api.pod_annotations import GIVEN
from e2i.controller.core.render import manifests
from e2i.controller.core.render.manifests import CURRENT_TEMPLATE_VERSION, DeploymentSpec
from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, E2I_MODELS, PODS
from e2i.local.yatai import children
from e2i.local.yatai.parts import Part
from e2i.local.yatai.yatai_kinds import AUTOSCALER

pytestmark = [pytest.mark.api, pytest.mark.asyncio(loop_scope="module")]

CRD = Path(__file__).resolve().parents[2] / "manifests" / "crds" / "e2imodels.yaml"
POLICY = Path(__file__).resolve().parents[2] / "manifests" / "policies" / "pods.yaml"
NAMESPACE = "default"
PATIENCE = 60.0
PRIORITY_CLASSES = Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False)
RUNTIME_CLASSES = Resource("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", namespaced=False)
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
NEEDED: tuple[tuple[Resource, str, Object], ...] = (
    (PRIORITY_CLASSES, "e2i-test-low", {"value": 10}),
    (PRIORITY_CLASSES, "e2i-test-high", {"value": 1000}),
    (RUNTIME_CLASSES, "e2i-test-a", {"handler": "a"}),
    (RUNTIME_CLASSES, "e2i-test-b", {"handler": "b"}),
    (ACCOUNTS, "e2i-test-a", {}),
    (ACCOUNTS, "e2i-test-b", {}),
)
"""What fields name and the API server looks up: (kind, name, content)."""


class Bench:
    """Makes the objects of a spec, each of them once."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._made: dict[str, Mapping[str, Object]] = {}

    async def made(self, spec: Mapping[str, Any]) -> Mapping[str, Object]:
        """The objects that follow from the spec, by their names in the rows."""
        text = json.dumps(spec)
        if text not in self._made:
            self._made[text] = await self._make(spec)
        return self._made[text]

    async def _make(self, spec: Mapping[str, Any]) -> Mapping[str, Object]:
        body = {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "metadata": {"name": "churn"},
            "spec": spec,
        }
        model = parse_model(await self._take(E2I_MODELS, body))
        assert not model.invalid
        artifact = given_artifact(model) or an_artifact(model.tag, DIGEST)
        release = naming.release_of(model, artifact.content)
        wanted = DeploymentSpec(
            release=release,
            name=naming.release_name(model.name, release),
            artifact=artifact,
            shape=model.shape,
            size=model.autoscaling,
            template_version=CURRENT_TEMPLATE_VERSION,
        )
        deployment = await self._take(BENTO_DEPLOYMENTS, manifests.bento_deployment(model, wanted))
        image = artifact.pinned_image or IMAGE
        part = Part(deployment, {"spec": {"tag": artifact.tag, "image": image}})
        template = children.deployment(part)["spec"]["template"]
        pod = {**template, "metadata": {**template["metadata"], "generateName": "churn-"}}
        return {
            "deployment": deployment,
            "pod": await self._take(PODS, pod),
            "autoscaler": await self._take(AUTOSCALER, children.autoscaler(part)),
        }

    async def _take(self, resource: Resource, body: Object) -> Object:
        path = resource.path(NAMESPACE)
        return await self._kube.request("POST", path, body=body, query={"dryRun": "All"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(control_plane: TestCluster) -> AsyncIterator[Bench]:
    home = control_plane.own_home("the policies of a cluster of somebody's own are not changed")
    apply_files(home, CRD)
    apply_policies(home, POLICY)
    async with await Kube.from_kubeconfig(control_plane.kubeconfig) as kube:
        for resource, name, content in NEEDED:
            namespace = NAMESPACE if resource.namespaced else None
            if await kube.get(resource, namespace, name) is None:
                await kube.create(resource, namespace, {"metadata": {"name": name}, **content})
        deadline = time.monotonic() + PATIENCE
        while trouble := await trouble_of(kube):
            assert time.monotonic() < deadline, trouble
            await asyncio.sleep(0.2)
        yield Bench(kube)


async def trouble_of(kube: Kube) -> str:
    """What keeps the whole spec from its objects: an API server needs a moment to take a policy and new objects up."""
    try:
        pod = (await Bench(kube).made(FULL))["pod"]
    except ApiError as error:
        return error.message
    return "" if GIVEN in pod["metadata"]["annotations"] else "the policy e2i-pods is not in force"


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if isinstance(row, Seen)])
async def test_a_change_of_the_field_is_seen(bench: Bench, name: str) -> None:
    row = ROWS[name]
    assert isinstance(row, Seen)
    given = {**FULL, **row.base}
    base = {top: value for top, value in given.items() if value is not None}
    kind, _, path = row.place.partition(":")
    before, after = await bench.made(base), await bench.made(changed(base, name, row))
    assert not shows(before[kind], path, row.shown), "it is there without the change"
    assert shows(after[kind], path, row.shown), list(values(after[kind], path))


def shows(body: Object, path: str, shown: Any) -> bool:
    return any(holds(found, shown) for found in values(body, path))


def holds(found: Any, shown: Any) -> bool:
    """Whether the value is the one that is looked for; of an object, whether it has at least that."""
    if isinstance(shown, dict) and isinstance(found, dict):
        return all(found.get(key) == value for key, value in shown.items())
    return type(found) is type(shown) and bool(found == shown)
