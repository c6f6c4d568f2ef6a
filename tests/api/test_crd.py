"""The CRD on a real API server: what is accepted, what is refused and in which words, defaults, scale, explain."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from support import quick_yaml
from support.cluster import TestCluster
from support.golden import PLACED
from support.largest_model import largest_spec
from support.operating import apply_files, wait_for_kinds
from support.pod_fields import ASKING

from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import E2I_MODELS
from e2i.local.errors import ClusterError
from e2i.local.kubectl import kubectl

pytestmark = pytest.mark.api

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((PROJECT / "manifests" / "samples").glob("*.yaml"))
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
SCALES = Resource("serving.e2i.dev", "v1alpha1", "e2imodels", "Scale")
PER_POD = {
    "type": "Pods",
    "pods": {"metric": {"name": "requests"}, "target": {"type": "AverageValue", "averageValue": "1500m"}},
}
OF_OBJECT = {
    "type": "Object",
    "object": {
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "churn"},
        "metric": {"name": "hits"},
        "target": {"type": "Value", "value": 100},
    },
}
EXTERNAL = {
    "type": "External",
    "external": {
        "metric": {"name": "queue_length", "selector": {"matchLabels": {"queue": "churn"}}},
        "target": {"type": "AverageValue", "averageValue": "30"},
    },
}
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    home = control_plane.own_home("a cluster of somebody's own has its CRDs already")
    apply_files(home, PROJECT / "manifests" / "crds" / "e2imodels.yaml")
    wait_for_kinds(home, "e2imodels.serving.e2i.dev")
    return control_plane


@pytest.fixture
async def kube(cluster: TestCluster) -> AsyncIterator[Kube]:
    async with await Kube.from_kubeconfig(cluster.kubeconfig) as connected:
        yield connected
        await connected.request("DELETE", E2I_MODELS.path("default"))


def a_spec(**changes: Any) -> dict[str, Any]:
    """The smallest spec; a change to None takes a field out."""
    spec = {"type": "Classification", "bento": {"tag": "churn_model:1.4.2"}} | changes
    return {key: value for key, value in spec.items() if value is not None}


async def create(kube: Kube, spec: dict[str, Any], name: str = "churn") -> Object:
    query = {"fieldValidation": "Strict"}
    return await kube.request("POST", E2I_MODELS.path("default"), body=a_model_body(name, spec), query=query)


def a_model_body(name: str, spec: dict[str, Any]) -> Object:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "serving.e2i.dev/v1alpha1", "kind": "E2IModel", "metadata": metadata, "spec": spec}


def tagged(tag: object) -> dict[str, Any]:
    return a_spec(bento={"tag": tag})


def with_resources(requests: dict[str, Any], limits: dict[str, Any] | None = None) -> dict[str, Any]:
    return a_spec(resources={"requests": requests} | ({"limits": limits} if limits is not None else {}))


def by(*metrics: Object) -> dict[str, Any]:
    return a_spec(autoscaling={"maxReplicas": 3, "metrics": list(metrics)})


def asking(**check: Any) -> dict[str, Any]:
    return a_spec(rollout={"verify": [{"path": "/predict", **check}]})


TOKEN = {
    "name": "Authorization",
    "value": "Bearer ",
    "valueFrom": {"secretKeyRef": {"name": "churn", "key": "token"}},
}


def with_env(*names: str, value: str = "x") -> dict[str, Any]:
    return a_spec(env=[{"name": name, "value": value} for name in names])


IMAGE_DIGEST = "@sha256:" + "0" * 64


def imaged(version: str, name: str = "registry.example/churn", **more: Any) -> dict[str, Any]:
    return a_spec(bento={"tag": "a:1", "image": name + version, **more})


ACCEPTED = [
    pytest.param(a_spec(), id="the smallest spec"),
    pytest.param(a_spec(bento={"tag": "churn_model:1.4.2", "store": {}}), id="the store said in so many words"),
    pytest.param(a_spec(bento={"tag": "a:1", "archive": {"digest": "sha256:" + "0" * 64}}), id="an archive"),
    pytest.param(imaged(IMAGE_DIGEST), id="an image by its digest"),
    pytest.param(imaged(":1.4.2"), id="an image by its tag, which the operator judges"),
    pytest.param(imaged(f":1.4.2{IMAGE_DIGEST}", "localhost:5000/team/a-b", pathPrefix="/v1", serviceName="Churn"),
                 id="an image by both"),
    pytest.param(tagged("a:b"), id="a tag of one letter each"),
    pytest.param(tagged(f"{'n' * 63}:{'v' * 63}"), id="63 characters each"),
    pytest.param(tagged("churn.model-x_1:latest-2"), id="a version that begins with latest"),
    pytest.param(a_spec(replicas=1000), id="a thousand pods"),
    pytest.param(a_spec(replicas=0), id="a parked model"),
    pytest.param(a_spec(replicas=0, autoscaling={"maxReplicas": 3}), id="a parked model of an autoscaler"),
    pytest.param(a_spec(autoscaling={"maxReplicas": 1}), id="autoscaling from one to one"),
    pytest.param(a_spec(autoscaling={"minReplicas": 2, "maxReplicas": 4, "metrics": [CPU]}), id="by CPU"),
    pytest.param(by(PER_POD, OF_OBJECT, EXTERNAL, CPU | {"resource": {"name": "memory", "target": {
        "type": "AverageValue", "averageValue": "1Gi"}}}), id="by metrics of all types"),
    pytest.param(with_resources({"cpu": 1, "memory": "1Gi"}, {"cpu": "1000m", "memory": "1024Mi"}),
                 id="request and limit equal in different units"),
    pytest.param(with_resources({"nvidia.com/gpu": 1}, {"nvidia.com/gpu": 1}), id="an extended resource"),
    pytest.param(with_resources({"memory": "1e3"}), id="an exponent"),
    pytest.param(a_spec(resources={}), id="no resources in so many words"),
    pytest.param(with_env("_A", "LOG_LEVEL", "PORTER", value=""), id="variables, also empty ones"),
    pytest.param(with_env(*(f"A{n}" for n in range(100))), id="a hundred variables"),
    pytest.param(a_spec(rollout={"progressDeadlineSeconds": 10, "scaleDownDelaySeconds": 0,
                                 "revisionHistoryLimit": 0}), id="the smallest rollout"),
    pytest.param(a_spec(suspend=True), id="suspended from the beginning"),
    pytest.param(asking(path="/predict?verbose=true&x=a%20b"), id="a query"),
    pytest.param(asking(path="/"), id="the shortest path"),
    pytest.param(asking(headers=[{"name": "X-Team", "value": "churn"}, TOKEN]), id="headers"),
    pytest.param(asking(form=[{"name": "x", "value": "1"}, {"name": "y"}]), id="a form"),
    pytest.param(asking(method="GET", prediction=False), id="an answer that is no prediction"),
    pytest.param(a_spec(**PLACED), id="pods that are placed"),
    pytest.param(a_spec(**ASKING), id="pods with all that needs the policy"),
    pytest.param(a_spec(tolerations=[{"operator": "Exists"}]), id="pods that tolerate all taints"),
    pytest.param(a_spec(affinity={}, nodeSelector={}, tolerations=[]), id="no placement in so many words"),
]  # fmt: skip


@pytest.mark.parametrize("spec", ACCEPTED)
async def test_accepted(kube: Kube, spec: dict[str, Any]) -> None:
    assert await create(kube, spec)


REFUSED = [
    pytest.param(asking(path="/predict#top"), "must be a path such as /predict or /predict?verbose", id="a fragment"),
    pytest.param(asking(path="//host/predict"), "must be a path such as /predict", id="a host"),
    pytest.param(asking(path="/a b"), "must be a path such as /predict", id="a space in a path"),
    pytest.param(asking(form=[{"name": "x"}], body="{}"), "a form goes with POST, in place of a body", id="two bodies"),
    pytest.param(asking(form=[{"name": "x"}], method="GET"), "a form goes with POST", id="a GET with a form"),
    pytest.param(asking(headers=[{"name": "X"}]), "a header needs a value, valueFrom or both", id="nothing"),
    pytest.param(asking(headers=[{"name": "X Y", "value": "1"}]), "name of a header", id="a header with a space"),
    pytest.param(a_spec(type=None), "spec.type: Required value", id="no kind"),
    pytest.param(a_spec(type="Clustering"), 'supported values: "Classification", "Regression", "Causal"',
                 id="an unknown kind"),
    pytest.param(a_spec(bento=None), "spec.bento: Required value", id="no bento"),
    pytest.param(a_spec(bento={}), "spec.bento.tag: Required value", id="no tag"),
    pytest.param(tagged(""), "must be name:version", id="an empty tag"),
    pytest.param(tagged("churn_model:latest"), "'latest' would mean another model tomorrow", id="latest"),
    pytest.param(tagged("churn_model"), "must be name:version, for instance churn_model:1.4.2", id="only a name"),
    pytest.param(tagged("churn_model:"), "must be name:version", id="no version behind the colon"),
    pytest.param(tagged(":1.4.2"), "must be name:version", id="no name before the colon"),
    pytest.param(tagged("a:b:c"), "must be name:version", id="two colons"),
    pytest.param(tagged("Churn_Model:1.4.2"), "must be lower case, as BentoML stores it", id="upper case"),
    pytest.param(tagged("churn_model:1.4.2\n"), "no white space", id="a line break at the end"),
    pytest.param(tagged("churn model:1"), "no white space", id="a blank"),
    pytest.param(tagged("churn:.1"), "a letter or digit at both ends", id="a dot first"),
    pytest.param(tagged("churn-:1"), "a letter or digit at both ends", id="a dash last"),
    pytest.param(tagged("örn:1"), "at most 63 of a-z", id="another alphabet"),
    pytest.param(tagged(f"{'n' * 64}:1"), "at most 63", id="a name of 64"),
    pytest.param(tagged(f"n:{'v' * 64}"), "at most 63", id="a version of 64"),
    pytest.param(tagged("n" * 128), "Too long: may not be more than 127", id="far too long"),
    pytest.param(tagged(14), "must be of type string", id="a number for a tag"),
    pytest.param(a_spec(replicas=-1), "should be greater than or equal to 0", id="fewer than no pods"),
    pytest.param(a_spec(replicas=1001), "should be less than or equal to 1000", id="too many pods"),
    pytest.param(a_spec(replicas=2, autoscaling={"maxReplicas": 3}), "with spec.autoscaling leave spec.replicas out",
                 id="a number and autoscaling"),
    pytest.param(a_spec(autoscaling={"minReplicas": 3, "maxReplicas": 2}),
                 "greater than maxReplicas: lower it, or raise maxReplicas", id="more at least than at most"),
    pytest.param(a_spec(autoscaling={}), "spec.autoscaling.maxReplicas: Required value", id="no upper bound"),
    pytest.param(a_spec(autoscaling={"maxReplicas": 3, "metrics": [CPU] * 9}), "must have at most 8 items",
                 id="nine metrics"),
    pytest.param(by(CPU | {"pods": PER_POD["pods"]}), "a metric has the one field that its type names",
                 id="a metric of two types"),
    pytest.param(by({"type": "External"}), "a metric has the one field that its type names",
                 id="a metric without its field"),
    pytest.param(by({"type": "ContainerResource"}), "supported values", id="a type of metric that is not passed on"),
    pytest.param(by(EXTERNAL | {"external": EXTERNAL["external"] | {"target": {"type": "Value", "averageValue": 3}}}),
                 "Value needs value, AverageValue needs averageValue", id="a level of another type"),
    pytest.param(by(EXTERNAL | {"external": EXTERNAL["external"] | {"target": {"type": "Value", "value": "many"}}}),
                 "must be a quantity above 0", id="a level that is no quantity"),
    pytest.param(by(CPU | {"resource": {"name": "cpu", "target": {"type": "Utilization", "averageValue": "1"}}}),
                 "Utilization needs averageUtilization", id="a utilization without a percentage"),
    pytest.param(a_spec(autoscaling={"maxReplicas": 3, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}),
                 "behavior does not reach the autoscaler, because yatai-deployment drops it", id="a behavior"),
    pytest.param(with_resources({"cpu": "2"}, {"cpu": "1"}),
                 "limit of the same resource: lower the request, or raise the limit in spec.resources.limits",
                 id="more asked than allowed"),
    pytest.param(with_resources({"cpu": 1}, {"cpu": "999m"}), "a request must not be greater than the limit",
                 id="more asked than allowed in another unit"),
    pytest.param(with_resources({"memory": "1Gi"}, {"memory": "1G"}), "a request must not be greater than the limit",
                 id="a binary unit is more than a decimal one"),
    pytest.param(with_resources({"memory": "1 Gi"}), "each amount must be a quantity of at least 0", id="a blank"),
    pytest.param(with_resources({"memory": "much"}), "each amount must be a quantity of at least 0",
                 id="a word for an amount"),
    pytest.param(with_resources({"cpu": "-1"}), "each amount must be a quantity of at least 0", id="less than nothing"),
    pytest.param(with_resources({"cpu": -1}), "each amount must be a quantity of at least 0",
                 id="less than nothing as a number"),
    pytest.param(with_resources({"cpu": 0.5}), "must be of type", id="a fraction without quotes"),
    pytest.param(with_resources({"gpu": "1"}), "a resource is cpu, memory, ephemeral-storage or an extended one",
                 id="an unknown resource"),
    pytest.param(with_resources({f"x.y/{n}": 1 for n in range(9)}), "must have at most 8", id="nine resources"),
    pytest.param(with_env("PORT"), "PORT, BENTOML_PORT and YATAI_* are set by Yatai", id="a variable of Yatai"),
    pytest.param(with_env("YATAI_X"), "are set by Yatai", id="a variable that begins as Yatai's do"),
    pytest.param(with_env("1A"), "the name of a variable such as LOG_LEVEL", id="a name that begins with a digit"),
    pytest.param(with_env("A B"), "must be, or begin, the name of", id="a name with a blank"),
    pytest.param(with_env("A\n"), "env", id="a name with a line break at the end"),
    pytest.param(with_env("A", "A"), "Duplicate value", id="a variable twice"),
    pytest.param(with_env(*(f"A{n}" for n in range(101))), "must have at most 100 items", id="101 variables"),
    pytest.param(a_spec(env=[{"name": "A"}]), "a variable needs either value or valueFrom",
                 id="a variable without a value"),
    pytest.param(a_spec(env=[{"name": "A", "value": "1", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
                 "a variable needs either value or valueFrom", id="a variable with two values"),
    pytest.param(a_spec(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
                 'unknown field "spec.env[0].valueFrom.fieldRef"', id="a variable from elsewhere"),
    pytest.param(a_spec(env=[{"name": "A", "valueFrom": {}}]), "needs either secretKeyRef or configMapKeyRef",
                 id="a variable from nowhere"),
    pytest.param(a_spec(envFrom=[{"prefix": "A"}]), "an item needs either secretRef or configMapRef", id="from none"),
    pytest.param(a_spec(probes={"readiness": {"httpGet": {"path": "readyz"}}}), "path such as /readyz", id="no path"),
    pytest.param(a_spec(probes={"readiness": {"httpGet": {"port": 0}}}), "a port is a number from 1 to 65535",
                 id="no port"),
    pytest.param(a_spec(probes={"liveness": {"successThreshold": 2}}), "unknown field", id="more than Kubernetes has"),
    pytest.param(a_spec(volumes=[{"name": "v"}]), "a volume needs one of secret, configMap", id="a volume of nothing"),
    pytest.param(a_spec(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), "unknown field", id="a path of the node"),
    pytest.param(a_spec(volumes=[{"name": "shared-memory", "emptyDir": {}}]), "choose another name",
                 id="a volume of Yatai"),
    pytest.param(a_spec(volumes=[{"name": "envoy-config", "emptyDir": {}}]), "choose another name",
                 id="the volume of Yatai's proxy"),
    pytest.param(a_spec(volumes=[{"name": "v", "emptyDir": {}}],
                        volumeMounts=[{"name": "v", "mountPath": "/v", "subPath": "a/../../b"}]),
                 "must stay inside of the volume", id="a path out of the volume"),
    pytest.param(a_spec(volumes=[{"name": "v", "emptyDir": {"sizeLimit": "much"}}]), "a size is a quantity above 0",
                 id="no size"),
    pytest.param(a_spec(volumeMounts=[{"name": "v", "mountPath": "/v"}]), "each mount needs a volume of its name",
                 id="a mount of no volume"),
    pytest.param(a_spec(volumes=[{"name": "v", "emptyDir": {}}], volumeMounts=[{"name": "v", "mountPath": "/"}]),
                 "would hide what the model needs", id="a mount over everything"),
    pytest.param(with_env("A", value="x" * 8193), "Too long: may not be more than 8192", id="a huge value"),
    pytest.param(a_spec(replica=2), 'unknown field "spec.replica"', id="a misspelt field"),
    pytest.param(a_spec(bento={"tag": "a:b", "archive": {"digest": "sha256:12"}}),
                 "must be sha256 and 64 hexadecimal digits", id="a digest that was cut off"),
    pytest.param(a_spec(bento={"tag": "a:b", "store": {}, "archive": {"digest": "sha256:" + "0" * 64}}),
                 "name one of store, archive and image", id="a bento in two places"),
    pytest.param(imaged(""), "needs the digest of the image", id="an image without a digest"),
    pytest.param(imaged(":latest"), "'latest' would mean another image tomorrow", id="the latest image"),
    pytest.param(imaged("@sha256:12"), "needs the digest of the image", id="a digest of an image that was cut off"),
    pytest.param(imaged(IMAGE_DIGEST, "team/churn"), "must begin with the host of the registry", id="no registry"),
    pytest.param(imaged(IMAGE_DIGEST, "registry.example/Churn"), "is no name of an image", id="an upper-case image"),
    pytest.param(imaged(IMAGE_DIGEST, "registry.example//churn"), "is no name of an image", id="an empty part"),
    pytest.param(imaged(IMAGE_DIGEST, store={}), "name one of store, archive and image", id="an image in the store"),
    pytest.param(imaged(IMAGE_DIGEST, pathPrefix="v1"), "must be a path such as /v1 or", id="a path without a slash"),
    pytest.param(imaged(IMAGE_DIGEST, serviceName="a b"), "must be the name of a service", id="a service with a blank"),
    pytest.param(a_spec(bento={"tag": "a:b", "serviceName": "a"}), "only with image", id="a service of a stored bento"),
    pytest.param(a_spec(bento={"tag": "a:b", "pathPrefix": "/v1"}), "only with image", id="a path of a stored bento"),
    pytest.param(a_spec(rollout={"progressDeadlineSeconds": 9}), "should be greater than or equal to 10",
                 id="a deadline too short"),
    pytest.param(a_spec(rollout={"revisionHistoryLimit": 51}), "should be less than or equal to 50",
                 id="too long a history"),
    pytest.param(a_spec(nodeSelector={"pool": 1}), "must be of type string", id="a label that is a number"),
    pytest.param(a_spec(tolerations=[{"value": "x"}]), "a toleration without a key is for all taints", id="no key"),
    pytest.param(a_spec(tolerations=[{"key": "a", "operator": "Exists", "value": "x"}]),
                 "with operator Exists leave value out", id="any value, and one"),
    pytest.param(a_spec(tolerations=[{"key": "a", "operator": "Exists", "tolerationSeconds": 5}]),
                 "tolerationSeconds goes with the effect NoExecute", id="seconds without an effect"),
    pytest.param(a_spec(tolerations=[{"key": "a", "operator": "Like"}]), 'supported values: "Exists", "Equal"',
                 id="an unknown operator"),
    pytest.param(a_spec(affinity={"nodeAffinty": {}}), 'unknown field "spec.affinity.nodeAffinty"',
                 id="a misspelt affinity"),
    pytest.param(a_spec(affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                     {"topologyKey": "zone", "labelSelector": {}, "namespaces": ["other"]}]}}),
                 "unknown field", id="pods of another namespace"),
    pytest.param(a_spec(topologySpreadConstraints=[{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]),
                 "maxSkew: Required value", id="a spread without a measure"),
    pytest.param(a_spec(serviceAccountName="Reader!"), "a Kubernetes object", id="no name of a service account"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "words"), REFUSED)
async def test_refused(kube: Kube, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ApiError) as refused:
        await create(kube, spec)
    print(refused.value.message)  # noqa: T201 - shown by `pytest -rP`, to be read as users would
    assert refused.value.status in (400, 422)
    assert words in refused.value.message


@pytest.mark.parametrize("name", ["churn", "a", "m" * 63, "a-1"])
async def test_names_that_a_service_may_have(kube: Kube, name: str) -> None:
    assert await create(kube, a_spec(), name)


@pytest.mark.parametrize("name", ["1churn", "m" * 64, "churn.model"])
async def test_names_that_no_service_may_have(kube: Kube, name: str) -> None:
    with pytest.raises(ApiError, match=r"metadata\.name becomes the name of the model's Service"):
        await create(kube, a_spec(), name)


def test_a_spec_nested_without_end_is_refused(cluster: TestCluster) -> None:
    assert cluster.home
    deep = '{"a":' * 12_000 + "1" + "}" * 12_000
    text = json.dumps(a_model_body("churn", a_spec(bento={"tag": "a:b", "store": "@"}))).replace('"@"', deep)
    with pytest.raises(ClusterError, match=r"nested too deep|exceeded max depth"):
        kubectl(cluster.home, "create", "--raw", E2I_MODELS.path("default"), "-f", "-", given=text)


def test_the_dearest_object_to_read_is_taken_and_one_beyond_the_bounds_is_not(cluster: TestCluster) -> None:
    """So the budget of tests/unit/api/test_largest_model.py is kept for objects that can be there."""
    assert cluster.home
    spec = largest_spec()
    for extra in ((), ({"name": "ONE_MORE", "value": ""},)):
        spec["env"].extend(extra)
        given = json.dumps(a_model_body("largest", spec))
        with pytest.raises(ClusterError, match="because the object was invalid") if extra else nullcontext():
            kubectl(cluster.home, "create", "--dry-run=server", "--filename=-", given=given)


async def test_a_quota_of_the_namespace_counts_models(kube: Kube) -> None:
    """As docs/howto/tenants.md promises; Kubernetes does it, for kinds of a CRD too."""
    deadline = time.monotonic() + 360
    try:
        await counted_quota(kube, {"count/e2imodels.serving.e2i.dev": "1"}, deadline)
        while not await is_taken(kube):
            assert time.monotonic() < deadline, "the API server does not know the quota's status"
            await asyncio.sleep(0.1)
        with pytest.raises(ApiError, match=r"exceeded quota: models.*limited: count/e2imodels"):
            await create(kube, a_spec(), "second")
    finally:
        await kube.delete(QUOTAS, "default", "models")


async def counted_quota(kube: Kube, hard: dict[str, str], deadline: float) -> None:
    """Create the quota, and anew until Kubernetes counts it.

    It looks for new kinds every half minute. A quota that is there before is counted with all others only, every
    five minutes; one that is created afterwards at once.
    """
    quota = {"metadata": {"name": "models"}, "spec": {"hard": hard}}
    while True:
        assert time.monotonic() < deadline, "the quota was not counted"
        await kube.create(QUOTAS, "default", quota)
        anew = time.monotonic() + 5
        while time.monotonic() < anew:
            status = (await kube.get(QUOTAS, "default", "models") or {}).get("status", {})
            if hard.keys() <= status.get("used", {}).keys():
                return
            await asyncio.sleep(0.1)
        await kube.delete(QUOTAS, "default", "models")


async def is_taken(kube: Kube) -> bool:
    """Create a model; what the API server compares with a quota may be older than what it has just shown."""
    try:
        await create(kube, a_spec())
    except ApiError as error:
        if "status unknown for quota" not in error.message:
            raise
        return False
    return True


async def test_defaults(kube: Kube) -> None:
    spec = (await create(kube, a_spec(autoscaling={"maxReplicas": 3})))["spec"]
    assert spec["replicas"] == 1
    assert spec["autoscaling"]["minReplicas"] == 1
    assert spec["rollout"] == {
        "progressDeadlineSeconds": 600,
        "scaleDownDelaySeconds": 30,
        "revisionHistoryLimit": 5,
        "strategy": "BlueGreen",
        "rollback": "Automatic",
    }
    assert spec["suspend"] is False
    assert spec["deletionPolicy"] == "Retain"


async def test_a_change_of_the_status_is_no_change_of_the_spec(kube: Kube) -> None:
    created = await create(kube, a_spec())
    patch = {"spec": {"replicas": 7}, "status": {"replicas": 2, "selector": "a=b"}}
    written = await kube.patch(E2I_MODELS, "default", "churn", patch, subresource="status")
    assert (written["spec"]["replicas"], written["status"]["replicas"]) == (1, 2)
    assert written["metadata"]["generation"] == created["metadata"]["generation"]
    body = await kube.patch(E2I_MODELS, "default", "churn", {"status": {"replicas": 9}})
    assert body["status"]["replicas"] == 2


async def test_scale_reads_and_writes_the_number_of_pods(kube: Kube) -> None:
    await create(kube, a_spec(replicas=2))
    await kube.patch(
        E2I_MODELS, "default", "churn", {"status": {"replicas": 2, "selector": "a=b"}}, subresource="status"
    )
    scale = await kube.request("GET", SCALES.path("default", "churn", "scale"))
    assert (scale["spec"]["replicas"], scale["status"]) == (2, {"replicas": 2, "selector": "a=b"})
    scale["spec"]["replicas"] = 5
    await kube.request("PUT", SCALES.path("default", "churn", "scale"), body=scale)
    model = await kube.get(E2I_MODELS, "default", "churn")
    assert model
    assert model["spec"]["replicas"] == 5


async def test_scale_is_refused_while_the_autoscaler_decides(kube: Kube) -> None:
    await create(kube, a_spec(autoscaling={"maxReplicas": 3}))
    with pytest.raises(ApiError, match=r"with spec\.autoscaling leave spec\.replicas out"):
        await kube.patch(E2I_MODELS, "default", "churn", {"spec": {"replicas": 2}}, subresource="scale")


async def test_the_columns_of_kubectl_get(kube: Kube, cluster: TestCluster) -> None:
    assert cluster.home
    await create(kube, a_spec())
    header = kubectl(cluster.home, "get", "e2im", "--namespace=default", "--output=wide").splitlines()[0]
    assert header.split() == [
        "NAME",
        "BENTO",
        "READY",
        "REASON",
        "REPLICAS",
        "RELEASE",
        "DRIFTED",
        "URL",
        "MESSAGE",
        "AGE",
    ]
    assert "e2imodel.serving.e2i.dev/churn" in kubectl(
        cluster.home, "get", "e2i", "--namespace=default", "--output=name"
    )


def test_kubectl_explains_every_field(cluster: TestCluster) -> None:
    assert cluster.home
    crd = quick_yaml.load((PROJECT / "manifests" / "crds" / "e2imodels.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    unexplained = [
        path
        for part in ("spec", "status")
        for path, field in _fields(schema["properties"][part], part)
        if not field.get("description")
    ]
    assert unexplained == []
    told = kubectl(cluster.home, "explain", "e2im.spec.bento.tag")
    assert "Exact tag of the bento" in told


def _fields(schema: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    found = [(path, schema)]
    for name, field in schema.get("properties", {}).items():
        found += _fields(field.get("items", field) | field, f"{path}.{name}")
    return found


def test_there_are_samples() -> None:
    assert SAMPLES


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_accepted(cluster: TestCluster, sample: Path) -> None:
    assert cluster.home
    kubectl(cluster.home, "apply", "--dry-run=server", "--validate=strict", f"--filename={sample}")
