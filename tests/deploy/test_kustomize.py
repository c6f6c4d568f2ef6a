"""The kustomize overlays: each can be built, is taken by a real API server, and its pods are admitted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.programs import PROJECT, Program

ENVIRONMENTS = sorted((PROJECT / "kustomize" / "environments").iterdir())
OVERLAYS = sorted((PROJECT / "kustomize" / "overlays").iterdir())
PATIENCE = 60.0


def test_the_base_is_the_manifests(kustomize: Program) -> None:
    assert kustomize(PROJECT / "kustomize" / "base") == kustomize(PROJECT / "manifests")


def test_the_local_overlay_is_the_manifests_and_the_policy(kustomize: Program) -> None:
    built = objects(kustomize(PROJECT / "kustomize" / "overlays" / "local"))
    parts = [objects(kustomize(PROJECT / folder)) for folder in ("manifests", "manifests/policies")]
    assert built == parts[0] | parts[1]


def test_the_policy_for_older_clusters_has_another_version_and_nothing_else(kustomize: Program) -> None:
    components = PROJECT / "kustomize" / "components"
    older = objects(kustomize(components / "pod-policy-v1beta1"))
    assert {each.pop("apiVersion") for each in older.values()} == {"admissionregistration.k8s.io/v1beta1"}
    today = objects(kustomize(components / "pod-policy"))
    assert {each.pop("apiVersion") for each in today.values()} == {"admissionregistration.k8s.io/v1"}
    assert older == today


def test_an_operator_of_chosen_namespaces_has_the_same_rights_there_and_none_elsewhere(
    kustomize: Program, tmp_path: Path
) -> None:
    for folder in ("kustomize", "manifests"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    overlay = tmp_path / "kustomize" / "overlays" / "chosen"
    overlay.mkdir()
    parts = {"resources": ["../../base"], "components": ["../../components/namespaces"]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(parts))
    whole, chosen = objects(kustomize(PROJECT / "manifests")), objects(kustomize(overlay))
    everywhere = whole.pop(("ClusterRoleBinding", "e2i-operator"))
    assert ("ClusterRoleBinding", "e2i-operator") not in chosen
    # That of the Lease has the same name, in the operator's own namespace.
    texts = kustomize(overlay)
    bound = [item for item in yaml.safe_load_all(texts) if item["kind"] == "RoleBinding"]
    (there,) = (item for item in bound if item["metadata"]["namespace"] == "models")
    assert (there["roleRef"], there["subjects"]) == (everywhere["roleRef"], everywhere["subjects"])
    pod = chosen.pop(("Deployment", "e2i-operator"))["spec"]["template"]["spec"]
    assert {"name": "E2I_NAMESPACES", "value": "models"} in pod["containers"][0]["env"]
    roles = [key for key in whole if key[0] in ("ClusterRole", "Role")]
    assert [chosen[key] for key in roles] == [whole[key] for key in roles]


def test_the_component_for_clusters_without_the_policy_adds_a_right_and_a_setting(
    kustomize: Program, tmp_path: Path
) -> None:
    shutil.copytree(PROJECT / "kustomize", tmp_path / "kustomize")
    shutil.copytree(PROJECT / "manifests", tmp_path / "manifests")
    overlay = tmp_path / "kustomize" / "overlays" / "mine"
    overlay.mkdir()
    parts = {"resources": ["../../base"], "components": ["../../components/patch-deployments"]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(parts))
    built = objects(kustomize(overlay))
    usual = objects(kustomize(PROJECT / "manifests"))
    assert built.keys() == usual.keys()
    rules = [each["ClusterRole", "e2i-operator"]["rules"] for each in (built, usual)]
    assert rules[0][:-1] == rules[1]
    assert rules[0][-1] == {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}
    env = operator_pod(list(built.values()))["containers"][0]["env"]
    assert env[-1] == {"name": "E2I_PATCH_DEPLOYMENTS", "value": "true"}


def objects(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """By kind and name."""
    return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(text)}


def test_the_production_overlay_gives_settings_and_a_store(kustomize: Program) -> None:
    built = list(yaml.safe_load_all(kustomize(PROJECT / "kustomize" / "overlays" / "production")))
    (settings,) = (item for item in built if item["kind"] == "ConfigMap")
    pod = operator_pod(built)
    assert pod["containers"][0]["envFrom"][0]["configMapRef"]["name"] == settings["metadata"]["name"]
    assert pod["volumes"][0] == {
        "name": "bentos",
        "persistentVolumeClaim": {"claimName": "bento-store", "readOnly": True},
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.name)
def test_an_environment_holds_the_models_that_are_listed_in_it(
    kustomize: Program, environment: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(environment, tmp_path / environment.name))
    shutil.copy(PROJECT / "manifests" / "samples" / "autoscaled.yaml", folder / "churn.yaml")
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
    listed["resources"].append("churn.yaml")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(listed))
    namespace, model = yaml.safe_load_all(kustomize(folder))
    assert (namespace["kind"], model["kind"]) == ("Namespace", "E2IModel")
    assert ("watch" in model["spec"].get("rollout", {})) == (environment.name == "production")
    assert "replicas" not in model["spec"]


@pytest.mark.api
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_an_overlay_is_applied_and_its_pod_admitted(kubectl: Program, applied: Path) -> None:
    """The namespace enforces the restricted profile, so a pod that is made at all has passed it."""
    deadline = time.monotonic() + PATIENCE
    while not kubectl("get", "pods", "-n=e2i-system", "-o=name"):
        assert time.monotonic() < deadline, kubectl("describe", "rs", "-n=e2i-system")
        time.sleep(0.2)
    assert kubectl("diff", "-k", applied) == ""


@pytest.fixture
def applied(kubectl: Program, overlay: Path) -> Iterator[Path]:
    kubectl("apply", "--server-side", "-k", overlay)
    yield overlay
    kubectl("delete", "-k", overlay, "--timeout=120s")


def operator_pod(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (deployment,) = (item for item in objects if item["kind"] == "Deployment")
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod
