"""How the components are started."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

import e2i
from e2i.local.bootstrap import images, settings
from e2i.local.certificates import CERTIFICATES
from e2i.local.component import Component, Tools
from e2i.local.components import COMPONENT_NAMES, METRICS_SERVER, components
from e2i.local.credentials import S3Credentials, ensure_credentials
from e2i.local.errors import ClusterError
from e2i.local.kubernetes_versions import VERSIONS
from e2i.local.layout import ClusterHome
from e2i.local.metrics_server import metrics_api

HOME = ClusterHome("test", 4, Path("/state/test"), metrics=True)
CREDENTIALS = S3Credentials("KEY", "hidden")
TOOLS = Tools(Path("/bin/controlplane"), Path("/bin/versitygw"), Path("/bin/metricsserver"))
ALL = components(HOME, TOOLS, CREDENTIALS)


def test_the_names_are_in_starting_order() -> None:
    assert tuple(component.name for component in ALL) == COMPONENT_NAMES


def test_only_a_cluster_that_is_to_have_it_runs_metrics_server_and_hurries_its_autoscalers() -> None:
    plain = components(replace(HOME, metrics=False), TOOLS, CREDENTIALS)
    assert {part.name for part in ALL} - {part.name for part in plain} == {METRICS_SERVER}
    hurried = [part.name for part in ALL if any("autoscaler" in argument for argument in part.argv)]
    assert hurried == ["kube-controller-manager"]
    assert not any("autoscaler" in argument for part in plain for argument in part.argv)


def test_an_older_api_server_changes_pods_by_policies_and_passes_websockets_on_as_the_newest_does() -> None:
    gates = {
        version: [
            argument
            for part in components(replace(HOME, kubernetes=version), TOOLS, CREDENTIALS)
            for argument in part.argv
            if argument.startswith(("--feature-gates=", "--runtime-config="))
        ]
        for version in VERSIONS
    }
    on_demand = [
        "--feature-gates=MutatingAdmissionPolicy=true,TranslateStreamCloseWebsocketRequests=false,"
        "PortForwardWebsockets=false",
        "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
    ]
    assert gates == {"1.36": [], "1.35": on_demand, "1.34": on_demand}


@pytest.mark.parametrize("component", ALL, ids=lambda component: component.name)
def test_no_other_user_can_read_a_secret_from_the_command_line(component: Component) -> None:
    assert "hidden" not in " ".join(component.argv)


def test_no_two_components_share_a_port_and_all_are_the_clusters_own() -> None:
    beside = [HOME.ports.prometheus, HOME.ports.alertmanager]
    ports = [*(port for component in ALL for port in component.ports), *beside]
    assert sorted(ports) == list(HOME.ports.in_use)


def test_nothing_listens_beyond_this_machine() -> None:
    text = " ".join(argument for component in ALL for argument in component.argv)
    assert "0.0.0.0" not in text.replace("0.0.0.0/16", "")  # noqa: S104
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", METRICS_SERVER):
        argv = next(component.argv for component in ALL if component.name == name)
        assert "--bind-address=127.0.0.1" in argv


def test_models_get_the_credentials_that_the_server_checks() -> None:
    objects = settings(HOME, CREDENTIALS, Path("/bentos"))
    secrets = [item for item in objects if item["kind"] == "Secret"]
    places = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in secrets}
    assert places == {
        ("e2i-system", "e2i-s3"),
        ("models", "e2i-bento-download"),
        ("default", "e2i-bento-download"),
    }
    assert {item["stringData"]["AWS_SECRET_ACCESS_KEY"] for item in secrets} == {"hidden"}


def test_the_operator_image_has_the_version_of_this_package() -> None:
    names = {image.name for image in images(HOME)}
    assert names == {
        f"ghcr.io/e2i-dev/e2i-operator:{e2i.__version__}",
        "registry.e2i.local/bento-builder:local",
    }


def test_credentials_stay_the_same_from_start_to_start(tmp_path: Path) -> None:
    home = ClusterHome("test", 0, tmp_path)
    assert ensure_credentials(home) == ensure_credentials(home)
    assert (tmp_path / "s3-credentials.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", '{"access_key_id": "a"}'])
def test_damaged_credentials_say_how_to_get_new_ones(tmp_path: Path, content: str) -> None:
    (tmp_path / "s3-credentials.json").write_text(content)
    with pytest.raises(ClusterError, match="Delete it and run `e2i local up"):
        ensure_credentials(ClusterHome("test", 0, tmp_path))


def test_the_api_server_can_check_who_answers_for_metrics() -> None:
    service, api = metrics_api(HOME, b"authority")
    asked = api["spec"]["service"]
    assert (asked["name"], asked["namespace"]) == (
        service["metadata"]["name"],
        service["metadata"]["namespace"],
    )
    serving = next(each for each in CERTIFICATES if each.name == "metrics-server-serving")
    assert f"{asked['name']}.{asked['namespace']}.svc" in serving.hosts
    assert base64.b64decode(api["spec"]["caBundle"]) == b"authority"
    assert asked["port"] == HOME.ports.metrics_server
