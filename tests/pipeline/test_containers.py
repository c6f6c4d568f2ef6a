"""Choose a builder and call it. Small programs stand in for docker, podman and buildah."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from e2i.pipeline import containers
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.steps import containerize

DIGEST = "sha256:" + "a" * 64


def play(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str = "", **programs: int) -> Path:
    """Put programs on PATH that record their arguments and end with the given exit code, and nothing else."""
    calls = folder / "calls"
    for name, code in programs.items():
        program = folder / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {calls}\necho no room left >&2\n{says}\nexit {code}\n'
        )
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


def test_docker_prints_the_digest_of_what_it_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = play(tmp_path, monkeypatch, f"echo '1.0.0: digest: {DIGEST} size: 1574'", docker=0)
    pushed = containers.push("docker", "registry.example:5000/rain:1.0.0")
    assert pushed == f"registry.example:5000/rain@{DIGEST}"
    assert calls.read_text() == "docker push registry.example:5000/rain:1.0.0\n"


@pytest.mark.parametrize("builder", ["podman", "buildah"])
def test_others_write_the_digest_into_a_file(
    builder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(tmp_path, monkeypatch, f'printf {DIGEST} > "${{2#--digestfile=}}"', **{builder: 0})
    assert containers.push(builder, "registry.example/rain:1.0.0") == f"registry.example/rain@{DIGEST}"


def test_a_push_that_names_no_digest_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(tmp_path, monkeypatch, docker=0)
    with pytest.raises(PipelineError, match=r"pushed registry\.example/rain:1\.0\.0 and named no digest"):
        containers.push("docker", "registry.example/rain:1.0.0")


def test_a_builder_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(tmp_path, monkeypatch, docker=1)
    with pytest.raises(
        PipelineError, match=r"`docker push 'rain 1:1\.0\.0'` failed with exit code 1:\n    no room left"
    ):
        containers.push("docker", "rain 1:1.0.0")


@pytest.mark.parametrize("image", ["", "registry.example.com/churn"])
def test_an_image_that_nobody_asked_for_holds_no_release_up(
    image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise PipelineError(
            "`bentoml containerize` failed with exit code 1:\n    Traceback\n    no such host"
        )

    monkeypatch.setattr(containers, "healthy_builder", lambda: ("buildah", ""))
    monkeypatch.setattr(containers, "containerize", fails)
    loop: Any = SimpleNamespace(
        outputs=lambda step: {"bento": "churn:1.0.0"}, options=SimpleNamespace(image=image), store=tmp_path
    )
    if image:
        with pytest.raises(PipelineError, match="no such host"):
            containerize.run(loop)
    else:
        done = containerize.run(loop)
        assert done.skipped
        said = "no image was built: `bentoml containerize` failed with exit code 1: no such host; the archive"
        assert said in done.sentence
