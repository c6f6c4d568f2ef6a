"""The policy e2i-pods on a real API server: what a pod asks for it gets, once, and no other pod is touched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cluster import TestCluster, temporary_home
from support.operating import apply_policies
from support.pod_fields import ASKING

from e2i.api import pod_annotations, pod_fields
from e2i.api.fields import Fields
from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import POD_POLICIES, POD_POLICY_BINDINGS, PODS
from e2i.local import components
from e2i.local.cluster import start_components
from e2i.local.component import Component, Tools
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome

pytestmark = pytest.mark.api

PROJECT = Path(__file__).resolve().parents[2]
POLICY = PROJECT / "manifests" / "policies" / "pods.yaml"
OLDER = PROJECT / "kustomize" / "components" / "pod-policy-v1beta1"
PRIORITY_CLASSES = Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False)
PATIENCE = 60.0
AGAIN = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: later}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
  matchConditions:
    - {name: asked, expression: "has(object.metadata.labels) && 'again' in object.metadata.labels"}
    - {name: once, expression: "!has(object.spec.hostname)"}
  failurePolicy: Fail
  reinvocationPolicy: IfNeeded
  mutations:
    - patchType: JSONPatch
      jsonPatch: {expression: "[JSONPatch{op: 'add', path: '/spec/hostname', value: 'changed'}]"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: later}
spec: {policyName: later}
"""
"""Changes a pod after e2i-pods did, so the API server asks that one again."""


@pytest.fixture
async def kube(control_plane: TestCluster, tmp_path: Path) -> AsyncIterator[Kube]:
    home = control_plane.own_home("the policies of a cluster of somebody's own are not changed")
    later = tmp_path / "later.yaml"
    later.write_text(AGAIN)
    apply_policies(home, POLICY, later)
    async with await Kube.from_kubeconfig(control_plane.kubeconfig) as connected:
        if not await connected.get(PRIORITY_CLASSES, None, "e2i-test-high"):
            body = {"metadata": {"name": "e2i-test-high"}, "value": 1000}
            await connected.create(PRIORITY_CLASSES, None, body)
        await until_in_force(connected)
        yield connected


async def until_in_force(kube: Kube) -> None:
    """An API server needs a moment to take a policy up."""
    deadline = time.monotonic() + PATIENCE
    while not await is_in_force(kube, again=""):
        assert time.monotonic() < deadline, "the policies did not come into force"
        await asyncio.sleep(0.2)


async def is_in_force(kube: Kube, **labels: str) -> bool:
    try:
        spec = (await create(kube, {"terminationGracePeriodSeconds": 7}, **labels))["spec"]
    except ApiError as error:
        if "error looking up service account" not in error.message:
            raise
        return False
    return spec["terminationGracePeriodSeconds"] == 7 and ("hostname" in spec) == bool(labels)


SERVED_BEFORE = ("v1beta1",)
"""Versions of these policies that older API servers have and this one still serves, if it is asked to."""


@pytest.fixture(scope="module", params=SERVED_BEFORE)
def older(request: pytest.FixtureRequest, say: Callable[[str], None]) -> Iterator[ClusterHome]:
    """An API server that is started as Kubernetes 1.34 needs it, with the component for it applied."""
    version = f"admissionregistration.k8s.io/{request.param}"
    usual = components.api_server

    def with_older_version(home: ClusterHome, tools: Tools) -> Component:
        made = usual(home, tools)
        flags = ("--feature-gates=MutatingAdmissionPolicy=true", f"--runtime-config={version}=true")
        return replace(made, argv=(*made.argv, *flags))

    with temporary_home("test-older") as home, pytest.MonkeyPatch.context() as patched:
        patched.setattr(components, "api_server", with_older_version)
        start_components(home, ("etcd", "kube-apiserver"), say)
        kubectl(home, "create", "serviceaccount", "default")
        kubectl(home, "apply", "--server-side", f"--kustomize={OLDER}")
        yield home


async def test_the_component_for_older_clusters_changes_pods_as_the_policy_does(older: ClusterHome) -> None:
    async with await Kube.from_kubeconfig(older.kubeconfig) as connected:
        kinds = zip(POD_POLICIES, POD_POLICY_BINDINGS, strict=True)
        (served,) = [policies for policies, _ in kinds if policies.version == "v1beta1"]
        assert await connected.get(served, None, "e2i-pods")
        deadline = time.monotonic() + PATIENCE
        while not await is_in_force(connected):
            assert time.monotonic() < deadline, "the policy did not come into force"
            await asyncio.sleep(0.2)
        # Of a class that was just made the API server hears a moment later.
        asked = {name: value for name, value in ASKING.items() if name != "priorityClassName"}
        while not (await create(connected, {}))["spec"]["containers"][1].get("lifecycle"):
            assert time.monotonic() < deadline, "the policy e2i-pre-stop did not come into force"
            await asyncio.sleep(0.2)
        changed = await create(connected, asked)
        assert changed["metadata"]["annotations"][pod_annotations.GIVEN] == "v1"
        assert changed["spec"]["containers"][1]["startupProbe"]["httpGet"]["path"] == "/api/readyz"


async def create(
    kube: Kube, spec: dict[str, Any], containers: list[Object] | None = None, **labels: str
) -> Object:
    """The pod as the API server would store it; it is not stored."""
    annotations = pod_annotations.policy_annotations(pod_fields.encode(Fields(spec)))
    main = {
        "name": "main",
        "image": "model",
        "env": [{"name": "PORT", "value": "3000"}],
        "readinessProbe": {"exec": {"command": ["yatai"]}},
        "volumeMounts": [{"name": "shared-memory", "mountPath": "/dev/shm"}],
    }
    body = {
        "metadata": {
            "name": "churn",
            "labels": {"serving.e2i.dev/release": "0b1d77e2", **labels},
            "annotations": annotations,
        },
        "spec": {
            "containers": containers or [{"name": "proxy", "image": "proxy"}, main],
            "volumes": [{"name": "shared-memory", "emptyDir": {}}],
        },
    }
    return await kube.request("POST", PODS.path("default"), body=body, query={"dryRun": "All"})


@pytest.mark.parametrize("labels", [{}, {"again": ""}], ids=["asked once", "asked again"])
async def test_a_pod_gets_what_it_asks_for(kube: Kube, labels: dict[str, str]) -> None:
    pod = await create(kube, ASKING, **labels)
    print(yaml.safe_dump(pod["spec"]))  # noqa: T201
    spec, (proxy, main) = pod["spec"], pod["spec"]["containers"]
    assert pod["metadata"]["annotations"][pod_annotations.GIVEN] == "v1"
    assert bool(spec.get("hostname")) is bool(labels)
    assert main["startupProbe"]["httpGet"] == {"path": "/api/readyz", "port": 3001, "scheme": "HTTP"}
    assert main["readinessProbe"] == {
        "httpGet": {"path": "/api/readyz", "port": "http", "scheme": "HTTP"},
        "initialDelaySeconds": 5, "periodSeconds": 10, "timeoutSeconds": 5,
        "successThreshold": 1, "failureThreshold": 3,
    }  # fmt: skip
    assert main["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert [each["name"] for each in main["env"]] == ["FIRST", "SECOND", "PORT"]
    assert main["env"][0]["valueFrom"] == {"secretKeyRef": {"name": "db", "key": "user", "optional": False}}
    assert main["env"][1]["valueFrom"] == {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}
    assert main["envFrom"] == [
        {"secretRef": {"name": "all", "optional": False}},
        {"prefix": "P_", "configMapRef": {"name": "all", "optional": False}},
    ]
    volumes = {
        each["name"]: each for each in spec["volumes"] if not each["name"].startswith("kube-api-access")
    }
    assert set(volumes) == {"shared-memory", "s", "c", "d", "e"}
    assert volumes["d"]["persistentVolumeClaim"] == {"claimName": "z", "readOnly": True}
    assert volumes["e"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}
    mounts = {each["mountPath"]: each for each in main["volumeMounts"]}
    assert mounts["/e"] == {"name": "e", "mountPath": "/e", "readOnly": True, "subPath": "a"}
    assert mounts["/s"]["name"] == "s"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert (spec["priorityClassName"], spec["priority"]) == ("e2i-test-high", 1000)
    assert (spec["terminationGracePeriodSeconds"], spec["enableServiceLinks"]) == (90, False)
    assert "env" not in proxy
    assert "startupProbe" not in proxy


async def test_the_runners_of_an_old_style_bento_keep_their_probes(kube: Kube) -> None:
    pod = await create(kube, ASKING, **{"yatai.ai/bento-deployment-component-type": "runner"})
    main = pod["spec"]["containers"][1]
    assert "exec" in main["readinessProbe"]
    assert "startupProbe" not in main
    assert main["env"][0]["name"] == "FIRST"


async def test_a_pod_that_asks_for_nothing_is_as_it_was(kube: Kube) -> None:
    pod = await create(kube, {})
    assert "annotations" not in pod["metadata"]
    assert pod["spec"]["containers"][1]["readinessProbe"]["exec"] == {"command": ["yatai"]}


async def test_a_pod_without_the_model_s_container_is_as_it_was(kube: Kube) -> None:
    pod = await create(kube, ASKING, containers=[{"name": "other", "image": "x"}])
    assert pod_annotations.GIVEN not in pod["metadata"]["annotations"]


async def test_a_priority_class_that_is_not_there_is_refused_by_its_name(kube: Kube) -> None:
    with pytest.raises(ApiError, match="no PriorityClass with name nobody"):
        await create(kube, {"priorityClassName": "nobody"})
