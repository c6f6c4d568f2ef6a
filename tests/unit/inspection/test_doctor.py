"""What `kubectl e2i doctor` says of an installation: each part, when it is well and when it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2i.inspection.doctor.cluster_checks import CRDS, check_cluster
from e2i.inspection.doctor.facts import Finding, Installation, Operator, State
from e2i.inspection.doctor.operator_checks import check_operator
from e2i.inspection.doctor.rights import NEEDED, OF_ITS_LEASE

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
STACK = Path(__file__).resolve().parents[3] / "kustomize" / "yatai-stack" / "base"
RBAC = Path(__file__).resolve().parents[3] / "manifests" / "rbac.yaml"


def a_deployment(name: str, namespace: str, env: tuple[str, ...] = (), ready: int = 1) -> dict[str, Any]:
    variables = [{"name": each, "value": "x"} for each in env]
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/name": name}},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "main", "env": variables}]}}},
        "status": {"availableReplicas": ready},
    }


REGISTRY = ("DOCKER_REGISTRY_SERVER", "DOCKER_REGISTRY_BENTO_REPOSITORY_NAME")
YATAI = a_deployment("yatai-deployment", "yatai-deployment", ("YATAI_API_TOKEN",))
BUILDER = a_deployment("yatai-image-builder", "yatai-image-builder", REGISTRY)
OPERATOR = a_deployment("e2i-operator", "e2i-system")
SETTINGS = {"E2I_BUCKET": "bentos", "AWS_ENDPOINT_URL": "http://s3:9000"}
E2I = Operator(namespace="e2i-system", name="e2i-operator", settings=SETTINGS)
LEASE = {"spec": {"holderIdentity": "e2i-operator-1_a", "renewTime": "2026-11-30T11:59:58.000000Z"}}
WELL = Installation(
    version="v1.36.3",
    crds={
        name: {"spec": {"versions": [{"name": version, "served": True}]}} for name, version in CRDS.items()
    },
    deployments=(YATAI, BUILDER, OPERATOR),
    operators=(E2I,),
    secrets={
        ("yatai-system", "yatai-common-env"): True,
        ("yatai-system", "yatai-image-builder-shared-env"): True,
    },
    network=True,
    lease=LEASE,
    health={"code": 200, "unready": "", "stale": [], "models": 3},
    log=(),
    account=True,
    refused=(),
    strays=(),
    policies=frozenset({"e2i-pods", "e2i-pre-stop", "e2i-replicas", "e2i-privileges", "e2i-own-labels"}),
    broken_bindings=(),
    metrics=True,
    server_time=NOW,
    own_time=NOW,
)


TIMED_OUT = {"type": "Progressing", "status": "False", "message": 'ReplicaSet "x" has timed out progressing.'}


def with_pods(found: dict[str, Any], updated: int, *conditions: dict[str, str]) -> dict[str, Any]:
    """As the API server says it while a pod is not available: one that was updated, or the second of two."""
    counted = {"replicas": 2, "updatedReplicas": updated, "availableReplicas": 1, "unavailableReplicas": 1}
    return {**found, "status": {**counted, "conditions": list(conditions)}}


def scaled_to_zero(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "spec": {**found["spec"], "replicas": 0}, "status": {}}


def judged(seen: Installation) -> list[Finding]:
    return [*check_cluster(seen), *check_operator(seen)]


def but(**seen: Any) -> Installation:
    return replace(WELL, **seen)


def test_yatai_in_a_namespace_of_its_own_choice_reads_its_secret_there() -> None:
    stack = yaml.safe_load((STACK / "deployment.yaml").read_text())
    stack["metadata"]["namespace"] = "ml-platform"
    stack["status"] = {"availableReplicas": 1}
    for there, state in ((True, State.OK), (False, State.FAILED)):
        seen = but(
            deployments=(stack, BUILDER, OPERATOR), secrets={("ml-platform", "yatai-common-env"): there}
        )
        (found,) = (each for each in check_cluster(seen) if each.part == "yatai-deployment")
        assert found.state is state
        assert there or "the Secret ml-platform/yatai-common-env" in found.message


def test_an_installation_that_is_well_has_nothing_to_do() -> None:
    found = judged(WELL)
    assert [(each.part, each.state, each.next_step) for each in found if each.state is not State.OK] == []
    assert all(not each.next_step for each in found)


def an_operator(namespace: str = "e2i-system", **settings: str) -> Operator:
    return Operator(namespace=namespace, name="e2i-operator", settings=SETTINGS | settings)


OLD_CRD = {
    **(WELL.crds or {}),
    "bentodeployments.serving.yatai.ai": {"spec": {"versions": [{"name": "v1alpha3", "served": True}]}},
}
NO_SECRET = {**WELL.secrets, ("yatai-system", "yatai-common-env"): False}
BAD_KEY = {"message": "the bucket cannot be used: BucketForbidden: 403", "severity": "warn"}
MISSPELT = {"message": "the setting E2I_NAMESPACE does not exist and has no effect: is E2I_NAMESPACES meant?"}
UNSAFE = {"message": "the S3 server ignores conditional writes and may overwrite an archive"}
NO_EXPORT = {"message": "m/churn BentoExported=False BucketUnreachable: no answer", "condition": "BentoExported",
             "reason": "BucketUnreachable", "severity": "warn"}  # fmt: skip
NO_BENTO = {"message": "m/churn BentoExported=False BentoNotFound: no bento", "condition": "BentoExported",
            "reason": "BentoNotFound", "severity": "warn"}  # fmt: skip
EXPORTED = {"message": "m/churn BentoExported=True Exported: x", "condition": "BentoExported", "reason": "Exported",
            "severity": "info"}  # fmt: skip
FAILED, WARNING, UNKNOWN = State.FAILED, State.WARNING, State.UNKNOWN
CASES = [
    pytest.param(but(version="v1.33.13"), "Kubernetes", FAILED, "v1.33.13 is too old", id="an old cluster"),
    pytest.param(
        but(own_time=NOW + timedelta(minutes=5)), "clock", WARNING, "300 s ahead of", id="a clock ahead"
    ),
    pytest.param(
        but(crds=dict.fromkeys(CRDS)), "CRD e2imodels.serving.e2i.dev", FAILED, "not installed", id="no CRD"
    ),
    pytest.param(
        but(crds=OLD_CRD),
        "CRD bentodeployments.serving.yatai.ai",
        FAILED,
        "v2alpha1 is not served, only v1alpha3",
        id="old Yatai",
    ),
    pytest.param(
        but(crds=None),
        "CRD e2imodels.serving.e2i.dev",
        UNKNOWN,
        "may not read custom",
        id="CRDs not readable",
    ),
    pytest.param(
        but(deployments=(OPERATOR,)), "yatai-deployment", UNKNOWN, "no Deployment has", id="Yatai elsewhere"
    ),
    pytest.param(
        but(secrets=NO_SECRET),
        "yatai-deployment",
        FAILED,
        "the Secret yatai-system/yatai-common-env",
        id="no Secret",
    ),
    pytest.param(
        but(network=False), "yatai-deployment", FAILED, "ConfigMap yatai-deployment/network", id="no network"
    ),
    pytest.param(
        but(deployments=(YATAI, a_deployment("yatai-image-builder", "b"), OPERATOR)),
        "yatai-image-builder",
        FAILED,
        "the variable DOCKER_REGISTRY_SERVER",
        id="no registry",
    ),
    pytest.param(but(deployments=(), operators=()), "operator", FAILED, "not installed", id="no operator"),
    pytest.param(
        but(deployments=(a_deployment("e2i-operator", "e2i-system", ready=0),)),
        "operator",
        FAILED,
        "0 of 1 pods",
        id="no pod",
    ),
    pytest.param(
        but(health={"code": 503, "unready": "bentorequests cannot be watched", "stale": []}),
        "operator",
        FAILED,
        "cannot be watched",
        id="an operator that is not ready",
    ),
    pytest.param(but(lease={}), "leader", FAILED, "no Lease e2i-system/e2i-operator", id="never active"),
    pytest.param(
        but(lease={}, operators=(an_operator(E2I_LEASE_NAME="blue"),)),
        "leader",
        FAILED,
        "no Lease e2i-system/blue",
        id="never active, with a Lease of another name",
    ),
    pytest.param(but(lease={}, operators=()), "leader", FAILED, "no operator has a Lease", id="nobody"),
    pytest.param(
        but(lease={"spec": {"holderIdentity": ""}}), "leader", FAILED, "no operator holds", id="released"
    ),
    pytest.param(
        but(server_time=NOW + timedelta(hours=1)), "leader", FAILED, "3602 s ago", id="a silent leader"
    ),
    pytest.param(
        but(refused=("create services",)),
        "rights",
        FAILED,
        "may not create services",
        id="a right that lacks",
    ),
    pytest.param(
        but(deployments=(YATAI, BUILDER, scaled_to_zero(OPERATOR))),
        "operator",
        FAILED,
        "Deployment e2i-system/e2i-operator is scaled to zero",
        id="an operator that somebody scaled to zero",
    ),
    pytest.param(
        but(refused=None, not_asked='failed calling webhook "check.example": context deadline exceeded'),
        "rights",
        FAILED,
        'failed calling webhook "check.example"',
        id="a webhook of somebody else that holds up the question for rights, as it does every write",
    ),
    pytest.param(
        but(refused=None), "rights", UNKNOWN, "subjectaccessreviews", id="rights that nobody may ask for"
    ),
    pytest.param(
        but(log=(MISSPELT,)), "settings", WARNING, "is E2I_NAMESPACES meant?", id="a misspelt setting"
    ),
    pytest.param(but(log=(BAD_KEY,)), "bucket", FAILED, "BucketForbidden", id="a bucket that refuses"),
    pytest.param(
        but(log=(UNSAFE,)),
        "bucket",
        WARNING,
        "ignores conditional writes",
        id="an S3 server without conditions",
    ),
    pytest.param(
        but(log=(EXPORTED, NO_EXPORT)), "bucket", FAILED, "BucketUnreachable", id="an export that fails"
    ),
    pytest.param(
        but(log=(NO_BENTO,)), "bucket", State.OK, "no complaint", id="a bento that is missing in the store"
    ),
    pytest.param(
        but(log=(NO_EXPORT, EXPORTED)), "bucket", State.OK, "no complaint", id="a bucket that is back"
    ),
    pytest.param(but(lease=None), "leader", UNKNOWN, "leases", id="a Lease that nobody may read"),
    pytest.param(but(log=None), "bucket", UNKNOWN, "pods/log", id="a log that nobody may read"),
    pytest.param(but(policies=frozenset()), "policy e2i-pods", WARNING, "PodPolicyMissing", id="no policy"),
    pytest.param(
        but(broken_bindings=("the binding x-e2i-pods names the policy e2i-pods, which is not there",)),
        "policy bindings",
        FAILED,
        "names the policy e2i-pods, which is not there",
        id="a binding of no policy",
    ),
    pytest.param(
        but(policies=frozenset({"e2i-pods", "e2i-replicas"})),
        "policy e2i-pre-stop",
        WARNING,
        "may lose requests as it ends",
        id="no policy of the pause",
    ),
    pytest.param(
        but(policies=frozenset({"e2i-pods"})),
        "policy e2i-replicas",
        WARNING,
        "all pods but one end",
        id="no policy of replicas",
    ),
    pytest.param(
        but(policies=frozenset({"e2i-pods"}), deployments=(OPERATOR,)),
        "policy e2i-replicas",
        State.OK,
        "only yatai-deployment needs it",
        id="no policy of replicas and no Yatai",
    ),
    pytest.param(
        but(
            deployments=(YATAI, BUILDER, a_deployment("e2i-operator", "e2i-system", ready=0)),
            log=(
                {"severity": "error", "message": "a setting cannot be used: E2I_EXPORTS=x"},
                {"severity": "info"},
            ),
        ),
        "operator",
        State.FAILED,
        "0 of 1 pods are available; the last error in its log: a setting cannot be used: E2I_EXPORTS=x",
        id="an operator that does not start",
    ),
    pytest.param(
        but(
            deployments=(YATAI, BUILDER, a_deployment("e2i-operator", "e2i-system", ready=0)),
            log=(
                {"severity": "warn", "message": "the Lease was not renewed: 401 Unauthorized"},
                {"severity": "warn", "message": "models/churn Refused: no", "model": "models/churn"},
            ),
        ),
        "operator",
        FAILED,
        "0 of 1 pods are available; the last warning in its log: the Lease was not renewed: 401 Unauthorized",
        id="an operator that waits for the API server",
    ),
    pytest.param(
        but(account=False),
        "rights",
        FAILED,
        "the operator's service account does not exist",
        id="a service account that was deleted, though its bindings still name it",
    ),
    pytest.param(
        but(
            deployments=(YATAI, BUILDER, with_pods(OPERATOR, 1)),
            log=({"severity": "error", "message": "a setting cannot be used: E2I_EXPORTS=x"},),
        ),
        "operator",
        WARNING,
        "1 of 1 pods are available, 1 of its last edit is not; the last error in its log: a setting cannot be used",
        id="an edit that does not start, beside the old pod",
    ),
    pytest.param(
        but(deployments=(YATAI, BUILDER, with_pods(OPERATOR, 1, TIMED_OUT))),
        "operator",
        FAILED,
        '1 of its last edit is not: ReplicaSet "x" has timed out progressing.',
        id="an edit that Kubernetes gave up waiting for",
    ),
    pytest.param(
        but(deployments=(with_pods(YATAI, 2), BUILDER, OPERATOR)),
        "yatai-deployment",
        WARNING,
        "1 of 1 pods are available, 1 not",
        id="a pod that was lost",
    ),
    pytest.param(
        but(operators=(an_operator(E2I_NAMESPACES="team-a"),), strays=("team-b/iris",)),
        "namespaces",
        WARNING,
        "the operator looks at team-a; no operator has looked at team-b/iris",
        id="a model in a namespace of nobody",
    ),
    pytest.param(but(strays=None), "namespaces", State.UNKNOWN, "e2imodels", id="strays unread"),
    pytest.param(
        but(operators=(E2I, an_operator("blue", E2I_BUCKET_PREFIX="blue"))),
        "several operators",
        FAILED,
        "are both set to have all namespaces: one of them does nothing there",
        id="two operators of one cluster",
    ),
    pytest.param(
        but(
            operators=(
                an_operator(E2I_NAMESPACES="risk, churn", E2I_BUCKET_PREFIX="a"),
                an_operator("blue", E2I_NAMESPACES="churn,x"),
            )
        ),
        "several operators",
        FAILED,
        "the Deployments e2i-system/e2i-operator and blue/e2i-operator are both set to have churn: one of them",
        id="two operators of one namespace",
    ),
    pytest.param(
        but(operators=(an_operator(E2I_NAMESPACES="risk"), an_operator("blue", E2I_NAMESPACES="churn"))),
        "several operators",
        FAILED,
        "write to the same place of one bucket, http://s3:9000/bentos: neither knows",
        id="two operators of one folder",
    ),
    pytest.param(
        but(operators=(an_operator(E2I_NAMESPACES="risk"), an_operator(E2I_NAMESPACES="churn"))),
        "several operators",
        FAILED,
        "share the Lease e2i-system/e2i-operator: only one of them is active",
        id="two operators of one Lease",
    ),
    pytest.param(
        but(
            operators=(
                an_operator(E2I_NAMESPACES="risk", E2I_BUCKET_PREFIX="risk/"),
                an_operator("blue", E2I_NAMESPACES="churn", E2I_BUCKET_PREFIX="churn"),
            )
        ),
        "several operators",
        State.OK,
        "the other findings are of e2i-system/e2i-operator",
        id="two operators that share nothing",
    ),
    pytest.param(
        but(
            operators=(
                an_operator(E2I_NAMESPACES="risk", E2I_BUCKET=""),
                an_operator("blue", E2I_NAMESPACES="churn", E2I_BUCKET=""),
            )
        ),
        "several operators",
        State.OK,
        "the other findings are of e2i-system/e2i-operator",
        id="two operators whose buckets cannot be read",
    ),
    pytest.param(but(metrics=False), "metrics server", WARNING, "fewest pods", id="no metrics server"),
]


@pytest.mark.parametrize(("seen", "part", "state", "words"), CASES)
def test_a_part_that_is_not_well(seen: Installation, part: str, state: State, words: str) -> None:
    (found,) = [each for each in judged(seen) if each.part == part]
    print(found)  # noqa: T201 - shown by `pytest -rP`, to be read as users would
    assert found.state is state
    assert words in found.message
    assert bool(found.next_step) is (state is not State.OK) or words.startswith("ignores")


@pytest.mark.parametrize(
    ("version", "step"),
    [
        ("v1.36.0", "Apply kustomize/components/pod-policy."),
        ("v1.34.2", "Apply kustomize/components/pod-policy-v1beta1. The API server needs the feature gate"),
        ("v1.33.0", "It needs Kubernetes 1.34 or newer: see docs/howto/pods.md."),
    ],
)
def test_the_next_step_for_the_policies_is_one_that_the_cluster_can_do(version: str, step: str) -> None:
    found = [
        each for each in judged(but(version=version, policies=frozenset())) if each.part.startswith("policy")
    ]
    assert [each.part for each in found] == [
        "policy e2i-pods",
        "policy e2i-pre-stop",
        "policy e2i-replicas",
    ]
    assert all(each.next_step.startswith(step) for each in found)


def test_every_right_that_is_asked_for_is_given_by_the_manifests() -> None:
    roles = [each for each in yaml.safe_load_all(RBAC.read_text()) if each["kind"] in ("ClusterRole", "Role")]
    given = {
        (verb, group, resource)
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    asked = {
        (each.verb, each.group, "/".join(filter(None, (each.resource, each.subresource))))
        for each in (*NEEDED, *OF_ITS_LEASE)
    }
    assert asked <= given
