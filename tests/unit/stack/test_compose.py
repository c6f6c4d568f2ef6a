"""The files for Docker: they are those in the repository, and what they say of each service."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from e2i.cli.stack import stack as command
from e2i.client import Endpoints
from e2i.stack.compose import compose_file, files
from e2i.stack.description import Stack, read_stack
from e2i.stack.layout import BOARD, DESCRIPTION

FOLDER = DESCRIPTION.parent


@pytest.fixture(scope="module")
def stack() -> Stack:
    return read_stack(DESCRIPTION)


def test_the_files_in_the_repository_are_those_of_the_description(stack: Stack) -> None:
    for place, content in files(stack).items():
        assert yaml.safe_load((FOLDER / place).read_text()) == content, f"run `e2i stack compose`: {place}"


def test_the_compose_file_is_one_by_the_schema_of_compose() -> None:
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema"]
    done = subprocess.run(
        [*command, "vendor.compose-spec", str(FOLDER / "docker-compose.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_each_service_has_the_limits_of_the_runbook(stack: Stack) -> None:
    services = compose_file(stack)["services"]
    assert {name: services[name]["deploy"]["resources"] for name in stack.services} == {
        "classification-service": {
            "limits": {"cpus": "2", "memory": "4096m"},
            "reservations": {"cpus": "0.5", "memory": "1024m"},
        },
        "regression-service": {
            "limits": {"cpus": "2", "memory": "4096m"},
            "reservations": {"cpus": "0.5", "memory": "1024m"},
        },
        "causal-service": {
            "limits": {"cpus": "4", "memory": "8192m"},
            "reservations": {"cpus": "1", "memory": "2048m"},
        },
    }
    assert services["causal-service"]["healthcheck"]["start_period"] == "60s"


def test_a_client_finds_every_model_by_its_name() -> None:
    endpoints = Endpoints.from_file(FOLDER / "model_endpoints.yaml")
    assert endpoints.find("ltv_model").url == "http://localhost:3002/ltv_model"
    assert len(endpoints.names()) == 6


def test_no_container_runs_as_root_or_is_open_to_other_machines(stack: Stack) -> None:
    for name, service in compose_file(stack)["services"].items():
        assert not service["user"].startswith("0"), name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        assert service["cap_drop"] == ["ALL"], name


def test_what_is_mounted_exists_in_the_repository(stack: Stack) -> None:
    for name, service in compose_file(stack)["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (FOLDER / source).exists(), f"{name}: {source}"


def test_prometheus_reads_every_service_by_its_name_in_the_network(stack: Stack) -> None:
    (job,) = files(stack)["prometheus.yml"]["scrape_configs"]
    assert [(each["targets"], each["labels"]["bento"]) for each in job["static_configs"]] == [
        (["classification-service:3000"], "classification:1.0.0"),
        (["regression-service:3000"], "regression:1.0.0"),
        (["causal-service:3000"], "causal:1.0.0"),
    ]


def test_grafana_finds_its_dashboard_and_the_data_source_where_it_looks(stack: Stack) -> None:
    made = files(stack)
    (mounted,) = [
        each for each in compose_file(stack)["services"]["grafana"]["volumes"] if each.startswith("./")
    ]
    assert mounted == "./grafana:/etc/grafana/provisioning:ro"
    assert "grafana/datasources/prometheus.yaml" in made
    (provider,) = made["grafana/dashboards/provider.yaml"]["providers"]
    assert provider["options"]["path"] == f"/etc/grafana/provisioning/{BOARD.parent.relative_to('grafana')}"
    assert [each.name for each in (FOLDER / BOARD).parent.glob("*.json")] == [BOARD.name]


def test_the_dashboard_asks_the_kind_of_data_source_that_is_provisioned(stack: Stack) -> None:
    (source,) = files(stack)["grafana/datasources/prometheus.yaml"]["datasources"]
    (choice,) = json.loads((FOLDER / BOARD).read_text())["templating"]["list"]
    assert (choice["type"], choice["query"]) == ("datasource", source["type"])


def test_another_description_gets_all_that_its_compose_file_mounts(stack: Stack, tmp_path: Path) -> None:
    description = tmp_path / "stack.yaml"
    shutil.copyfile(DESCRIPTION, description)
    done = CliRunner().invoke(command, ["compose", "--stack", str(description)])
    assert done.exit_code == 0, done.output
    made = {each.relative_to(tmp_path) for each in tmp_path.rglob("*") if each.is_file()}
    assert made == {Path(place) for place in files(stack)} | {BOARD, Path("stack.yaml")}
    assert (tmp_path / BOARD).read_text() == (FOLDER / BOARD).read_text()
