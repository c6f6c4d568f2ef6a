"""`kubectl e2i doctor` on real API servers: an administrator's, a guest's, and a cluster where all is well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.cluster import TestCluster
from support.guarding import put_guard
from support.operating import apply_policies

from e2i.local.kubectl import kubectl

PROGRAM = Path(sys.executable).parent / "kubectl-e2i"


def doctor(kubeconfig: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    done = subprocess.run(
        [PROGRAM, "doctor", *options], env=environment, capture_output=True, text=True, timeout=120
    )
    print(done.stdout)  # noqa: T201 - shown by `pytest -rP`, to be read as users would
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.api
def test_an_administrator_hears_what_is_missing_and_what_to_do(cluster: TestCluster) -> None:
    done = doctor(cluster.kubeconfig)
    assert done.returncode == 1
    assert "x  operator: it is not installed\n   -> Install it (docs/howto/install.md)." in done.stdout
    assert "ok CRD bentodeployments.serving.yatai.ai: v2alpha1 is served" in done.stdout


@pytest.mark.api
def test_a_guest_hears_what_he_may_not_read(cluster: TestCluster, tmp_path: Path) -> None:
    home = cluster.own_home("makes a service account without rights")
    kubectl(home, "create", "serviceaccount", "doctors-guest", "--namespace=default")
    config = yaml.safe_load(home.kubeconfig.read_text())
    token = kubectl(home, "create", "token", "doctors-guest", "--namespace=default").strip()
    config["users"][0]["user"] = {"token": token}
    (tmp_path / "guest").write_text(yaml.safe_dump(config))
    done = doctor(tmp_path / "guest", "--output=json")
    states = {each["part"]: each["state"] for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0
    assert {part for part, state in states.items() if state == "ok"} == {"Kubernetes", "clock"}
    assert {state for part, state in states.items() if part not in ("Kubernetes", "clock")} == {"unknown"}


@pytest.mark.e2e
def test_where_all_is_well_only_what_is_optional_is_missing(local_cluster: TestCluster) -> None:
    done = doctor(local_cluster.kubeconfig, "--output=json")
    found = {each["part"]: each for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0
    # The stand-in for Yatai is no Deployment, and this cluster runs no metrics server.
    assert {part for part, each in found.items() if each["state"] != "ok"} == {
        "yatai-deployment",
        "yatai-image-builder",
        "metrics server",
    }
    policies = ("policy e2i-pods", "policy e2i-pre-stop", "policy e2i-replicas")
    for part in ("operator", "leader", "rights", "bucket", *policies):
        assert found[part]["state"] == "ok"


RENAMED = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: acme-e2i-pods, labels: {app.kubernetes.io/part-of: e2i}}
spec: {policyName: renamed-e2i-pods}
"""
BINDINGS = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: acme-of-somebody-else}
spec: {policyName: of-somebody-else, validationActions: [Deny]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: acme-own-labels, labels: {app.kubernetes.io/part-of: e2i}}
spec:
  policyName: acme-own-labels
  paramRef: {name: e2i-writers, namespace: acme-system, parameterNotFoundAction: Deny}
  validationActions: [Deny]
---
# It matches no request.
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: acme-own-labels}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules: [{apiGroups: [acme.example.com], apiVersions: [v1], resources: [nothing], operations: [CREATE]}]
  validations: [{expression: "true"}]
"""


@pytest.mark.api
def test_a_binding_without_effect_is_told(cluster: TestCluster, tmp_path: Path) -> None:
    home = cluster.own_home("binds rules that are not there")
    # After the last binding with a ConfigMap is deleted, an API server finds no ConfigMap for a policy any more
    # (kubernetes/kubernetes#130887). Those of the guard stay, for the tests that come later.
    put_guard(home)
    (tmp_path / "renamed.yaml").write_text(RENAMED)
    (tmp_path / "bindings.yaml").write_text(BINDINGS)
    try:
        apply_policies(home, tmp_path / "renamed.yaml")
        kubectl(home, "apply", f"--filename={tmp_path / 'bindings.yaml'}")
        done = doctor(cluster.kubeconfig, "--output=json")
    finally:
        kubectl(home, "delete", "--ignore-not-found", f"--filename={tmp_path / 'bindings.yaml'}")
        kubectl(home, "delete", "--ignore-not-found", "mutatingadmissionpolicybinding/acme-e2i-pods")
    found = {each["part"]: each for each in json.loads(done.stdout)["findings"]}
    assert found["policy bindings"]["state"] == "failed"
    assert found["policy bindings"]["message"] == (
        "the binding acme-e2i-pods names the policy renamed-e2i-pods, which is not there; "
        "the binding acme-own-labels names the ConfigMap acme-system/e2i-writers, which is not there"
    )
