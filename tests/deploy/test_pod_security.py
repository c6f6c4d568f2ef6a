"""Each pod of e2i is admitted where a namespace enforces the restricted profile of Pod Security."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.programs import CHART, PROJECT, Program
from deploy.test_chart import BUCKET
from support import quick_yaml

from e2i.conformance.subject import Subject
from e2i.conformance.traffic import load_pod
from e2i.controller.core.retraining import parse_template

pytestmark = pytest.mark.api

NAMESPACE = "restricted"
RESTRICTED = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}
COMPONENTS = ("gateway", "local-s3")
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def restricted(kubectl: Program) -> Iterator[None]:
    kubectl("create", "-f", "-", given=json.dumps(RESTRICTED))
    # A controller makes it, and no pod is admitted before.
    kubectl("wait", "--for=create", "serviceaccount/default", f"--namespace={NAMESPACE}", "--timeout=90s")
    yield
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_every_pod_of_e2i_is_admitted_in_a_restricted_namespace(
    kubectl: Program, kustomize: Program, helm: Program, restricted: None, tmp_path: Path
) -> None:
    made = [
        *quick_yaml.load_all(kustomize(with_components(tmp_path))),
        *quick_yaml.load_all(kustomize(with_registry(tmp_path))),
        *quick_yaml.load_all(
            helm(
                "template",
                "e2i-operator",
                CHART,
                "--namespace=e2i-system",
                *BUCKET,
                "--set",
                "gateway.enabled=true",
            )
        ),
        loading(),
        training(),
    ]
    pods = [pod for each in made if each for pod in pods_of(each)]
    # Operator and gateway twice, S3, registry, both of Yatai, the chart's test, the load of conformance, and training.
    assert len(pods) == 11
    listed = {"apiVersion": "v1", "kind": "List", "items": pods}
    done = kubectl.tried("create", "--dry-run=server", "-o=name", "-f", "-", given=json.dumps(listed))
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(pods)


def test_a_pod_that_may_be_root_is_refused_there(kubectl: Program, restricted: None) -> None:
    """Else the test above would show nothing."""
    (pod,) = pods_of(loading())
    del pod["spec"]["securityContext"]
    done = kubectl.tried("create", "--dry-run=server", "-f", "-", given=json.dumps(pod))
    assert 'violates PodSecurity "restricted' in done.stderr
    assert "runAsNonRoot != true" in done.stderr


def loading() -> Manifest:
    """The pod with which conformance sends requests to a model whose own pod says nothing of its user."""
    subject = Subject(spec={}, env=(), check={"path": "/predict", "body": "{}"})
    return dict(
        load_pod(subject, {"image": "registry.example.com/churn:1"}, {"spec": {}}, "http://10.0.0.1:3000")
    )


def training() -> Manifest:
    """The Job of the page on drift: it runs in the namespace of the operator, which is restricted."""
    page = (PROJECT / "docs" / "howto" / "drift.md").read_text()
    (shown,) = (block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "kind: Job" in block)
    return {**parse_template(yaml.safe_load(shown)["data"]["template.yaml"]), "metadata": {"name": "train"}}


def pods_of(made: Manifest) -> Iterator[Manifest]:
    """The pod that an object is, or makes. Accounts are left out: they are not in this namespace."""
    if made["kind"] == "Pod":
        template = made
    elif "template" in made.get("spec", {}):
        template = made["spec"]["template"]
    else:
        return
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    metadata = {"generateName": f"{made['metadata']['name']}-", "namespace": NAMESPACE}
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def with_components(folder: Path) -> Path:
    """An overlay of the base with the components that have pods, beside copies of both."""
    for name in ("kustomize", "manifests"):
        shutil.copytree(PROJECT / name, folder / name)
    overlay = folder / "kustomize" / "overlays" / "pods"
    overlay.mkdir()
    parts = {"resources": ["../../base"], "components": [f"../../components/{name}" for name in COMPONENTS]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(parts))
    return overlay


def with_registry(folder: Path) -> Path:
    """Both controllers of Yatai with the registry, in the copy."""
    overlay = folder / "kustomize" / "yatai-stack" / "pods"
    overlay.mkdir()
    parts = {"resources": ["../base"], "components": ["../components/registry"]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(parts))
    return overlay
