"""Both Helms install, upgrade, roll back and uninstall the charts, on a cluster where the operator really runs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.programs import CHART, CRD_CHART, PROJECT, Program
from support.cluster import Kept, temporary_home

from e2i.local.cluster import bring_up
from e2i.local.layout import ClusterHome

pytestmark = pytest.mark.e2e

CRD = "customresourcedefinition.apiextensions.k8s.io/e2imodels.serving.e2i.dev\n"
OPERATOR = "deployment/e2i-operator"
OF_THE_CLUSTER = "clusterroles,clusterrolebindings,mutatingadmissionpolicies,validatingadmissionpolicies"
OF_THE_NAMESPACE = "all,configmaps,secrets,serviceaccounts,roles,rolebindings,pdb,networkpolicies"
MODEL = {
    "apiVersion": "serving.e2i.dev/v1alpha1",
    "kind": "E2IModel",
    "metadata": {"name": "churn", "namespace": "default"},
    "spec": {"type": "Classification", "bento": {"tag": "nobody-built:1"}},
}
MODELS = "e2imodel.serving.e2i.dev/churn\n"


@dataclass(frozen=True)
class Helm:
    """One of both Helms, working on the namespace e2i-system of a cluster without an operator."""

    program: Program
    kubectl: Program
    values: Path

    def __call__(self, verb: str, *arguments: object) -> str:
        return self.program(verb, *arguments, "--namespace=e2i-system")

    def install(self, *arguments: object) -> None:
        # The local cluster made the settings before.
        self("install", "e2i-operator", CHART, f"--values={self.values}", "--take-ownership", *arguments)

    def uninstall(self) -> None:
        self("uninstall", "e2i-operator", "--ignore-not-found", "--wait", "--timeout=120s")
        # Helm does not wait for the pods of what it deleted.
        selected = ("--namespace=e2i-system", "-l=app.kubernetes.io/name=e2i-operator")
        self.kubectl("wait", "pods", *selected, "--for=delete", "--timeout=120s")

    def available(self) -> dict[str, Any]:
        """The operator's pod template, when pods of it run and are ready."""
        self.kubectl("rollout", "status", OPERATOR, "--namespace=e2i-system", "--timeout=180s")
        found = json.loads(self.kubectl("get", OPERATOR, "--namespace=e2i-system", "-o=json"))
        template: dict[str, Any] = found["spec"]["template"]
        return template


@pytest.fixture(scope="module")
def cluster(kept: Kept, say: Callable[[str], None]) -> ClusterHome:
    return kept.enter("cluster_without_operator", lambda: _cluster(say))


@contextlib.contextmanager
def _cluster(say: Callable[[str], None]) -> Iterator[ClusterHome]:
    with temporary_home("test-helm") as home:
        bring_up(home, say, bento_store=home.root / "bentoml", overlay=None)
        yield home


@pytest.fixture(params=["helm", "helm_3"], ids=["Helm 4", "Helm 3"])
def release(cluster: ClusterHome, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Helm]:
    """At the end there is neither release nor CRD."""
    kubectl = Program((str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}"))
    found = json.loads(kubectl("get", "configmap", "e2i-operator", "--namespace=e2i-system", "-o=json"))[
        "data"
    ]
    bucket = {"name": "E2I_BUCKET", "region": "AWS_REGION", "endpoint": "AWS_ENDPOINT_URL"}
    values = {
        "bucket": {name: found[setting] for name, setting in bucket.items()},
        "settings": {name: found[name] for name in ("E2I_BENTO_STORE", "E2I_POD_NETWORK")},
    }
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    program = Program((*request.getfixturevalue(request.param).argv, f"--kubeconfig={cluster.kubeconfig}"))
    made = Helm(program, kubectl, tmp_path / "values.yaml")
    yield made
    made.uninstall()
    made("uninstall", "e2i-operator-crds", "--ignore-not-found", "--wait")
    kubectl("delete", CRD.strip(), "--ignore-not-found", "--timeout=120s")
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "e2i-operator"}, "data": found}
    kubectl("apply", "--namespace=e2i-system", "--filename=-", given=json.dumps(kept))


def test_an_operator_is_installed_tested_changed_rolled_back_and_removed(release: Helm) -> None:
    kubectl = release.kubectl
    release.install()
    first = release.available()
    tested = release("test", "e2i-operator", "--timeout=180s")
    assert "Succeeded" in tested
    kubectl("create", "--filename=-", given=json.dumps(MODEL))
    kubectl("wait", "--for=jsonpath={.status.conditions[?(@.type=='Ready')].reason}=BentoNotFound", MODELS.strip(),
            "--timeout=60s")  # fmt: skip

    missing = ("--set", "namespaces={default,nobody}")
    refused = release.program.tried(
        "upgrade", "e2i-operator", CHART, f"--values={release.values}", *missing, "--namespace=e2i-system"
    )
    assert "there is no namespace nobody in the cluster. Create it first: kubectl create" in refused.stderr
    release("upgrade", "e2i-operator", CHART, f"--values={release.values}")
    assert release.available() == first
    changed = ("--set-string", "settings.E2I_WORKERS=4")
    release("upgrade", "e2i-operator", CHART, f"--values={release.values}", *changed)
    assert release.available() != first
    release("rollback", "e2i-operator", "1")
    assert release.available() == first

    release.uninstall()
    assert leftovers(kubectl) == {"secret/e2i-s3"}
    assert kubectl("get", "crd", "-o=name").count("e2imodels") == 1
    assert kubectl("get", "e2im", "-o=name") == MODELS
    release.install()
    release.available()
    assert kubectl("get", "e2im", "-o=name") == MODELS


def leftovers(kubectl: Program) -> set[str]:
    """Names in the operator's namespace but for what every namespace has, and of e2i's objects of the cluster."""
    inside = kubectl("get", OF_THE_NAMESPACE, "--namespace=e2i-system", "-o=name").split()
    outside = kubectl("get", OF_THE_CLUSTER, "-o=name", "-l=app.kubernetes.io/part-of=e2i").split()
    return {*inside, *outside} - {"configmap/kube-root-ca.crt", "serviceaccount/default"}


@pytest.mark.parametrize("release", ["helm"], ids=["Helm 4"], indirect=True)
def test_a_failing_test_says_why(release: Helm) -> None:
    release.install()
    release.available()
    release.kubectl("scale", OPERATOR, "--namespace=e2i-system", "--replicas=0")
    failed = release.program.tried("test", "e2i-operator", "--namespace=e2i-system", "--timeout=180s")
    assert failed.returncode
    log = release.kubectl("logs", "e2i-operator-ready", "--namespace=e2i-system")
    assert "The operator was not ready within 20 s" in log


def test_the_crd_may_have_a_release_of_its_own(release: Helm) -> None:
    kubectl = release.kubectl
    release("install", "e2i-operator-crds", CRD_CHART)
    release.install("--set", "crds.enabled=false")
    release.available()
    kubectl("create", "--filename=-", given=json.dumps(MODEL))
    release("upgrade", "e2i-operator-crds", CRD_CHART)
    release("uninstall", "e2i-operator-crds", "--wait")
    assert kubectl("get", "e2im", "-o=name") == MODELS
    # The chart of the operator takes over what the other one left.
    release("upgrade", "e2i-operator", CHART, f"--values={release.values}", "--take-ownership")
    assert kubectl("get", "crd", "-o=name", "-l=app.kubernetes.io/part-of=e2i") == CRD


def test_a_crd_that_somebody_else_applied_is_not_taken_unasked(release: Helm) -> None:
    release.kubectl("apply", "--server-side", "-f", PROJECT / "manifests" / "crds" / "e2imodels.yaml")
    arguments = ("install", "others", CHART, "--namespace=default", "--set", "bucket.name=e2i-bentos")
    refused = release.program.tried(*arguments)
    assert refused.returncode
    assert "e2imodels.serving.e2i.dev" in refused.stderr


def test_there_is_no_second_operator_in_a_cluster(release: Helm) -> None:
    release.install()
    arguments = (
        "install",
        "others",
        CHART,
        "--namespace=default",
        "--set",
        "bucket.name=e2i-bentos,crds.enabled=false",
    )
    refused = release.program.tried(*arguments)
    assert refused.returncode
    assert "e2i-models-" in refused.stderr
