"""kustomize/yatai-stack: both controllers of Yatai with all that they need, in a namespace of the user's choice."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.programs import PROJECT, Program
from support import quick_yaml

from e2i.inspection.doctor.cluster_checks import SECRETS, VARIABLES
from e2i.inspection.doctor.deployments import containers, given_value
from e2i.polling import poll

STACK = PROJECT / "kustomize" / "yatai-stack"
STANDINS = PROJECT / "operator" / "src" / "e2i" / "local" / "yatai" / "crds"
PUBLISHED = PROJECT.parent / "shared" / "yatai" / "crds"
"""Yatai's own CRDs, where they are at hand; each file has one line more, which says where it is from."""
FETCHED = (
    "resources.yatai.ai_bentoes",
    "resources.yatai.ai_bentorequests",
    "serving.yatai.ai_bentodeployments",
)
ACCOUNTS = ("yatai-deployment", "yatai-image-builder")
PATIENCE = 60.0


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """The stack as a user without internet has it: the CRDs are files."""
    folder = Path(shutil.copytree(STACK, tmp_path / "yatai-stack"))
    for name in FETCHED:
        ours = STANDINS / f"{name.rpartition('_')[2]}.yaml"
        published = PUBLISHED / f"{name}.yaml"
        shutil.copy(published if published.exists() else ours, folder / "crds-fetched" / f"{name}.yaml")
    default = folder / "default" / "kustomization.yaml"
    default.write_text(default.read_text().replace("../crds\n", "../crds-fetched\n"))
    return folder


@pytest.fixture
def overlay(stack: Path) -> Path:
    """Everything of the stack in another namespace, with a registry in the cluster and accounts for pulls."""
    folder = stack.parent / "ours"
    folder.mkdir()
    parts = {
        "namespace": "ml-platform",
        "resources": ["../yatai-stack/crds-fetched", "../yatai-stack/base"],
        "components": [f"../yatai-stack/components/{name}" for name in ("registry", "pull-secret")],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(parts))
    return folder


def objects(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["kind"], item["metadata"]["name"]): item for item in quick_yaml.load_all(text)}


def test_another_namespace_reaches_every_object_and_every_binding(kustomize: Program, overlay: Path) -> None:
    built = objects(kustomize(overlay))
    places = {item["metadata"].get("namespace") for item in built.values()}
    assert places == {"ml-platform", None}
    subjects = [each for item in built.values() for each in item.get("subjects", ())]
    assert [each["namespace"] for each in subjects] == ["ml-platform"] * 4
    assert "kubeflow" not in str(built)


def test_both_controllers_have_what_doctor_asks_for(kustomize: Program) -> None:
    built = objects(kustomize(STACK / "base"))
    for name in ACCOUNTS:
        found = built["Deployment", name]
        given = set(variables(found, built))
        assert given >= {*VARIABLES[name], "YATAI_API_TOKEN"}
        assert given_value(found, "YATAI_SYSTEM_NAMESPACE") == "kubeflow"
    assert ("Secret", SECRETS["yatai-deployment"]) in built
    assert built["ConfigMap", "network"]["data"]["domain-suffix"]
    # Instead of the other Secret.
    assert (
        given_value(built["Deployment", "yatai-image-builder"], "YATAI_IMAGE_BUILDER_NAMESPACE") == "kubeflow"
    )


def variables(deployment: dict[str, Any], built: dict[tuple[str, str], dict[str, Any]]) -> Iterator[str]:
    (container,) = containers(deployment)
    yield from (each["name"] for each in container["env"])
    for source in container["envFrom"]:
        if name := source.get("configMapRef", {}).get("name"):
            yield from built["ConfigMap", name]["data"]


def test_the_fetched_crds_are_those_of_the_addresses_and_their_digests_are_known() -> None:
    addresses = quick_yaml.load((STACK / "crds" / "kustomization.yaml").read_text())["resources"]
    files = quick_yaml.load((STACK / "crds-fetched" / "kustomization.yaml").read_text())["resources"]
    sums = dict(
        line.split()[::-1] for line in (STACK / "crds-fetched" / "SHA256SUMS").read_text().splitlines()
    )
    assert [address.rpartition("/")[2] for address in addresses] == files == list(sums)
    for name, digest in sums.items():
        if (published := PUBLISHED / name).exists():
            _, _, content = published.read_bytes().partition(b"\n")
            assert hashlib.sha256(content).hexdigest() == digest


def test_versions_are_those_of_the_tags_of_the_crds(kustomize: Program) -> None:
    built = objects(kustomize(STACK / "base"))
    addresses = (STACK / "crds" / "kustomization.yaml").read_text()
    for name in ACCOUNTS:
        (container,) = containers(built["Deployment", name])
        version = container["image"].rpartition(":")[2]
        assert f"bentoml/{name}/v{version}/config/crd/bases/" in addresses


@pytest.mark.api
def test_the_documented_command_applies_everything_and_the_pods_are_admitted(
    kubectl: Program, kustomize: Program, stack: Path
) -> None:
    """The namespace enforces the restricted profile; the example is applied as the page says."""
    manifests = kustomize(stack / "default")
    given = ("-n", "kubeflow", "--server-side", "--filename=-")
    kubectl("create", "namespace", "kubeflow")
    kubectl("label", "namespace", "kubeflow", "pod-security.kubernetes.io/enforce=restricted")
    try:
        kubectl("apply", *given, "--dry-run=server", given=kustomize(stack / "base"))
        kubectl("apply", *given, given=manifests)
        deadline = time.monotonic() + PATIENCE
        while len(kubectl("get", "pods", "-n=kubeflow", "-o=name").splitlines()) < 2:
            assert time.monotonic() < deadline, kubectl("describe", "rs", "-n=kubeflow")
            time.sleep(0.2)
        assert kubectl("diff", "-n", "kubeflow", "--server-side", "--filename=-", given=manifests) == ""
        kubectl("wait", "--for=condition=Established", "crd", "--all", f"--timeout={PATIENCE}s")
        for example in ("example.yaml", "example-bentorequest.yaml"):
            kubectl("apply", "--filename", stack / example)
    finally:
        kubectl("delete", "--filename=-", "--timeout=120s", given=manifests)
        kubectl("delete", "namespace", "kubeflow", "--timeout=120s")


RIGHTS = [
    ("yatai-deployment", "create", "deployments.apps", "models", "yes"),
    ("yatai-deployment", "watch", "bentodeployments.serving.yatai.ai", "", "yes"),
    ("yatai-deployment", "get", "secrets/yatai-common-env", "ml-platform", "yes"),
    ("yatai-deployment", "list", "secrets", "ml-platform", "no"),
    ("yatai-deployment", "get", "secrets/e2i-bento-download", "models", "no"),
    ("yatai-image-builder", "watch", "secrets", "", "yes"),
    ("yatai-image-builder", "create", "jobs.batch", "models", "yes"),
    ("yatai-image-builder", "create", "deployments.apps", "models", "no"),
]


@pytest.mark.api
def test_each_controller_has_its_rights_and_no_others(kubectl: Program, overlay: Path) -> None:
    kubectl("create", "namespace", "ml-platform")
    try:
        kubectl("apply", "--server-side", "-k", overlay)
        for account, verb, kind, namespace, may in RIGHTS:
            where = (f"--namespace={namespace}",) if namespace else ("--all-namespaces",)
            who = f"--as=system:serviceaccount:ml-platform:{account}"
            asked = ("auth", "can-i", verb, kind, *where, who)

            def is_so(asked: tuple[str, ...] = asked, may: str = may) -> bool:
                return kubectl.tried(*asked).stdout.strip() == may

            # The API server takes new roles into account a moment after it has stored them.
            assert poll(is_so, within=PATIENCE, every=0.2), (account, verb, kind, namespace, may)
    finally:
        kubectl("delete", "-k", overlay, "--timeout=120s")
        kubectl("delete", "namespace", "ml-platform", "--timeout=120s")
