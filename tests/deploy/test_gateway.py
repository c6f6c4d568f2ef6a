"""The gateway in a cluster: chart and kustomize make the same objects, and a real API server takes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.programs import CHART, PROJECT, Program
from deploy.test_chart import BUCKET, by_name, rendered, without_helm
from deploy.test_kustomize import PATIENCE, overlay_with
from support import quick_yaml

ON = ("--set", "gateway.enabled=true")
COMPONENTS = PROJECT / "kustomize" / "components"
DEPLOYMENT = ("Deployment", "e2i-gateway")
Objects = dict[tuple[str, str], dict[str, Any]]


def added(helm: Program, *values: str) -> Objects:
    """The objects that the chart has with these values, beside those that it has anyway."""
    usual = rendered(helm)
    return {key: made for key, made in rendered(helm, *values).items() if key not in usual}


def test_the_chart_makes_the_objects_of_the_component(helm: Program, kustomize: Program) -> None:
    component = by_name(kustomize(COMPONENTS / "gateway"))
    # The manifests leave it to Kubernetes, which takes the same for a tag that is not `latest`.
    container(component)["imagePullPolicy"] = "IfNotPresent"
    charted = {key: without_helm(made) for key, made in added(helm, *ON).items()}
    assert charted.keys() == component.keys()
    for key, made in charted.items():
        assert made == component[key]


def test_it_reads_models_and_nothing_else(kustomize: Program) -> None:
    found = by_name(kustomize(COMPONENTS / "gateway"))
    assert found["ClusterRole", "e2i-gateway"]["rules"] == [
        {"apiGroups": ["serving.e2i.dev"], "resources": ["e2imodels"], "verbs": ["list", "watch"]}
    ]


def test_it_runs_as_the_operator_does(kustomize: Program) -> None:
    pods = [
        by_name(kustomize(PROJECT / folder))["Deployment", name]["spec"]["template"]["spec"]
        for folder, name in (("manifests", "e2i-operator"), ("manifests/gateway", "e2i-gateway"))
    ]
    assert pods[0]["securityContext"] == pods[1]["securityContext"]
    containers = [pod["containers"][0] for pod in pods]
    for field in ("image", "securityContext"):
        assert containers[0][field] == containers[1][field]


def test_without_a_secret_it_is_open_only_if_the_values_say_so(helm: Program) -> None:
    given = environment(added(helm, *ON))
    assert given["E2I_GATEWAY_ACCESS"] == "/etc/e2i/gateway/access.yaml"
    opened = added(helm, *ON, "--set", "gateway.accessSecretName=")
    assert environment(opened)["E2I_GATEWAY_ACCESS"] == "open"
    volumes = opened[DEPLOYMENT]["spec"]["template"]["spec"]["volumes"]
    assert [each["name"] for each in volumes] == ["scratch"]


def test_a_setting_reaches_it(helm: Program) -> None:
    found = added(helm, *ON, "--set-string", "gateway.settings.E2I_GATEWAY_TIMEOUT_SECONDS=5")
    assert environment(found)["E2I_GATEWAY_TIMEOUT_SECONDS"] == "5"


def test_a_pod_that_ends_has_time_for_its_slowest_request(helm: Program) -> None:
    settings = {"E2I_GATEWAY_TIMEOUT_SECONDS": "300.5", "E2I_GATEWAY_DRAIN_SECONDS": "30"}
    slow = added(
        helm, *ON, *(f"--set-string=gateway.settings.{name}={value}" for name, value in settings.items())
    )
    assert slow[DEPLOYMENT]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 30 + 301 + 15


@pytest.mark.parametrize("name", ["E2I_GATEWAY_ACCESS", "E2I_WORKERS"])
def test_a_setting_that_has_another_place_is_refused(helm: Program, name: str) -> None:
    values = (*ON, "--set-string", f"gateway.settings.{name}=x")
    refused = helm.tried("template", "e2i-operator", CHART, *BUCKET, *values)
    assert f"at '/gateway/settings': additional properties '{name}' not allowed" in refused.stderr


def test_of_chosen_namespaces_it_has_rights_there_alone(helm: Program) -> None:
    found = helm(
        *("template", "e2i-operator", CHART, "--namespace=e2i-system", "--skip-tests", *BUCKET, *ON),
        *("--set", "namespaces={risk,churn}"),
    )
    bindings = [
        item
        for item in quick_yaml.load_all(found)
        if item and item["kind"].endswith("RoleBinding") and item["roleRef"]["name"] == "e2i-gateway"
    ]
    assert [(item["kind"], item["metadata"]["namespace"]) for item in bindings] == [
        ("RoleBinding", "risk"),
        ("RoleBinding", "churn"),
    ]
    (deployment,) = [
        item
        for item in quick_yaml.load_all(found)
        if item and item["metadata"]["name"] == "e2i-gateway" and item["kind"] == "Deployment"
    ]
    assert environment({DEPLOYMENT: deployment})["E2I_GATEWAY_NAMESPACES"] == "risk,churn"


@pytest.mark.parametrize(
    ("component", "values"),
    [
        (
            "gateway-ingress",
            (
                "--set",
                "gateway.ingress.host=models.example.com,gateway.ingress.tlsSecretName=e2i-gateway-tls",
            ),
        ),
        (
            "gateway-route",
            (
                "--set",
                "gateway.httpRoute.host=models.example.com",
                "--set-json",
                'gateway.httpRoute.parentRefs=[{"name": "public", "namespace": "gateways", "sectionName": "https"}]',
            ),
        ),
    ],
)
def test_a_host_name_is_a_choice(
    helm: Program, kustomize: Program, component: str, values: tuple[str, ...]
) -> None:
    (made,) = by_name(kustomize(COMPONENTS / component)).values()
    key = made["kind"], "e2i-gateway"
    assert key not in added(helm, *ON)
    assert without_helm(added(helm, *ON, *values)[key]) == made


@pytest.fixture
def applied(kubectl: Program, tmp_path: Path) -> Iterator[Path]:
    overlay = overlay_with("gateway", tmp_path)
    listed = quick_yaml.load((overlay / "kustomization.yaml").read_text())
    listed["components"].append("../../components/gateway-ingress")
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(listed))
    kubectl("apply", "--server-side", "-k", overlay)
    yield overlay
    kubectl("delete", "-k", overlay, "--timeout=120s")


@pytest.mark.api
def test_it_is_applied_and_its_pods_admitted(kubectl: Program, applied: Path) -> None:
    """The namespace enforces the restricted profile, so a pod that is made at all has passed it."""
    deadline = time.monotonic() + PATIENCE
    pods = ("get", "pods", "-n=e2i-system", "-l=app.kubernetes.io/name=e2i-gateway", "-o=name")
    # Two, by the autoscaler, which needs no metrics for its minimum.
    while len(kubectl(*pods).split()) < 2:
        assert time.monotonic() < deadline, kubectl("describe", "rs,hpa", "-n=e2i-system")
        time.sleep(0.2)
    assert kubectl("diff", "-k", applied) == ""


def container(objects: Objects) -> dict[str, Any]:
    found: dict[str, Any] = objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(objects: Objects) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container(objects)["env"]}
