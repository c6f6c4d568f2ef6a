"""The policies for guarded namespaces on a real API server: what they refuse, in which words, and what goes on."""

from __future__ import annotations

import asyncio
import copy
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cluster import TestCluster
from support.guarding import NAMESPACES, guard, put_guard, refusal
from support.operating import installed, service_account

from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, BENTOES, E2I_MODELS, PODS, SERVICES
from e2i.local.kubectl import apply_all

pytestmark = pytest.mark.api

PROJECT = Path(__file__).resolve().parents[2]
YATAI_CRDS = PROJECT / "operator" / "src" / "e2i" / "local" / "yatai" / "crds"
LOOSE = ("bentodeployments", "bentorequests")
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob")
OURS = {"serving.e2i.dev/release": "0b1d77e2"}
ASKED = {"pod.serving.e2i.dev/env-from": "Secret of-somebody-else false "}
PREFIX = "yatai.ai/bento-storage-namepsace"
PATIENCE = 120.0
POD: Mapping[str, Any] = {"containers": [{"name": "main", "image": "model"}]}


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> Iterator[TestCluster]:
    """The stand-in's CRDs let through what the real ones have besides: containers, monitorExporter, ingress."""
    made = installed(control_plane, "the policies of a cluster of somebody's own are not changed")
    assert made.home
    crds = [yaml.safe_load(file.read_text()) for file in (YATAI_CRDS / f"{kind}.yaml" for kind in LOOSE)]
    apply_all(made.home, [], [loosened(crd) for crd in crds])
    put_guard(made.home)
    yield made
    apply_all(made.home, [], crds)


def loosened(crd: dict[str, Any]) -> dict[str, Any]:
    loose = copy.deepcopy(crd)
    spec = loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    places = [spec]
    if loose["spec"]["names"]["kind"] == "BentoDeployment":
        runner = spec["properties"]["runners"]["items"]
        places += [spec["properties"]["extraPodSpec"], runner, runner["properties"]["extraPodSpec"]]
    for place in places:
        place["x-kubernetes-preserve-unknown-fields"] = True
    return loose


@pytest.fixture(scope="module")
def namespace(cluster: TestCluster) -> str:
    async def made() -> str:
        name = f"guarded-{uuid.uuid4().hex[:8]}"
        async with await Kube.from_kubeconfig(cluster.kubeconfig) as admin:
            await admin.create(NAMESPACES, None, {"metadata": {"name": name}})
            await guard(admin, name, accounts="scorer, reader")
        return name

    return asyncio.run(made())


@pytest.fixture
async def kube(cluster: TestCluster) -> AsyncIterator[Kube]:
    """The administrator, who is not among the writers."""
    async with await Kube.from_kubeconfig(cluster.kubeconfig) as connected:
        yield connected


def container(**fields: Any) -> dict[str, Any]:
    return {"extraPodSpec": {"containers": [{"name": "extra", "image": "x", **fields}]}}


def security(**fields: Any) -> dict[str, Any]:
    return container(securityContext=fields)


def exporter(**volume: Any) -> dict[str, Any]:
    return {"monitorExporter": {"enabled": True, "mounts": [{"path": "/x", **volume}]}}


PRIVILEGES: list[tuple[dict[str, Any], str]] = [
    ({"annotations": {"yatai.ai/enable-container-privileged": "true"}}, "enable-container-privileged=true"),
    ({"annotations": {"yatai.ai/enable-container-ptrace": "true"}}, "enable-container-ptrace"),
    ({"annotations": {"yatai.ai/run-container-as-root": "true"}}, "run-container-as-root"),
    ({"annotations": {"yatai.ai/enable-host-ipc": "true"}}, "enable-host-ipc"),
    ({"annotations": {"yatai.ai/enable-host-network": "true"}}, "spec.annotations: yatai.ai/enable-host-network=true"),
    ({"annotations": {"yatai.ai/enable-host-pid": "true"}}, "enable-host-pid"),
    ({"annotations": {"yatai.ai/enable-debug-mode": "true"}}, "enable-debug-mode"),
    ({"annotations": {"yatai.ai/enable-stealing-traffic-debug-mode": "true"}}, "enable-stealing-traffic"),
    ({"runners": [{"name": "r", "annotations": {"yatai.ai/enable-host-network": "true"}}]}, "spec.runners[r].ann"),
    (security(privileged=True), "spec.extraPodSpec.containers[extra].securityContext"),
    (security(allowPrivilegeEscalation=True), "securityContext asks for rights on the node"),
    (security(capabilities={"add": ["SYS_PTRACE"]}), "securityContext"),
    (security(runAsUser=0), "runAsUser be above 0"),
    (security(procMount="Unmasked"), "procMount"),
    (security(seccompProfile={"type": "Unconfined"}), "Unconfined"),
    (security(windowsOptions={"hostProcess": True}), "hostProcess"),
    ({"runners": [{"name": "r", **security(privileged=True)}]}, "spec.runners[r].extraPodSpec.containers[extra]"),
    (container(ports=[{"containerPort": 80}, {"containerPort": 80, "hostPort": 8080}]), "ports: hostPort=8080"),
    (exporter(hostPath={"path": "/var/run"}), "hostPath=/var/run"),
    ({"extraPodSpec": {"hostNetwork": True}}, "spec.extraPodSpec.hostNetwork"),
    ({"extraPodSpec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}}, "spec.extraPodSpec.volumes"),
    ({"extraPodSpec": {"initContainers": [{"name": "i"}]}}, "spec.extraPodSpec.initContainers"),
    ({"extraPodSpec": {"serviceAccountName": "admin"}}, "account admin here. Use default or scorer or reader"),
    ({"runners": [{"extraPodSpec": {"serviceAccountName": "admin"}}]}, "service account admin"),
    ({"ingress": {"annotations": {"nginx.ingress.kubernetes.io/server-snippet": "x"}}}, "server-snippet"),
    ({"extraPodMetadata": {"annotations": {"nginx.ingress.kubernetes.io/server-snippet": "x"}}}, "server-snippet"),
    ({"extraPodMetadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}}},
     "apparmor"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "words"), PRIVILEGES, ids=lambda value: value[:40] if isinstance(value, str) else ""
)
async def test_a_bento_deployment_that_asks_for_privilege_is_refused(
    kube: Kube, namespace: str, spec: dict[str, Any], words: str
) -> None:
    body = {"metadata": {"name": "churn"}, "spec": {"bento": "churn", **spec}}
    assert words in await refusal(kube, BENTO_DEPLOYMENTS, namespace, body)
    assert await refusal(kube, BENTO_DEPLOYMENTS, "default", body) == ""


ALLOWED: list[dict[str, Any]] = [
    {"annotations": {"yatai.ai/deployment-strategy": "Recreate", "yatai.ai/enable-host-network": "false"}},
    {"extraPodSpec": {"serviceAccountName": "reader", "nodeSelector": {"pool": "gpu"}, "tolerations": []}},
    {"extraPodSpec": {"serviceAccountName": "default"}},
    security(privileged=False, runAsUser=1000, capabilities={"drop": ["ALL"]}, procMount="Default"),
    container(ports=[{"containerPort": 80}]),
    exporter(emptyDir={}),
    {"runners": [{"name": "r", "labels": {"team": "risk"}}], "labels": {"team": "risk"}},
    {"extraPodMetadata": {"annotations": {"prometheus.io/scrape": "true"}}},
]


@pytest.mark.parametrize("spec", ALLOWED, ids=lambda spec: ",".join(spec))
async def test_any_other_bento_deployment_is_taken(kube: Kube, namespace: str, spec: dict[str, Any]) -> None:
    body = {"metadata": {"name": "churn"}, "spec": {"bento": "churn", **spec}}
    assert await refusal(kube, BENTO_DEPLOYMENTS, namespace, body) == ""


async def test_what_was_there_before_the_guard_can_be_labelled_and_deleted_but_not_changed(
    kube: Kube,
) -> None:
    name = f"guarded-{uuid.uuid4().hex[:8]}"
    await kube.create(NAMESPACES, None, {"metadata": {"name": name}})
    spec = {"bento": "churn", "annotations": {"yatai.ai/enable-host-network": "true"}, "labels": OURS}
    await create(kube, BENTO_DEPLOYMENTS, name, {"metadata": {"name": "churn"}, "spec": spec})
    await guard(kube, name)
    await kube.patch(BENTO_DEPLOYMENTS, name, "churn", {"metadata": {"labels": {"team": "risk"}}})
    with pytest.raises(ApiError, match="enable-host-network"):
        await kube.patch(BENTO_DEPLOYMENTS, name, "churn", {"spec": {"bento": "other"}})
    await kube.delete(BENTO_DEPLOYMENTS, name, "churn")
    await kube.delete(NAMESPACES, None, name)


@pytest.mark.parametrize("account", ["", "default", "reader"])
async def test_a_model_may_run_as_an_account_that_the_namespace_names(
    kube: Kube, namespace: str, account: str
) -> None:
    assert await refusal(kube, E2I_MODELS, namespace, model(account)) == ""


def model(account: str) -> dict[str, Any]:
    spec = {"type": "Classification", "bento": {"tag": "churn:1"}}
    return {
        "metadata": {"name": "churn"},
        "spec": spec | ({"serviceAccountName": account} if account else {}),
    }


async def test_a_foreign_account_is_refused_on_a_model_a_build_and_as_yatai_s_own_choice(
    kube: Kube, namespace: str
) -> None:
    assert "spec.serviceAccountName: pods of models may not run as service account admin here" in (
        await refusal(kube, E2I_MODELS, namespace, model("admin"))
    )
    build = {"bentoTag": "churn:1", "imageBuilderExtraPodSpec": {"serviceAccountName": "admin"}}
    body = {"metadata": {"name": "churn", "annotations": {PREFIX: namespace}}, "spec": build}
    assert "imageBuilderExtraPodSpec.serviceAccountName" in await refusal(
        kube, BENTO_REQUESTS, namespace, body
    )
    chosen = {"metadata": {"name": "admin", "labels": {"yatai.ai/bento-deployment-pod": "true"}}}
    assert "service account admin" in await refusal(kube, ACCOUNTS, namespace, chosen)
    chosen["metadata"]["name"] = "reader"
    assert await refusal(kube, ACCOUNTS, namespace, chosen) == ""
    assert await refusal(kube, ACCOUNTS, namespace, {"metadata": {"name": "admin"}}) == ""


SQUATTING: list[tuple[dict[str, str], dict[str, Any], str]] = [
    ({}, {}, 'not ""'),
    ({PREFIX: "victim"}, {}, 'not "victim"'),
    ({PREFIX: ""}, {"bentoTag": "victim.churn:1"}, 'not ""'),
    (
        {PREFIX: "own"},
        {"image": "registry.example/yatai-bentos:yatai.victim.churn.1"},
        "spec.image: a BentoRequest may",
    ),
]


@pytest.mark.parametrize(("annotations", "spec", "words"), SQUATTING)
async def test_an_image_under_the_name_of_another_namespace_is_not_asked_for(
    kube: Kube, namespace: str, annotations: dict[str, str], spec: dict[str, Any], words: str
) -> None:
    """Whoever builds first under a name has its pods: Yatai takes an image that is there, whoever built it."""
    given = {key: namespace if value == "own" else value for key, value in annotations.items()}
    metadata = {"name": "churn", "annotations": given}
    body = {"metadata": metadata, "spec": {"bentoTag": "churn:1", **spec}}
    assert words in await refusal(kube, BENTO_REQUESTS, namespace, body)
    assert await refusal(kube, BENTO_REQUESTS, "default", body) == ""


async def test_an_image_under_the_name_of_the_own_namespace_is_built_and_cannot_be_renamed(
    kube: Kube, namespace: str
) -> None:
    body = {
        "metadata": {"name": "mine", "annotations": {PREFIX: namespace}},
        "spec": {"bentoTag": "churn:1"},
    }
    await create(kube, BENTO_REQUESTS, namespace, body)
    for change in ({"metadata": {"annotations": {PREFIX: None}}}, {"spec": {"image": "victim"}}):
        with pytest.raises(ApiError, match="Yatai would build"):
            await kube.patch(BENTO_REQUESTS, namespace, "mine", change)
    await kube.patch(BENTO_REQUESTS, namespace, "mine", {"metadata": {"annotations": {"team": "risk"}}})
    await kube.delete(BENTO_REQUESTS, namespace, "mine")


def template(kind: str) -> dict[str, Any]:
    return {"metadata": {kind: {"app": "a", **OURS}}, "spec": POD}


def selecting(**spec: Any) -> dict[str, Any]:
    return {"selector": {"matchLabels": {"app": "a"}}, **spec}


PLANTED: list[tuple[Resource, dict[str, Any], str]] = [
    (PODS, {"metadata": {"labels": OURS}, "spec": POD}, "metadata.labels: serving.e2i.dev/release=0b1d77e2"),
    (PODS, {"metadata": {"annotations": ASKED}, "spec": POD}, "metadata.annotations: pod.serving.e2i.dev/env-from"),
    (SERVICES, {"metadata": {"annotations": OURS}, "spec": {"ports": [{"port": 1}]}}, "metadata.annotations"),
    (DEPLOYMENTS, {"spec": selecting(template=template("labels"))}, "spec.template.metadata.labels"),
    (STATEFUL_SETS, {"spec": selecting(serviceName="s", template=template("labels"))}, "spec.template.metadata.labels"),
    (CRON_JOBS, {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {
        "metadata": {"labels": OURS}, "spec": {**POD, "restartPolicy": "Never"}}}}}},
     "spec.jobTemplate.spec.template.metadata.labels"),
    (BENTO_DEPLOYMENTS, {"metadata": {"labels": OURS}, "spec": {"bento": "b"}}, "metadata.labels"),
    (BENTO_DEPLOYMENTS, {"spec": {"bento": "b", "labels": OURS}}, "spec.labels"),
    (BENTO_DEPLOYMENTS, {"spec": {"bento": "b", "extraPodMetadata": {"labels": OURS}}}, "spec.extraPodMetadata.labels"),
    (BENTO_DEPLOYMENTS, {"spec": {"bento": "b", "extraPodMetadata": {"annotations": ASKED}}}, "annotations"),
    (BENTO_DEPLOYMENTS, {"spec": {"bento": "b", "runners": [{"name": "r", "labels": OURS}]}}, "spec.runners[].labels"),
    (BENTO_REQUESTS, {"metadata": {"annotations": OURS}, "spec": {"bentoTag": "b:1"}}, "metadata.annotations"),
    (BENTO_REQUESTS, {"spec": {"bentoTag": "b:1", "imageBuilderExtraPodMetadata": {"labels": OURS}}},
     "spec.imageBuilderExtraPodMetadata.labels: serving.e2i.dev/release=0b1d77e2"),
    (BENTO_REQUESTS, {"spec": {"bentoTag": "b:1", "imageBuilderExtraPodMetadata": {"annotations": ASKED}}},
     "spec.imageBuilderExtraPodMetadata.annotations"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "body", "words"), PLANTED, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_our_labels_written_by_others_are_refused(
    kube: Kube, namespace: str, resource: Resource, body: dict[str, Any], words: str
) -> None:
    named = copy.deepcopy({**body, "metadata": {**body.get("metadata", {}), "name": "planted"}})
    if resource is BENTO_REQUESTS:
        named["metadata"]["annotations"] = {PREFIX: namespace} | named["metadata"].get("annotations", {})
    if resource in (DEPLOYMENTS, STATEFUL_SETS):
        named["spec"]["template"]["metadata"]["labels"]["app"] = "a"
    said = await refusal(kube, resource, namespace, named)
    assert words in said
    assert "is the operator's to write. Leave it out" in said
    assert "without e2i:admin" in said
    assert await refusal(kube, resource, "default", named) == ""


async def test_the_operator_and_yatai_write_them(
    cluster: TestCluster, kube: Kube, namespace: str, tmp_path: Path
) -> None:
    assert cluster.home
    body: Object = {"metadata": {"name": "churn", "labels": OURS}, "spec": {"ports": [{"port": 80}]}}
    async with await Kube.from_kubeconfig(cluster.home.kubeconfig_of("yatai-deployment")) as yatai:
        assert await refusal(yatai, SERVICES, namespace, body) == ""
    account = service_account(cluster.home, tmp_path / "account")
    settings = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(cluster.home.ports.api_server),
    }
    with pytest.MonkeyPatch.context() as patched:
        for name, value in settings.items():
            patched.setenv(name, value)
        async with await Kube.from_service_account(account) as operator:
            assert await refusal(operator, SERVICES, namespace, body) == ""


async def test_others_may_write_everything_else_of_an_object_that_has_them(
    cluster: TestCluster, kube: Kube, namespace: str
) -> None:
    assert cluster.home
    async with await Kube.from_kubeconfig(cluster.home.kubeconfig_of("yatai-deployment")) as yatai:
        body = {"metadata": {"name": "churn", "labels": OURS}, "spec": {"ports": [{"port": 80}]}}
        await create(yatai, SERVICES, namespace, body)
    await kube.patch(SERVICES, namespace, "churn", {"metadata": {"labels": {"team": "risk"}}})
    for change, words in ((None, "is the operator's to remove"), ("1", "is the operator's to write")):
        with pytest.raises(ApiError, match=words):
            await kube.patch(
                SERVICES, namespace, "churn", {"metadata": {"labels": dict.fromkeys(OURS, change)}}
            )
    await kube.delete(SERVICES, namespace, "churn")


async def test_the_status_of_a_pod_is_no_way_round(kube: Kube, namespace: str) -> None:
    await create(kube, ACCOUNTS, namespace, {"metadata": {"name": "reader"}})
    pod = {"metadata": {"name": "plain"}, "spec": {**POD, "serviceAccountName": "reader"}}
    await create(kube, PODS, namespace, pod)
    with pytest.raises(ApiError, match="is the operator's to write"):
        await kube.patch(PODS, namespace, "plain", {"metadata": {"labels": OURS}}, subresource="status")
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    await kube.patch(PODS, namespace, "plain", ready, subresource="status")


MODEL = {"serving.e2i.dev/model": "churn"}
WORKLOAD = {"selector": {"matchLabels": {"app": "a"}}, "replicas": 0}
PARTS: list[tuple[Resource, dict[str, Any], dict[str, Any]]] = [
    (SERVICES, {"selector": MODEL, "ports": [{"port": 80}]}, {"selector": {"app": "evil"}}),
    (PODS, {**POD, "serviceAccountName": "reader"}, {"activeDeadlineSeconds": 9}),
    (DEPLOYMENTS, {**WORKLOAD, "template": {"metadata": {"labels": {"app": "a", **MODEL}}, "spec": POD}},
     {"template": {"spec": {"hostNetwork": True}}}),
    (REPLICA_SETS, {**WORKLOAD, "template": {"metadata": {"labels": {"app": "a", **MODEL}}, "spec": POD}},
     {"template": {"spec": {"hostNetwork": True}}}),
    (BENTO_DEPLOYMENTS, {"bento": "churn"}, {"bento": "evil"}),
    (BENTO_REQUESTS, {"bentoTag": "churn:1"}, {"bentoTag": "evil:1"}),
    (BENTOES, {"tag": "churn:1", "image": "model"}, {"image": "evil"}),
]  # fmt: skip
"""What a model is made of: kind, spec, and a change of it."""


@pytest.fixture(scope="module")
def grown(cluster: TestCluster) -> str:
    """A namespace in which a model was there before it was guarded."""

    async def made() -> str:
        name = f"guarded-{uuid.uuid4().hex[:8]}"
        async with await Kube.from_kubeconfig(cluster.kubeconfig) as admin:
            await admin.create(NAMESPACES, None, {"metadata": {"name": name}})
            await create(admin, ACCOUNTS, name, {"metadata": {"name": "reader"}})
            for resource, spec, _ in PARTS:
                metadata = {"name": "churn", "labels": MODEL, "annotations": {PREFIX: name}}
                body = {"metadata": metadata, "spec": spec}
                await create(admin, resource, name, body)
            await guard(admin, name)
        return name

    return asyncio.run(made())


@pytest.mark.parametrize(
    ("resource", "change"),
    [(resource, change) for resource, _, change in PARTS],
    ids=lambda value: getattr(value, "kind", ""),
)
async def test_what_a_model_is_made_of_is_not_changed_by_others(
    kube: Kube, grown: str, resource: Resource, change: dict[str, Any]
) -> None:
    with pytest.raises(ApiError, match="is the operator's to write") as refused:
        await kube.patch(resource, grown, "churn", {"spec": change})
    print(refused.value.message)  # noqa: T201
    assert f"of {resource.kind} churn is" in refused.value.message
    assert "of model churn. Change the E2IModel instead" in refused.value.message
    await kube.patch(resource, grown, "churn", {"metadata": {"annotations": {"team": "risk"}}})


async def test_numbers_of_pods_are_everybody_s(kube: Kube, grown: str) -> None:
    for subresource in ("", "scale"):
        await kube.patch(DEPLOYMENTS, grown, "churn", {"spec": {"replicas": 0}}, subresource=subresource)


async def test_yatai_writes_its_deployments_but_not_the_address_of_a_model(
    cluster: TestCluster, grown: str
) -> None:
    """yatai-deployment takes every Service with the name of a BentoDeployment for its own, and writes over it."""
    assert cluster.home
    async with await Kube.from_kubeconfig(cluster.home.kubeconfig_of("yatai-deployment")) as yatai:
        await yatai.patch(DEPLOYMENTS, grown, "churn", {"spec": {"template": {"spec": {"hostname": "a"}}}})
        with pytest.raises(ApiError, match="No BentoDeployment may have the name of a model"):
            await yatai.patch(SERVICES, grown, "churn", {"spec": {"selector": {"app": "evil"}}})


async def test_the_address_of_a_model_is_not_deleted_by_others_and_goes_with_the_namespace(
    kube: Kube,
) -> None:
    name = f"guarded-{uuid.uuid4().hex[:8]}"
    await kube.create(NAMESPACES, None, {"metadata": {"name": name}})
    owned = {
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "E2IModel", "name": "churn", "uid": "1", "controller": True}
        ]
    }
    owners = {"churn": {"labels": MODEL, **owned}, "left": {"labels": MODEL}, "other": {}}
    for service, metadata in owners.items():
        # An owner that is not there would be collected; the API server has no kind E2IModel in v1.
        body = {"metadata": {"name": service, **metadata}, "spec": {"ports": [{"port": 80}]}}
        await create(kube, SERVICES, name, body)
    await guard(kube, name)
    with pytest.raises(
        ApiError, match=r"Service churn is the address of model churn, and the operator's to remove"
    ):
        await kube.delete(SERVICES, name, "churn")
    with pytest.raises(
        ApiError, match=r"metadata.ownerReferences of Service churn is the operator's to write"
    ):
        await kube.patch(SERVICES, name, "churn", {"metadata": {"ownerReferences": None}})
    for service in ("left", "other"):
        await kube.delete(SERVICES, name, service)
    await kube.delete(NAMESPACES, None, name)
    deadline = time.monotonic() + PATIENCE
    while await kube.get(NAMESPACES, None, name) is not None:
        assert time.monotonic() < deadline, "the namespace did not go"
        await asyncio.sleep(0.2)


async def create(kube: Kube, resource: Resource, namespace: str, body: Mapping[str, Any]) -> None:
    await kube.create(
        resource, namespace, {"apiVersion": resource.api_version, "kind": resource.kind, **body}
    )
