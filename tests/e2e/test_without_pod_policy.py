"""A local cluster without the policy e2i-pods: fields of pods go into Yatai's Deployments, and no other pod serves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.cluster import TestCluster
from support.e2e import FIRST, SECRETS, address, answered_by, create, place, ready, requests, told
from support.stage import Stage

from e2i.api import naming
from e2i.api.pod_annotations import GIVEN
from e2i.kube import Object
from e2i.kube.e2i_kinds import DEPLOYMENTS, PODS, SERVICES
from e2i.local.kubectl import kubectl
from e2i.local.kubernetes_versions import OLDER
from e2i.local.layout import ClusterHome

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

PROJECT = Path(__file__).resolve().parents[2]
COMPONENTS = PROJECT / "kustomize" / "components"
PRE_STOP = ("mutatingadmissionpolicy", "e2i-pre-stop")
FIELDS = {
    "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
    "volumes": [{"name": "keys", "secret": {"secretName": "db"}}, {"name": "scratch", "emptyDir": {}}],
    "volumeMounts": [
        {"name": "keys", "mountPath": "/etc/keys"},
        {"name": "scratch", "mountPath": "/scratch"},
    ],
    "probes": {"startup": {"periodSeconds": 1}, "readiness": {"periodSeconds": 1}},
    "terminationGracePeriodSeconds": 7,
    "enableServiceLinks": False,
}


def set_patching(home: ClusterHome, *, on: bool) -> None:
    """The operator's Deployment as the component patch-deployments makes it, or as it was."""
    setting = "E2I_PATCH_DEPLOYMENTS=true" if on else "E2I_PATCH_DEPLOYMENTS-"
    kubectl(home, "set", "env", "-n=e2i-system", "deployment/e2i-operator", setting)
    kubectl(home, "rollout", "status", "-n=e2i-system", "deployment/e2i-operator", "--timeout=120s")


def set_rules(home: ClusterHome, rules: list[Object]) -> None:
    kubectl(
        home,
        "patch",
        "clusterrole",
        "e2i-operator",
        "--type=merge",
        f"--patch={json.dumps({'rules': rules})}",
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    home = local_cluster.own_home("takes the policy away, and rights of the operator")
    pause = kubectl(home, "get", *PRE_STOP, "-o=jsonpath={.spec.variables[0].expression}")
    older = home.kubernetes in OLDER
    policies = f"--kustomize={COMPONENTS / ('pod-policy-v1beta1' if older else 'pod-policy')}"
    kubectl(home, "delete", policies)
    rules = json.loads(kubectl(home, "get", "clusterrole", "e2i-operator", "-o=jsonpath={.rules}"))
    set_rules(home, [*rules, {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}])
    set_patching(home, on=True)
    try:
        async with place(local_cluster) as stage:
            secret = {"metadata": {"name": "db"}, "stringData": {"password": "s3cret"}}
            await stage.kube.create(SECRETS, stage.namespace, secret)
            yield stage
    finally:
        set_patching(home, on=False)
        set_rules(home, rules)
        kubectl(home, "apply", "--server-side", "--force-conflicts", policies)
        usual = [{"op": "replace", "path": "/spec/variables/0/expression", "value": pause}]
        kubectl(home, "patch", *PRE_STOP, "--type=json", f"--patch={json.dumps(usual)}")


async def pods_of(stage: Stage, model: str) -> list[Object]:
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=f"{naming.MODEL_LABEL}={model}")
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


async def workload_of(stage: Stage, model: str) -> Object:
    release = (await stage.model(model))["status"]["servingRelease"]
    found = await stage.child(DEPLOYMENTS, naming.release_name(model, release))
    assert found
    return found


async def all_given(stage: Stage, model: str, count: int) -> bool:
    pods = await pods_of(stage, model)
    marks = [pod["metadata"]["annotations"].get(GIVEN) for pod in pods]
    return marks == ["Deployment"] * count and (await stage.model(model))["status"]["readyReplicas"] == count


async def test_fields_reach_the_pods_stay_when_it_is_scaled_and_come_back_when_they_are_dropped(
    stage: Stage,
) -> None:
    await create(stage, "patched", replicas=2, **FIELDS)
    await ready(stage, "patched")
    assert await all_given(stage, "patched", 2)
    pods = await pods_of(stage, "patched")
    (main,) = [each for each in pods[0]["spec"]["containers"] if each["name"] == "main"]
    assert main["startupProbe"]["periodSeconds"] == main["readinessProbe"]["periodSeconds"] == 1
    assert (pods[0]["spec"]["terminationGracePeriodSeconds"], pods[0]["spec"]["enableServiceLinks"]) == (
        7,
        False,
    )
    name = pods[0]["metadata"]["name"]
    seen = kubectl(stage.home, "exec", "-n", stage.namespace, name, "-c", "main", "--", "env")
    assert "PASSWORD=s3cret" in seen.splitlines()
    service = await stage.child(SERVICES, "patched")
    assert service
    assert service["spec"]["selector"][GIVEN] == "Deployment", "no other pod gets requests"
    before = (await workload_of(stage, "patched"))["spec"]["template"]

    async with requests(await address(stage, "patched")) as tally:
        await stage.change("patched", replicas=3)
        await stage.until(lambda: all_given(stage, "patched", 3), "a third pod", 90)
        assert (await workload_of(stage, "patched"))["spec"]["template"] == before, "scaling drops nothing"
        await drop(stage, await workload_of(stage, "patched"))

        async def mended() -> bool:
            template = (await workload_of(stage, "patched"))["spec"]["template"]
            return bool(template == before) and await all_given(stage, "patched", 3)

        await stage.until(mended, "the fields to be back on three pods", 120)
    assert tally.failures == []
    assert (await ready(stage, "patched"))["status"]["history"][0]["result"] == "Serving"


async def drop(stage: Stage, workload: Object) -> None:
    """Somebody changes a field that Yatai writes: it writes its Deployment anew, with one pod, and drops all others."""
    containers = workload["spec"]["template"]["spec"]["containers"]
    place = [each["name"] for each in containers].index("main")
    path = f"/spec/template/spec/containers/{place}/readinessProbe/failureThreshold"
    patch = json.dumps([{"op": "replace", "path": path, "value": 3}])
    name = workload["metadata"]["name"]
    kubectl(
        stage.home, "patch", "-n", stage.namespace, f"deployment/{name}", "--type=json", f"--patch={patch}"
    )

    async def dropped() -> bool:
        found = await stage.child(DEPLOYMENTS, name)
        return bool(found and found["metadata"]["generation"] >= workload["metadata"]["generation"] + 2)

    await stage.until(dropped, "Yatai to write the Deployment again", 30)


async def test_what_yatai_would_take_back_is_not_released(stage: Stage) -> None:
    await create(stage, "refused", FIRST, probes={"readiness": {"httpGet": {"path": "/readyz2"}}})
    message = await told(stage, "refused", "PodPolicyMissing")
    assert message.startswith("spec.probes.readiness (httpGet.path) cannot reach the pods")
    await stage.change("refused", probes={"startup": {"periodSeconds": 1}, "readiness": None})
    await ready(stage, "refused")
    assert await answered_by(stage, "refused") == FIRST
