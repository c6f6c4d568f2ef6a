"""The kind cluster of tests/kind, without Docker: its configuration, manifests, images and scripts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from deploy.programs import KIND, PROJECT, Program, built, run

FOLDER = PROJECT / "tests" / "kind"
STACK = PROJECT / "kustomize" / "yatai-stack"
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
SCRIPTS = [*sorted(FOLDER.glob("*.sh")), STACK / "crds-fetched" / "fetch.sh"]
IMAGE = re.compile(r"^\s*(?:- )?image: (?:&\w+ )?(\S+)$", re.M)
NOT_IN_PODS = ("DEBUGGER", "MONITOR_EXPORTER", "BUILDKIT")
"""Images that only start where somebody asks for them."""
PRETENDED = """#!/bin/bash
# Answers kind as Docker does until a node is to be started.
echo "$@" >> "$LOG"
case "$1 $2" in
  "info "*) echo '{"SecurityOptions":["name=cgroupns"],"CgroupDriver":"systemd","CgroupVersion":"2"}' ;;
  "network ls") echo 0123 ;;
  "network inspect") echo '[{"EnableIPv6":false,"Id":"0123","Name":"kind","Options":{}}]' ;;
  "run "*) exit 125 ;;
esac
"""


@pytest.fixture(scope="module")
def kind(say: Callable[[str], None]) -> Program:
    """kind itself, by its Go module."""
    return built(KIND, say)


@pytest.fixture
def started(kind: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Let kind make a cluster of a configuration; what it asked Docker to run, or its error."""
    docker = tmp_path / "docker"
    docker.write_text(PRETENDED)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("LOG", str(tmp_path / "log"))

    def start(text: str) -> str:
        folder = tmp_path / "tests" / "kind"
        shutil.copytree(FOLDER / "registry", folder / "registry")
        (tmp_path / ".e2i" / "kind-store").mkdir(parents=True)
        (folder / "cluster.yaml").write_text(text)
        command = (*kind.argv, "create", "cluster", "--config=cluster.yaml", f"--kubeconfig={tmp_path}/none")
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        log = tmp_path / "log"
        asked = (
            [line for line in log.read_text().splitlines() if line.startswith("run ")] if log.exists() else []
        )
        return asked[0] if asked else done.stderr

    return start


def test_kind_takes_the_configuration_and_asks_for_the_pinned_node_with_its_folders(
    started: Callable[[str], str], tmp_path: Path
) -> None:
    asked = started((FOLDER / "cluster.yaml").read_text())
    (node,) = (name for name in images() if name.startswith("kindest/node"))
    assert f"{node}@{images()[node]}" in asked
    assert "--name e2i-control-plane" in asked
    mounts = f"--volume={tmp_path}/tests/kind/registry:/etc/containerd/certs.d/127.0.0.1:30500:ro"
    assert mounts in asked
    assert f"--volume={tmp_path}/.e2i/kind-store:/var/lib/e2i-store" in asked


def test_kind_refuses_a_configuration_with_a_wrong_field(started: Callable[[str], str]) -> None:
    wrong = (FOLDER / "cluster.yaml").read_text().replace("extraMounts", "extraMount")
    assert "field extraMount not found" in started(wrong)


def images() -> dict[str, str]:
    """The list: name and tag to digest, `-` where it is not known."""
    lines = (FOLDER / "images.txt").read_text().splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


def test_the_list_has_every_image_of_the_cluster_and_no_other(kustomize: Program) -> None:
    texts = [kustomize(FOLDER / folder) for folder in ("yatai", "operator")]
    used = {image for text in texts for image in IMAGE.findall(text)}
    sidecars = (STACK / "base" / "images.env").read_text().splitlines()
    used |= {
        line.partition("=")[2]
        for line in sidecars
        if "=" in line and not any(word in line for word in NOT_IN_PODS)
    }
    used |= set(IMAGE.findall((FOLDER / "cluster.yaml").read_text()))
    ours = {image for image in used if "e2i-operator" in image}
    assert len(ours) == 1
    assert {image.partition("@")[0] for image in used - ours} == set(images())
    for image in used:
        name, _, digest = image.partition("@")
        assert not digest or images()[name] == digest


def test_the_folders_that_the_operator_and_the_nodes_read_are_those_of_the_configuration() -> None:
    (node,) = yaml.safe_load((FOLDER / "cluster.yaml").read_text())["nodes"]
    places = {each["hostPath"]: each["containerPath"] for each in node["extraMounts"]}
    volume, _ = yaml.safe_load_all((FOLDER / "operator" / "store.yaml").read_text())
    assert places["../../.e2i/kind-store"] == volume["spec"]["hostPath"]["path"]
    registry = yaml.safe_load_all((STACK / "components" / "registry" / "registry.yaml").read_text())
    (service,) = (each for each in registry if each["kind"] == "Service")
    port = service["spec"]["ports"][0]["nodePort"]
    assert places["registry"] == f"/etc/containerd/certs.d/127.0.0.1:{port}"
    assert f'[host."http://127.0.0.1:{port}"]' in (FOLDER / "registry" / "hosts.toml").read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_has_no_fault_that_shellcheck_knows(script: Path) -> None:
    run(SHELLCHECK, "--severity=style", script)


@pytest.mark.api
@pytest.mark.parametrize("folder", ["yatai", "operator"])
def test_the_api_server_would_take_the_manifests(kubectl: Program, kustomize: Program, folder: str) -> None:
    """A dry run: its namespaces are those of other tests of this file's cluster."""
    namespace = {"yatai": "yatai-system", "operator": "e2i-system"}[folder]
    kubectl("create", "namespace", namespace)
    try:
        given = kustomize(FOLDER / folder)
        kubectl("apply", "--server-side", "--dry-run=server", "--filename=-", given=given)
    finally:
        kubectl("delete", "namespace", namespace, "--timeout=120s")
