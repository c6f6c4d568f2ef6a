"""A bento whose image has no compilers: BentoML's own command for them is taken out, and nothing else."""

from __future__ import annotations

from pathlib import Path

import yaml
from _bentoml_impl.docker import generate_dockerfile
from bentoml._internal.bento.bento import ImageInfo
from bentoml._internal.container.frontend.dockerfile import CONTAINER_METADATA

from e2i.packaging.bento_build import remove_compilers

OWN = "apt-get install -q -y libgomp1"


def lean(folder: Path) -> tuple[list[str], str]:
    """A bento with a command of its own, after its compilers were removed: its commands and its Dockerfile."""
    commands = [CONTAINER_METADATA["debian"]["default_install_command"], OWN]
    assert "build-essential" in commands[0]
    image = ImageInfo(base_image="python:3.11-slim", python_version="3.11", commands=commands)
    (folder / "env" / "docker").mkdir(parents=True)
    (folder / "env" / "docker" / "Dockerfile").write_text(generate_dockerfile(image, folder))
    description = {
        "name": "rain",
        "creation_time": "2026-11-30T11:50:58+00:00",
        "image": {"commands": commands},
    }
    (folder / "bento.yaml").write_text(yaml.safe_dump(description))
    remove_compilers(folder)
    left = yaml.safe_load((folder / "bento.yaml").read_text())
    assert left | {"image": None} == description | {"image": None}
    return left["image"]["commands"], (folder / "env" / "docker" / "Dockerfile").read_text()


def test_only_the_commands_of_the_bento_remain(tmp_path: Path) -> None:
    commands, _ = lean(tmp_path)
    assert commands == [OWN]


def test_its_dockerfile_is_the_one_that_bentoml_makes_of_what_remains(tmp_path: Path) -> None:
    commands, dockerfile = lean(tmp_path)
    image = ImageInfo(base_image="python:3.11-slim", python_version="3.11", commands=commands)
    assert dockerfile == generate_dockerfile(image, tmp_path)
