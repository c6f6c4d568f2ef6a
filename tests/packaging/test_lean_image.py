"""The Dockerfile of a bento whose image has no compilers."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bentoml._internal.bento.bento import ImageInfo
from bentoml._internal.bento.build_config import BentoEnvSchema

from e2i.packaging.bento_build import lean_dockerfile

COMPILERS = "apt-get update && apt-get install -q -y build-essential git"


def stages(folder: Path, envs: tuple[dict[str, str], ...] = (), **image: Any) -> list[str]:
    """The Dockerfile of a bento with this image, divided into its stages."""
    info = SimpleNamespace(
        image=ImageInfo(
            base_image="registry.example/python:3.11",
            commands=[COMPILERS, *image.pop("commands", [])],
            **image,
        ),
        envs=[BentoEnvSchema(**env) for env in envs],
    )
    text = lean_dockerfile(SimpleNamespace(info=info, path=str(folder)))
    _, *found = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)
    return found


def test_compilers_stay_in_the_first_stage(tmp_path: Path) -> None:
    first, last = stages(tmp_path)
    assert COMPILERS in first
    assert "uv --directory" in first
    assert "build-essential" not in last
    assert "pip install" not in last
    assert "COPY --from=base-container /app /app" in last


def test_the_image_starts_as_bentoml_has_it_start(tmp_path: Path) -> None:
    _, last = stages(tmp_path)
    assert last.startswith("FROM registry.example/python:3.11\n")
    assert "USER bentoml\n" in last
    assert 'ENTRYPOINT [ "/home/bentoml/bento/env/docker/entrypoint.sh" ]' in last
    assert "PATH=/app/.venv/bin:" in last


def test_system_packages_of_the_bento_are_in_the_image(tmp_path: Path) -> None:
    wanted = "apt-get install -q -y libgomp1"
    assert all(f"{wanted}\n" in stage for stage in stages(tmp_path, commands=[wanted]))


def test_commands_after_the_installation_are_run_where_the_packages_are_installed(tmp_path: Path) -> None:
    first, last = stages(tmp_path, post_commands=["python -m spacy download en"])
    assert "spacy" in first
    assert "spacy" not in last


def test_variables_of_the_service_are_in_the_image(tmp_path: Path) -> None:
    _, last = stages(tmp_path, ({"name": "MOOD", "value": "good"},))
    assert "ARG MOOD=good\n" in last
