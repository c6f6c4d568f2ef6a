"""Choose a builder and call it. Small programs stand in for docker, podman and buildah."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2i.pipeline import containers
from e2i.pipeline.errors import PipelineError


def play(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: int) -> Path:
    """Put programs on PATH that record their arguments and end with the given exit code, and nothing else."""
    calls = folder / "calls"
    for name, code in programs.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {calls}\necho no room left >&2\nexit {code}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return calls


def test_the_first_builder_that_works_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(tmp_path, monkeypatch, docker=1, podman=0)
    assert containers.healthy_builder() == ("podman", "")


def test_without_one_it_is_said_what_is_wrong_with_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(tmp_path, monkeypatch, docker=1)
    builder, why = containers.healthy_builder()
    assert builder is None
    assert why == "docker does not work here, podman is not installed, buildah is not installed"


def test_an_image_is_pushed_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = play(tmp_path, monkeypatch, docker=0)
    containers.push("docker", "registry.example/rain:1.0.0")
    assert calls.read_text() == "docker push registry.example/rain:1.0.0\n"


def test_a_builder_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(tmp_path, monkeypatch, docker=1)
    with pytest.raises(
        PipelineError, match=r"`docker push 'rain 1:1\.0\.0'` failed with exit code 1:\n    no room left"
    ):
        containers.push("docker", "rain 1:1.0.0")
