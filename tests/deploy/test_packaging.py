"""What leaves the repository: the wheel, its locked dependencies, the image's commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from deploy.programs import run

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "operator" / "src"
INSTRUCTION = re.compile(r"^([A-Z]+) (.*(?:\\\n.*)*)", re.MULTILINE)


def test_the_wheel_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = {path for path in SOURCE.glob("e2i*/**/*") if path.is_file() and path.suffix != ".pyc"}
    assert names == {str(path.relative_to(SOURCE)) for path in sources}


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "controller/templates/v1/bentorequest.yaml.j2",
        "local/controlplane/go.mod",
        "local/controlplane/go.sum",
        "local/versitygw/go.sum",
        "local/go-requirements.txt",
        "local/yatai/crds/bentodeployments.yaml",
        "local/manifests/namespaces.yaml",
        "deploying/environments.yaml",
    ],
)
def test_the_wheel_has_the_files_that_are_read_at_run_time(wheel: Path, name: str) -> None:
    assert f"e2i/{name}" in zipfile.ZipFile(wheel).namelist()


def test_the_same_source_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=PROJECT)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param({}, "E2I_BUCKET is not set: name the bucket", id="no bucket"),
        pytest.param(
            {"E2I_BUCKET": "e2i", "E2I_WORKERS": "many"},
            "E2I_WORKERS=many is not a number",
            id="a bad number",
        ),
    ],
)
def test_an_installed_operator_says_which_setting_is_wrong(
    installed: Path, tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    """Its first word is that sentence, and it ends by itself."""
    done = subprocess.run(
        [installed / entrypoint()[0], *entrypoint()[1:]],
        env={"PATH": f"{installed}:{os.defpath}", "HOME": str(tmp_path), **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    first = json.loads(done.stderr.splitlines()[0])
    assert sentence in first["message"]
    assert first["severity"] == "error"
    assert "Traceback" not in done.stderr


def test_an_installed_command_finds_its_own_files(installed: Path, tmp_path: Path) -> None:
    assert "e2i local" in run(installed / "e2i", "local", "--help", cwd=tmp_path)


def test_the_image_starts_as_the_deployment_does() -> None:
    deployment = yaml.safe_load((PROJECT / "manifests" / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["command"] == entrypoint()


def test_the_image_runs_as_the_user_of_the_deployment() -> None:
    deployment = yaml.safe_load((PROJECT / "manifests" / "deployment.yaml").read_text())
    wanted = deployment["spec"]["template"]["spec"]["securityContext"]
    assert dict(instructions())["USER"] == f"{wanted['runAsUser']}:{wanted['runAsGroup']}"


def test_the_image_gives_a_name_to_a_user_that_has_only_a_number() -> None:
    """kopf asks for it, and would end with a KeyError: the base image knows no user 65532."""
    settings = dict(word.split("=", 1) for word in dict(instructions())["ENV"].split())
    assert settings["USER"]
    assert settings["HOME"] == "/tmp"


def test_what_the_image_copies_is_there_and_sent_to_the_builder() -> None:
    sent = (PROJECT / "operator" / "Dockerfile.dockerignore").read_text().splitlines()
    copies = [line.split() for word, line in instructions() if word == "COPY" and "--from" not in line]
    for source in (source for *sources, _ in copies for source in sources):
        assert (PROJECT / source).exists()
        assert f"!{source}" in sent


@pytest.mark.parametrize("name", ["requirements.lock", "build.lock"])
def test_the_image_has_the_versions_that_were_tested(name: str) -> None:
    tested = pins(PROJECT / "requirements.lock")
    chosen = pins(PROJECT / "operator" / name)
    assert chosen
    assert chosen <= tested


def pins(lock: Path) -> set[tuple[str, str]]:
    return set(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))


def entrypoint() -> list[str]:
    """In the form of a list: a shell in front would keep SIGTERM from the operator."""
    command = json.loads(dict(instructions())["ENTRYPOINT"])
    assert isinstance(command, list)
    return command


def instructions() -> Iterator[tuple[str, str]]:
    for found in INSTRUCTION.finditer((PROJECT / "operator" / "Dockerfile").read_text()):
        yield found[1], found[2]
