"""The Helm charts as they are rendered: the objects of the manifests, and values that are checked."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy.programs import CHART, CRD_CHART, PROJECT, Program
from support import quick_yaml

from e2i.controller.settings import Settings

CRD = "e2imodels.serving.e2i.dev"
BUCKET = ("--set", "bucket.name=e2i-bentos")
OF_HELM = {
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
    "helm.sh/resource-policy",
    "checksum/settings",
}
"""Labels and annotations that the chart's objects have beside those of the manifests."""
GUARD = ("privileges", "service-accounts", "own-labels", "own-objects", "images")
DASHBOARDS = ("overview", "slo", "model", "releases", "operator", "gateway")
MONITORING = (
    "podmonitor.yaml",
    "gateway-podmonitor.yaml",
    "prometheusrule.yaml",
    *(f"dashboards/e2i-{each}.json" for each in DASHBOARDS),
)


def rendered(helm: Program, *values: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The chart's objects by kind and name, installed as the manifests are."""
    text = helm("template", "e2i-operator", CHART, "--namespace=e2i-system", "--skip-tests", *BUCKET, *values)
    return by_name(text)


def by_name(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    objects = [item for item in quick_yaml.load_all(text) if item]
    named = {(item["kind"], item["metadata"]["name"]): item for item in objects}
    assert len(named) == len(objects)
    return named


def without_helm(value: Any) -> Any:
    """The same without what only Helm needs, and without the maps that are empty then."""
    if isinstance(value, list):
        return [without_helm(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: without_helm(item) for key, item in value.items() if key not in OF_HELM}
    return {key: item for key, item in kept.items() if item != {} or value[key] == {}}


def operator(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    template: dict[str, Any] = objects["Deployment", "e2i-operator"]["spec"]["template"]
    return template


def test_the_chart_passes_helms_own_check(helm: Program) -> None:
    helm("lint", "--strict", CHART, *BUCKET)
    helm("lint", "--strict", CRD_CHART)


COPIES = [
    (CRD_CHART, "crds/e2imodels.yaml", "e2imodels.yaml"),
    (CHART, "crds/e2imodels.yaml", "e2imodels.yaml"),
    (CHART, "policies/pods.yaml", "pods.yaml"),
    (CHART, "policies/pre-stop.yaml", "pre-stop.yaml"),
    (CHART, "policies/replicas.yaml", "replicas.yaml"),
    *((CHART, f"policies/guard/{each}.yaml", f"guard/{each}.yaml") for each in GUARD),
    *((CHART, f"monitoring/{each}", f"monitoring/{each}") for each in MONITORING),
]


@pytest.mark.parametrize(("chart", "original", "copy"), COPIES)
def test_the_charts_have_the_files_of_the_manifests(chart: Path, original: str, copy: str) -> None:
    """If not: copy it there."""
    assert (chart / "files" / copy).read_bytes() == (PROJECT / "manifests" / original).read_bytes()


@pytest.mark.parametrize("chart", [CHART, CRD_CHART], ids=lambda chart: chart.name)
def test_every_value_is_described_and_known_to_the_schema(chart: Path) -> None:
    """`# -- ` before a value, or before the group that it is in."""
    schema = json.loads((chart / "values.schema.json").read_text())
    values = (chart / "values.yaml").read_text()
    known = set(paths(schema)) - {"global"}
    assert described(values.splitlines()) == known
    assert set(leaves(quick_yaml.load(values), known)) == known


def paths(schema: dict[str, Any], at: str = "") -> Iterator[str]:
    """The schema's values: image.tag, settings, ..."""
    for name, below in schema["properties"].items():
        if "properties" in below and name != "settings":
            yield from paths(below, f"{at}{name}.")
        else:
            yield f"{at}{name}"


def described(lines: list[str]) -> set[str]:
    """The values that follow a comment that begins with `# -- `."""
    found, group, comment = set(), "", False
    for line in lines:
        name, bare = line.strip().partition(":")[0], line.strip()
        if bare.startswith("#"):
            comment = comment or bare.startswith("# -- ")
        elif bare and not bare.startswith("-"):
            group = group if line.startswith(" ") else ""
            if comment and line.startswith("  ") and group:
                found.add(f"{group}.{name}")
            elif comment:
                found.add(name)
            else:
                group = name
            comment = False
    return found


def leaves(values: dict[str, Any], known: set[str], at: str = "") -> Iterator[str]:
    for name, value in values.items():
        if f"{at}{name}" in known or not isinstance(value, dict):
            yield f"{at}{name}"
        else:
            yield from leaves(value, known, f"{at}{name}.")


def test_the_crds_of_both_charts_are_the_same(helm: Program) -> None:
    """So that one chart can take over from the other."""
    (alone,) = by_name(helm("template", "e2i-operator-crds", CRD_CHART)).values()
    assert alone == rendered(helm)["CustomResourceDefinition", CRD]
    (mortal,) = by_name(helm("template", "e2i-operator-crds", CRD_CHART, "--set", "keep=false")).values()
    assert "annotations" not in mortal["metadata"]


def test_an_operator_of_chosen_namespaces_has_the_same_rights_there_and_none_elsewhere(helm: Program) -> None:
    values = ("--namespace=e2i-system", *BUCKET)
    whole = rendered(helm)
    text = helm("template", "e2i-operator", CHART, *values, "--set", "namespaces={risk,churn}")
    items = [item for item in quick_yaml.load_all(text) if item]
    everywhere = whole["ClusterRoleBinding", "e2i-operator"]
    kinds = {(item["kind"], item["metadata"]["name"]) for item in items}
    assert ("ClusterRoleBinding", "e2i-operator") not in kinds
    bindings = {item["metadata"]["namespace"]: item for item in items if item["kind"] == "RoleBinding"}
    assert set(bindings) == {"risk", "churn", "e2i-system"}
    for namespace in ("risk", "churn"):
        assert bindings[namespace]["roleRef"] == everywhere["roleRef"]
        assert bindings[namespace]["subjects"] == everywhere["subjects"]
    (settings,) = (item for item in items if item["kind"] == "ConfigMap")
    assert settings["data"]["E2I_NAMESPACES"] == "risk,churn"
    roles = [item for item in items if item["kind"] in ("ClusterRole", "Role")]
    assert roles == [whole[item["kind"], item["metadata"]["name"]] for item in roles]


def test_the_rules_for_guarded_namespaces_are_installed_on_demand(helm: Program, kustomize: Program) -> None:
    made, without = rendered(helm, "--set", "guard.enabled=true"), rendered(helm)
    assert {key: made[key] for key in made if key not in without} == by_name(
        kustomize(PROJECT / "manifests" / "policies" / "guard")
    )


def test_monitors_and_alerts_are_installed_on_demand(helm: Program, kustomize: Program) -> None:
    made, without = rendered(helm, "--set", "monitoring.enabled=true"), rendered(helm)
    added = {key: without_helm(made[key]) for key in made if key not in without}
    assert added == by_name(kustomize(PROJECT / "manifests" / "monitoring"))


def test_monitors_and_alerts_have_the_labels_that_a_prometheus_selects(helm: Program) -> None:
    text = helm("template", "models", CHART, "--namespace=ml", *BUCKET, "--set", "monitoring.enabled=true",
                "--set", "monitoring.labels.release=prometheus")  # fmt: skip
    made = [each for each in by_name(text).values() if each["apiVersion"].startswith("monitoring.")]
    assert {each["kind"] for each in made} == {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    assert {(each["metadata"]["namespace"], each["metadata"]["labels"]["release"]) for each in made} == {
        ("ml", "prometheus")
    }


def test_the_rules_ask_for_the_writers_in_the_release_s_namespace(helm: Program) -> None:
    text = helm("template", "models", CHART, "--namespace=ml", *BUCKET, "--set", "guard.enabled=true",
                "--set", "guard.writers={backup}")  # fmt: skip
    made = by_name(text)
    binding = made["ValidatingAdmissionPolicyBinding", "e2i-own-labels"]["spec"]
    assert (
        binding["paramRef"]["namespace"] == made["ConfigMap", "e2i-writers"]["metadata"]["namespace"] == "ml"
    )
    users = "system:serviceaccount:ml:models-e2i-operator\nbackup\n"
    assert made["ConfigMap", "e2i-writers"]["data"]["users"] == users


@pytest.mark.parametrize(
    ("served", "enabled", "version"),
    [
        (("v1", "v1beta1"), "auto", "v1"),
        (("v1beta1",), "auto", "v1beta1"),
        ((), "auto", ""),
        ((), "true", "v1"),
        (("v1",), "false", ""),
    ],
)
def test_the_policy_for_pods_is_installed_where_the_cluster_can_have_it(
    helm: Program, kustomize: Program, served: tuple[str, ...], enabled: str, version: str
) -> None:
    group, kind = "admissionregistration.k8s.io", "MutatingAdmissionPolicy"
    apis = [f"--api-versions={group}/{each}/{kind}" for each in served]
    made = rendered(helm, "--set", f"podPolicy.enabled={enabled}", *apis)
    policies = {key: made[key] for key in made if key[0].startswith(kind)}
    wanted = by_name(kustomize(PROJECT / "manifests" / "policies")) if version else {}
    for each in wanted.values():
        each["apiVersion"] = f"{group}/{version}"
    assert policies == wanted


def test_patching_deployments_is_a_choice_with_its_right_and_its_setting(helm: Program) -> None:
    chosen, usual = rendered(helm, "--set", "podPolicy.patchDeployments=true"), rendered(helm)
    rules = chosen["ClusterRole", "e2i-operator"]["rules"]
    (right,) = [rule for rule in rules if rule not in usual["ClusterRole", "e2i-operator"]["rules"]]
    assert right == {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}
    assert chosen["ConfigMap", "e2i-operator"]["data"]["E2I_PATCH_DEPLOYMENTS"] == "true"
    assert "E2I_PATCH_DEPLOYMENTS" not in usual["ConfigMap", "e2i-operator"]["data"]


def test_the_chart_has_the_version_of_the_operator() -> None:
    chart = quick_yaml.load((CHART / "Chart.yaml").read_text())
    image = quick_yaml.load((PROJECT / "manifests" / "deployment.yaml").read_text())["spec"]["template"]
    assert image["spec"]["containers"][0]["image"].endswith(f":{chart['appVersion']}")


def test_the_chart_makes_the_objects_of_the_manifests(helm: Program, kustomize: Program) -> None:
    """But for the namespace, which Helm makes itself, and the settings, which the manifests leave to an overlay."""
    chart = rendered(helm)
    del chart["ConfigMap", "e2i-operator"]
    manifests = by_name(kustomize(PROJECT / "kustomize" / "base"))
    del manifests["Namespace", "e2i-system"]
    manifests["CustomResourceDefinition", CRD]["metadata"]["labels"] = {"app.kubernetes.io/part-of": "e2i"}
    # The manifests leave it to Kubernetes, which takes the same for a tag that is not `latest`.
    operator(manifests)["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
    assert chart.keys() == manifests.keys()
    for key, made in chart.items():
        assert without_helm(made) == manifests[key]


def test_the_values_become_the_operators_settings(helm: Program) -> None:
    bucket = "bucket.endpoint=https://s3.example.com,bucket.prefix=team"
    given = rendered(helm, "--set", bucket, "--set-string", "settings.E2I_EXPORTS=3")
    assert given["ConfigMap", "e2i-operator"]["data"] == {
        "E2I_BUCKET": "e2i-bentos",
        "E2I_BUCKET_PREFIX": "team",
        "E2I_DOWNLOAD_SECRET": "e2i-bento-download",
        "E2I_EXPORTS": "3",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "https://s3.example.com",
    }


VARIABLES = re.findall(
    r"^\| `([A-Z0-9_]+)` \|", (PROJECT / "docs/reference/settings.md").read_text(), re.MULTILINE
)
FILES: dict[str, tuple[str, ...]] = {
    "E2I_BENTO_STORE": (),
    "E2I_SERVICE_ACCOUNT_DIR": (),
    "E2I_REGISTRY_AUTH": ("--set", "registry.secretName=accounts"),
    "E2I_RETRAIN_TEMPLATE": ("--set", "retraining.configMapName=template"),
}
"""Settings that name a file or a folder, and the values by which it comes into the pod."""


def test_the_schema_knows_the_settings_of_the_operator_and_of_the_gateway() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
    own = {variable for variable in VARIABLES if not variable.startswith("AWS_")}
    assert set(schema["settings"]["properties"]) == own
    page = (PROJECT / "docs/reference/gateway.md").read_text()
    elsewhere = {f"E2I_GATEWAY_{name}" for name in ("ADDRESS", "METRICS_ADDRESS", "ACCESS", "NAMESPACES")}
    listed = set(re.findall(r"^\| `(E2I_GATEWAY_[A-Z_]+)` \|", page, re.MULTILINE))
    assert set(schema["gateway"]["properties"]["settings"]["properties"]) == listed - elsewhere


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_setting_has_a_way_in(helm: Program, variable: str) -> None:
    """By `settings`, where nothing stands in its way, or by a value that is named instead."""
    fits = "info" if variable == "E2I_LOG_LEVEL" else "5"
    done = helm.tried(
        "template", "e2i-operator", CHART, *BUCKET, "--set-string", f"settings.{variable}={fits}"
    )
    if done.returncode:
        assert f"settings.{variable} is not for the settings: it comes from" in done.stderr
        return
    objects = by_name(done.stdout)
    assert objects["ConfigMap", "e2i-operator"]["data"][variable] == fits
    own = [each["name"] for each in operator(objects)["spec"]["containers"][0]["env"]]
    assert variable not in own, "what the Deployment sets by itself wins over the ConfigMap unseen"


def test_each_file_that_a_setting_names_is_in_the_pod(helm: Program) -> None:
    documented = [field.name for field in dataclasses.fields(Settings) if "Path" in str(field.type)]
    assert len(documented) == len(FILES), "a new setting names a file: say in FILES how it comes into the pod"
    defaults = {
        "E2I_BENTO_STORE": Settings(bucket="e").store,
        "E2I_SERVICE_ACCOUNT_DIR": Settings(bucket="e").service_account,
    }
    for variable, values in FILES.items():
        objects = rendered(helm, *values)
        pod = operator(objects)["spec"]
        place = Path(objects["ConfigMap", "e2i-operator"]["data"].get(variable) or defaults[variable])
        mounted = [Path(each["mountPath"]) for each in pod["containers"][0]["volumeMounts"]]
        assert any(
            place.is_relative_to(each) for each in (*mounted, Path("/var/run/secrets/kubernetes.io"))
        ), variable


def test_archives_are_shared_only_if_the_values_say_so(helm: Program) -> None:
    assert "E2I_SHARE_ARCHIVES" not in rendered(helm)["ConfigMap", "e2i-operator"]["data"]
    shared = rendered(helm, "--set", "bucket.shareArchives=true")["ConfigMap", "e2i-operator"]["data"]
    assert shared["E2I_SHARE_ARCHIVES"] == "true"


def test_a_changed_setting_starts_the_operator_anew(helm: Program) -> None:
    first, same = operator(rendered(helm)), operator(rendered(helm, "--set", "bucket.region=us-east-1"))
    other = operator(rendered(helm, "--set", "bucket.region=eu-west-1"))
    assert first == same
    assert first["metadata"]["annotations"] != other["metadata"]["annotations"]
    assert first["spec"] == other["spec"]


def test_the_store_is_the_claim_that_is_named(helm: Program) -> None:
    spec = operator(rendered(helm, "--set", "store.existingClaim=bentos-of-ci"))["spec"]
    claim = {"claimName": "bentos-of-ci", "readOnly": True}
    assert spec["volumes"][0] == {"name": "bentos", "persistentVolumeClaim": claim}


def test_an_operator_with_a_role_needs_no_secret(helm: Program) -> None:
    role = r"serviceAccount.annotations.eks\.amazonaws\.com/role-arn=arn:aws:iam::1:role/e2i"
    objects = rendered(helm, "--set", "bucket.secretName=,bucket.downloadSecretName=", "--set", role)
    (source,) = operator(objects)["spec"]["containers"][0]["envFrom"]
    assert "configMapRef" in source
    assert objects["ConfigMap", "e2i-operator"]["data"]["E2I_DOWNLOAD_SECRET"] == ""
    assert objects["ServiceAccount", "e2i-operator"]["metadata"]["annotations"]


DIGEST = f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("tag", "image"),
    [
        pytest.param("1.2.3", "ghcr.io/e2i-dev/e2i-operator:1.2.3", id="a tag"),
        pytest.param(DIGEST, f"ghcr.io/e2i-dev/e2i-operator@{DIGEST}", id="a digest"),
    ],
)
def test_the_image_is_named_by(helm: Program, tag: str, image: str) -> None:
    objects = rendered(helm, "--set-string", f"image.tag={tag}")
    assert operator(objects)["spec"]["containers"][0]["image"] == image


def test_the_crd_can_be_left_to_somebody_else(helm: Program) -> None:
    assert ("CustomResourceDefinition", CRD) not in rendered(helm, "--set", "crds.enabled=false")


def test_there_may_be_standbys_and_a_store_that_only_one_node_can_mount(helm: Program) -> None:
    spec = rendered(helm, "--set", "replicas=2,strategy=Recreate")["Deployment", "e2i-operator"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (2, {"type": "Recreate"})


REFUSED = [
    pytest.param("bucket.name=", "/bucket/name", id="no bucket"),
    pytest.param("bucket.name=ab", "/bucket/name", id="a bucket's name too short"),
    pytest.param("bucket.endpoint=s3.example.com", "/bucket/endpoint", id="an address that is no URL"),
    pytest.param("bucket.nam=e2i", "'nam'", id="a misspelt value"),
    pytest.param("replicas=0", "/replicas", id="no operator"),
    pytest.param("namespaces={Risk}", "/namespaces/0", id="no name of a namespace"),
    pytest.param("guard.writers={a b}", "/guard/writers/0", id="a writer with a blank"),
    pytest.param(
        "settings.E2I_NAMESPACES=risk",
        "settings.E2I_NAMESPACES is not for the settings",
        id="namespaces twice",
    ),
    pytest.param("strategy=Both", "/strategy", id="an unknown strategy"),
    pytest.param("image.tag=1", "/image/tag", id="a number for a tag"),
    pytest.param("image.tag=sha256:abc", "/image/tag", id="half a digest"),
    pytest.param("image.pullPolicy=Sometimes", "/image/pullPolicy", id="an unknown policy"),
    pytest.param("settings.WORKERS=x", "'WORKERS'", id="a setting that is none of the operator's"),
    pytest.param("settings.E2I_WORKERS=4", "/settings/E2I_WORKERS", id="a number for a setting"),
    pytest.param(
        "settings.E2I_BUCKET=other",
        "settings.E2I_BUCKET is not for the settings: it comes from bucket.name",
        id="a setting that a value of its own decides",
    ),
    pytest.param(
        "settings.AWS_SECRET_ACCESS_KEY=s",
        "comes from the Secret that bucket.secretName names",
        id="a key in a ConfigMap",
    ),
    pytest.param("crds.enabled=maybe", "/crds/enabled", id="neither yes nor no"),
    pytest.param("bucket.name=s3://our-bentos", "/bucket/name", id="an address for the bucket's name"),
    pytest.param("bucket.endpoint=http://a b", "/bucket/endpoint", id="an address with a blank"),
    pytest.param("bucket.region=eu central", "/bucket/region", id="no region"),
    pytest.param("bucket.prefix=a/../b", 'bucket.prefix is "a/../b": write names', id="a prefix that climbs"),
    pytest.param("bucket.secretName=My_Secret", "/bucket/secretName", id="no name of a Secret"),
    pytest.param("image.repository=our/e2i:1.0", "/image/repository", id="a tag in the repository"),
    pytest.param("imagePullSecrets={ours}", "/imagePullSecrets/0", id="a pull Secret without its field"),
    pytest.param("resources.limits.memory=512Q", "/resources/limits/memory", id="no quantity"),
    pytest.param("resources.limit.memory=1Gi", "'limit'", id="a misspelt part of the resources"),
    pytest.param("settings.E2I_NAMESPACE=a", "'E2I_NAMESPACE'", id="a misspelt setting"),
    pytest.param("settings.E2I_WORKERS=many", "/settings/E2I_WORKERS", id="a word for a number"),
    pytest.param(
        "gateway.enabled=true,gateway.minReplicas=7",
        "gateway.minReplicas is 7 and gateway.maxReplicas is 6",
        id="more pods at least than at most",
    ),
    pytest.param(
        "gateway.enabled=true,gateway.httpRoute.host=a.example.com",
        "gateway.httpRoute.parentRefs names no Gateway",
        id="a route that nobody leads to",
    ),
    pytest.param(
        "gateway.settings.E2I_GATEWAY_TIMEOUT_SECONDS=long",
        "/gateway/settings/E2I_GATEWAY_TIMEOUT_SECONDS",
        id="a word for seconds",
    ),
]


@pytest.mark.parametrize(("value", "words"), REFUSED)
def test_refused(helm: Program, value: str, words: str) -> None:
    done = helm.tried("template", "e2i-operator", CHART, *BUCKET, "--set", value)
    print(done.stderr)  # noqa: T201 - shown by `pytest -rP`, to be read as users would
    assert done.returncode
    assert words in done.stderr


def test_the_bucket_must_be_given(helm: Program) -> None:
    assert "/bucket/name" in helm.tried("template", "e2i-operator", CHART).stderr
