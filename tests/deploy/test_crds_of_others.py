"""Objects of kinds that others define, Gateway API and the Prometheus operator, are taken by their own CRDs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deploy.programs import CHART, PROJECT, Program, module_folder
from deploy.test_chart import BUCKET
from support import quick_yaml

pytestmark = pytest.mark.api

GATEWAY_API = ("sigs.k8s.io/gateway-api@v1.4.0", "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ=")
PROMETHEUS_OPERATOR = (
    "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
)
CRDS = {
    GATEWAY_API: ("config/crd/standard/gateway.networking.k8s.io", ("httproutes",)),
    PROMETHEUS_OPERATOR: (
        "example/prometheus-operator-crd/monitoring.coreos.com",
        ("podmonitors", "servicemonitors", "prometheusrules"),
    ),
}
"""Where a module has its CRDs, and which of them are needed."""
KINDS = {"HTTPRoute", "PodMonitor", "ServiceMonitor", "PrometheusRule"}
NAMESPACE = "kinds-of-others"
VALUES = (
    *("--set", "monitoring.enabled=true", "--set", "gateway.enabled=true"),
    *("--set", "gateway.httpRoute.host=models.example.com"),
    *("--set-json", 'gateway.httpRoute.parentRefs=[{"name": "public", "namespace": "gateways"}]'),
)
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def kinds(kubectl: Program, say: Callable[[str], None]) -> Iterator[None]:
    files = [
        module_folder(*module, say) / f"{start}_{plural}.yaml"
        for module, (start, plurals) in CRDS.items()
        for plural in plurals
    ]
    given = [f"--filename={file}" for file in files]
    kubectl("create", "namespace", NAMESPACE)
    kubectl("apply", "--server-side", *given)
    kubectl("wait", "--for=condition=Established", "--timeout=120s", *given)
    yield
    kubectl("delete", "--wait=true", "--timeout=120s", *given)
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_kustomize_and_the_chart_make_what_the_crds_of_others_take(
    kubectl: Program, kustomize: Program, helm: Program, kinds: None
) -> None:
    texts = (
        kustomize(PROJECT / "kustomize" / "components" / "gateway-route"),
        kustomize(PROJECT / "manifests" / "monitoring"),
        helm("template", "e2i-operator", CHART, "--namespace=e2i-system", *BUCKET, *VALUES),
    )
    for made in ([*of_others(texts[0]), *of_others(texts[1])], [*of_others(texts[2])]):
        assert {each["kind"] for each in made} == KINDS
        assert taken(kubectl, made) == ""


def test_a_field_that_they_do_not_have_is_refused(kubectl: Program, kustomize: Program, kinds: None) -> None:
    """Else the test above would show nothing."""
    (route,) = of_others(kustomize(PROJECT / "kustomize" / "components" / "gateway-route"))
    route["spec"]["rules"][0]["backendRef"] = route["spec"]["rules"][0].pop("backendRefs")
    assert 'unknown field "backendRef"' in taken(kubectl, [route])


def taken(kubectl: Program, made: list[Manifest]) -> str:
    """Return why the API server does not take the objects, or nothing; it stores none."""
    listed = {"apiVersion": "v1", "kind": "List", "items": made}
    return kubectl.tried(
        "create", "--dry-run=server", "--validate=strict", "-f", "-", given=json.dumps(listed)
    ).stderr


def of_others(text: str) -> Iterator[Manifest]:
    for item in quick_yaml.load_all(text):
        if item and item["kind"] in KINDS:
            yield {**item, "metadata": {**item["metadata"], "namespace": NAMESPACE}}
