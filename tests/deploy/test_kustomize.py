"""The kustomize overlays: each can be built, is taken by a real API server, and its pods are admitted."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.programs import CHART, PROJECT, Program
from support import quick_yaml

ENVIRONMENTS = sorted((PROJECT / "kustomize" / "environments").iterdir())
OVERLAYS = sorted((PROJECT / "kustomize" / "overlays").iterdir())
EXAMPLES = sorted((PROJECT / "kustomize" / "examples").glob("*/*"))
COMPARED = [PROJECT / "kustomize" / "overlays" / name for name in ("dev", "staging", "production")]
KNOBS = {"components", "images"}
"""What differs between the kustomizations of COMPARED; the rest differs in the files settings.env and operator.yaml."""
NAMES_OF = {
    "ConfigMap": ("configMapKeyRef/name", "configMapRef/name", "configMap/name"),
    "Secret": ("secretKeyRef/name", "secretRef/name", "secret/secretName", "imagePullSecrets/name"),
    "ServiceAccount": ("serviceAccountName",),
    "PersistentVolumeClaim": ("claimName",),
    "PriorityClass": ("priorityClassName",),
    "RuntimeClass": ("runtimeClassName",),
}
"""How the fields of the CRD end that name objects of a kind."""
PATIENCE = 60.0


def test_the_base_is_the_manifests(kustomize: Program) -> None:
    assert kustomize(PROJECT / "kustomize" / "base") == kustomize(PROJECT / "manifests")


def test_the_local_overlay_is_the_manifests_and_the_policies_with_a_shorter_pause(kustomize: Program) -> None:
    built = objects(kustomize(PROJECT / "kustomize" / "overlays" / "local"))
    parts = [objects(kustomize(PROJECT / folder)) for folder in ("manifests", "manifests/policies")]
    (pause, *_) = parts[1]["MutatingAdmissionPolicy", "e2i-pre-stop"]["spec"]["variables"]
    assert pause == {"name": "seconds", "expression": "5"}
    pause["expression"] = "1"
    assert built == parts[0] | parts[1]


def test_the_local_overlay_for_older_clusters_differs_in_the_version_of_the_policies_alone(
    kustomize: Program,
) -> None:
    local = PROJECT / "kustomize" / "overlays" / "local"
    newest, older = objects(kustomize(local)), objects(kustomize(local / "v1beta1"))
    policies = {key for key in newest if key[0].startswith("MutatingAdmissionPolicy")}
    assert {older[key].pop("apiVersion") for key in policies} == {"admissionregistration.k8s.io/v1beta1"}
    assert {newest[key].pop("apiVersion") for key in policies} == {"admissionregistration.k8s.io/v1"}
    assert older == newest


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
    overlay = overlay_with("namespaces", tmp_path)
    whole, chosen = objects(kustomize(PROJECT / "manifests")), objects(kustomize(overlay))
    everywhere = whole.pop(("ClusterRoleBinding", "e2i-operator"))
    assert ("ClusterRoleBinding", "e2i-operator") not in chosen
    # That of the Lease has the same name, in the operator's own namespace.
    texts = kustomize(overlay)
    bound = [item for item in quick_yaml.load_all(texts) if item["kind"] == "RoleBinding"]
    (there,) = (item for item in bound if item["metadata"]["namespace"] == "models")
    assert (there["roleRef"], there["subjects"]) == (everywhere["roleRef"], everywhere["subjects"])
    pod = chosen.pop(("Deployment", "e2i-operator"))["spec"]["template"]["spec"]
    assert {"name": "E2I_NAMESPACES", "value": "models"} in pod["containers"][0]["env"]
    roles = [key for key in whole if key[0] in ("ClusterRole", "Role")]
    assert [chosen[key] for key in roles] == [whole[key] for key in roles]


def test_another_namespace_reaches_rules_users_and_bindings_by_the_command_of_the_page(
    kustomize: Program, tmp_path: Path
) -> None:
    overlay = overlay_with("namespaces", tmp_path)
    everything = ("namespaces", "guard", "pod-policy", "monitoring", "gateway", "retraining", "local-s3")
    parts = {"resources": ["../../base"], "components": [f"../../components/{name}" for name in everything]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(parts))
    before = kustomize(overlay)
    page = (PROJECT / "docs" / "howto" / "install.md").read_text()
    (command,) = (line for line in page.splitlines() if line.startswith("grep -rl e2i-system"))
    subprocess.run(["sh", "-ec", command], cwd=tmp_path, check=True, timeout=60)
    after = kustomize(overlay)
    assert "e2i-system" not in after
    expected = quick_yaml.load_all(before.replace("e2i-system", "ml-platform"))
    assert placed(quick_yaml.load_all(after)) == placed(expected)


def placed(found: Iterable[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """By kind, namespace and name."""
    return {
        (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item
        for item in found
    }


def test_the_component_for_accounts_of_registries_mounts_the_secret_where_the_chart_does(
    kustomize: Program, helm: Program, tmp_path: Path
) -> None:
    overlay = overlay_with("registry-auth", tmp_path)
    pod = operator_pod(list(objects(kustomize(overlay)).values()))
    values = ("--set", "bucket.name=e2i-bentos", "--set", "registry.secretName=e2i-registry")
    chart = objects(helm("template", "e2i-operator", CHART, "--namespace=e2i-system", *values))
    charted = operator_pod(list(chart.values()))
    assert pod["volumes"][-1] == charted["volumes"][-1]
    assert pod["containers"][0]["volumeMounts"][-1] == charted["containers"][0]["volumeMounts"][-1]
    setting = {
        "name": "E2I_REGISTRY_AUTH",
        "value": chart["ConfigMap", "e2i-operator"]["data"]["E2I_REGISTRY_AUTH"],
    }
    assert pod["containers"][0]["env"][-1] == setting


def test_the_component_for_retraining_gives_what_the_chart_gives_and_rights_in_the_operators_namespace_alone(
    kustomize: Program, helm: Program, tmp_path: Path
) -> None:
    built = objects(kustomize(overlay_with("retraining", tmp_path)))
    values = ("--set", "bucket.name=e2i-bentos", "--set", "retraining.configMapName=e2i-retraining")
    chart = objects(helm("template", "e2i-operator", CHART, "--namespace=e2i-system", *values))
    pod, charted = (operator_pod(list(each.values())) for each in (built, chart))
    assert pod["volumes"][-1] == charted["volumes"][-1]
    assert pod["containers"][0]["volumeMounts"][-1] == charted["containers"][0]["volumeMounts"][-1]
    place = chart["ConfigMap", "e2i-operator"]["data"]["E2I_RETRAIN_TEMPLATE"]
    assert pod["containers"][0]["env"][-1] == {"name": "E2I_RETRAIN_TEMPLATE", "value": place}
    rights = [each["Role", "e2i-operator-retraining"] for each in (built, chart)]
    assert [each["metadata"]["namespace"] for each in rights] == ["e2i-system"] * 2
    assert rights[0]["rules"] == rights[1]["rules"]
    assert {verb for rule in rights[0]["rules"] for verb in rule["verbs"]} == {"create"}
    usual = objects(helm("template", "e2i-operator", CHART, "--namespace=e2i-system", *values[:2]))
    assert ("Role", "e2i-operator-retraining") not in usual


def test_the_component_for_clusters_without_the_policy_adds_a_right_and_a_setting(
    kustomize: Program, tmp_path: Path
) -> None:
    overlay = overlay_with("patch-deployments", tmp_path)
    built = objects(kustomize(overlay))
    usual = objects(kustomize(PROJECT / "manifests"))
    assert built.keys() == usual.keys()
    rules = [each["ClusterRole", "e2i-operator"]["rules"] for each in (built, usual)]
    assert rules[0][:-1] == rules[1]
    assert rules[0][-1] == {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}
    env = operator_pod(list(built.values()))["containers"][0]["env"]
    assert env[-1] == {"name": "E2I_PATCH_DEPLOYMENTS", "value": "true"}


def overlay_with(component: str, folder: Path) -> Path:
    """An overlay of the base with one component, beside copies of both."""
    for name in ("kustomize", "manifests"):
        shutil.copytree(PROJECT / name, folder / name)
    overlay = folder / "kustomize" / "overlays" / "mine"
    overlay.mkdir()
    parts = {"resources": ["../../base"], "components": [f"../../components/{component}"]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(parts))
    return overlay


def objects(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """By kind and name."""
    return {(item["kind"], item["metadata"]["name"]): item for item in quick_yaml.load_all(text)}


def test_kustomize_knows_every_field_of_a_model_that_names_another_object() -> None:
    crd = quick_yaml.load((PROJECT / "manifests" / "crds" / "e2imodels.yaml").read_text())
    fields = list(
        paths(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"], "spec")
    )
    named = {
        kind: {field for field in fields if field.endswith(tuple(f"/{end}" for end in ends))}
        for kind, ends in NAMES_OF.items()
    }
    known = quick_yaml.load((PROJECT / "kustomize" / "components" / "models" / "references.yaml").read_text())
    told = {each["kind"]: {field["path"] for field in each["fieldSpecs"]} for each in known["nameReference"]}
    assert told == named
    # No other field names an object; this one names a part of the bento.
    others = {field for field in fields if field.endswith("Name")} - {"spec/bento/serviceName"}
    assert others <= set().union(*named.values())


def paths(schema: dict[str, Any], at: str) -> Iterator[str]:
    """Every field, with the lists' items left out as kustomize writes it: spec/env/valueFrom/secretKeyRef/name."""
    while "items" in schema:
        schema = schema["items"]
    below = schema.get("properties", {})
    if not below:
        yield at
    for name, each in below.items():
        yield from paths(each, f"{at}/{name}")


def test_generated_names_prefixes_images_and_replicas_reach_into_a_model(
    kustomize: Program, tmp_path: Path
) -> None:
    shutil.copytree(PROJECT / "kustomize" / "components", tmp_path / "components")
    folder = tmp_path / "models"
    folder.mkdir()
    image, digest = "registry.example.com/churn", "sha256:" + "1" * 64
    spec = {
        "type": "Classification",
        "bento": {"image": f"{image}@sha256:{'0' * 64}"},
        "replicas": 1,
        "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}}],
    }
    model = {"apiVersion": "serving.e2i.dev/v1alpha1", "kind": "E2IModel", "metadata": {"name": "churn"}}
    (folder / "churn.yaml").write_text(yaml.safe_dump({**model, "spec": spec}))
    parts = {
        "namePrefix": "team-",
        "resources": ["churn.yaml"],
        "components": ["../components/models"],
        "secretGenerator": [{"name": "keys", "literals": ["a=b"]}],
        "images": [{"name": image, "digest": digest}],
        "replicas": [{"name": "churn", "count": 5}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(parts))
    built = {kind: (name, item) for (kind, name), item in objects(kustomize(folder)).items()}
    name, made = built["E2IModel"]
    assert name == "team-churn"
    assert made["spec"]["bento"]["image"] == f"{image}@{digest}"
    assert made["spec"]["replicas"] == 5
    secret, _ = built["Secret"]
    assert secret.startswith("team-keys-")
    assert made["spec"]["env"][0]["valueFrom"]["secretKeyRef"]["name"] == secret


def test_the_overlays_of_clusters_differ_in_their_knobs_alone(kustomize: Program) -> None:
    parts = [quick_yaml.load((overlay / "kustomization.yaml").read_text()) for overlay in COMPARED]
    rest = [{key: value for key, value in part.items() if key not in KNOBS} for part in parts]
    assert rest == [rest[0]] * len(rest)
    assert {file.name for overlay in COMPARED for file in overlay.iterdir()} == {
        "kustomization.yaml",
        "operator.yaml",
        "settings.env",
    }
    changed = [quick_yaml.load((overlay / "operator.yaml").read_text()) for overlay in COMPARED]
    assert {tuple(each["spec"]) for each in changed} == {("replicas", "template")}
    for each in changed:
        pod = each["spec"]["template"]["spec"]
        assert set(pod) == {"containers", "volumes"}
        assert set(pod["containers"][0]) == {"name", "resources"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_gives_each_environment_its_own_release(kustomize: Program, example: Path) -> None:
    ((_, model),) = [each for each in objects(kustomize(example)).items() if each[0][0] == "E2IModel"]
    base = quick_yaml.load((example.parent / "base" / "churn.yaml").read_text())
    own = {key for key, value in model["spec"].items() if value != base["spec"].get(key)}
    assert own <= {"bento", "replicas", "rollout", "envFrom"}
    assert (example.name == "base") or "verify" in model["spec"]["rollout"]


def test_the_production_overlay_gives_settings_and_a_store(kustomize: Program) -> None:
    built = list(quick_yaml.load_all(kustomize(PROJECT / "kustomize" / "overlays" / "production")))
    (settings,) = (item for item in built if item["kind"] == "ConfigMap")
    pod = operator_pod(built)
    assert pod["containers"][0]["envFrom"][0]["configMapRef"]["name"] == settings["metadata"]["name"]
    (store,) = (volume for volume in pod["volumes"] if volume["name"] == "bentos")
    assert store == {
        "name": "bentos",
        "persistentVolumeClaim": {"claimName": "bento-store", "readOnly": True},
    }


def test_what_the_page_deletes_is_what_an_overlay_brings(kustomize: Program) -> None:
    """All but the CRD, with which every model would go, namespaces, and settings."""
    page = (PROJECT / "docs" / "howto" / "install.md").read_text()
    listed = re.findall(r"kubectl delete ([a-z,]+) \\\n[^\n]*--selector=app.kubernetes.io/part-of=e2i", page)
    deleted = {kind for kinds in listed for kind in kinds.split(",")}
    brought = objects(kustomize(PROJECT / "kustomize" / "overlays" / "local"))
    kept = {"CustomResourceDefinition", "Namespace", "ConfigMap"}
    wanted = [each for (kind, _), each in brought.items() if kind not in kept]
    assert {each["kind"].lower() for each in wanted} == deleted
    assert [each for each in wanted if each["metadata"]["labels"]["app.kubernetes.io/part-of"] != "e2i"] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.name)
def test_an_environment_holds_the_models_that_are_listed_in_it(
    kustomize: Program, environment: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(environment, tmp_path / environment.name))
    shutil.copy(PROJECT / "manifests" / "samples" / "autoscaled.yaml", folder / "churn.yaml")
    listed = quick_yaml.load((folder / "kustomization.yaml").read_text())
    listed["resources"].append("churn.yaml")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(listed))
    namespace, model = quick_yaml.load_all(kustomize(folder))
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


@pytest.mark.api
@pytest.mark.parametrize("folder", ["policies", "policies/guard"])
def test_policies_are_written_as_the_api_server_keeps_them(
    kubectl: Program, kustomize: Program, folder: str
) -> None:
    """Argo CD compares constraints as one value: what the API server fills in would be a difference for ever."""
    built = list(quick_yaml.load_all(kustomize(PROJECT / "manifests" / folder)))
    policies = [item for item in built if item["apiVersion"].startswith("admissionregistration.k8s.io/")]
    assert policies
    dry_run = ("apply", "--server-side", "--dry-run=server", "--output=yaml", "--filename=-")
    for policy in policies:
        kept = quick_yaml.load(kubectl(*dry_run, given=yaml.safe_dump(policy)))
        assert policy["spec"] == kept["spec"]
