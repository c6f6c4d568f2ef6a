"""The manifest of a release, committed to a real repository."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.smallproject import write_project

from e2i.pipeline import git
from e2i.pipeline.champion import serving_name
from e2i.pipeline.context import Loop, Options, open_loop
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.runstate import Outputs, Record
from e2i.pipeline.steps import deploy, serve
from e2i.pipeline.workspace import Workspace
from e2i_bento.card import Card, Feature, Golden, ModelFile, write_card

DIGEST = "sha256:" + "a" * 64


def run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an environment in a clone of a repository."""
    for name, value in {"NAME": "Ada", "EMAIL": "ada@example.com"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    run_git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    run_git(tmp_path, "clone", "--quiet", "remote.git", "clone")
    folder = tmp_path / "clone" / "environments" / "staging"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text("resources: []\n")
    (tmp_path / "clone" / "README.md").write_text("ours\n")
    run_git(tmp_path / "clone", "add", ".")
    run_git(tmp_path / "clone", "commit", "--quiet", "--message", "Begin")
    run_git(tmp_path / "clone", "push", "--quiet", "--set-upstream", "origin", "HEAD:main")
    return folder


def released(tmp_path: Path, overlay: Path, **options: bool) -> Loop:
    """The loop of a project whose bento was built and pushed."""
    folder = tmp_path / "rain"
    if not folder.exists():
        write_project(folder, deploy={"replicas": 2, "capture_share": 0.5, "env": {"MOOD": "good"}})
    place = Workspace(folder)
    place.prepare()
    place.release_folder("1.0.0").mkdir(parents=True, exist_ok=True)
    card = Card(
        name="rain_model",
        type="Classification",
        model=ModelFile(name="model.joblib", digest=DIGEST),
        features=(Feature(name="humidity", kind="number"),),
        labels=("no", "yes"),
        golden=(Golden(input={"humidity": 1.0}, output={"label": "no"}),),
    )
    write_card(card, place.release_folder("1.0.0"))
    loop = open_loop(folder, Options(overlay=overlay, **options), lambda line: None)
    given: dict[str, Outputs] = {
        "train": {"version": "1.0.0"},
        "build": {"bento": "rain_model:1.0.0", "digest": DIGEST},
        "push": {"digest": DIGEST},
    }
    for step, outputs in given.items():
        record = Record(inputs={}, outputs=outputs, sentence="", ended="", seconds=0)
        loop.state = loop.state.ended(step, record)
    return loop


def test_one_commit_holds_the_manifest_and_nothing_else(tmp_path: Path, overlay: Path) -> None:
    (tmp_path / "clone" / "README.md").write_text("somebody is writing this\n")
    done = deploy.run(released(tmp_path, overlay))
    assert run_git(overlay, "show", "--name-only", "--format=%s").splitlines() == [
        "Release rain_model:1.0.0 to local",
        "",
        "environments/staging/kustomization.yaml",
        "environments/staging/rain-model.yaml",
    ]
    assert run_git(overlay, "status", "--porcelain") == "M README.md"
    assert "not pushed yet" in done.sentence
    spec = yaml.safe_load((overlay / "rain-model.yaml").read_text())["spec"]
    assert spec["bento"] == {"tag": "rain_model:1.0.0", "archive": {"digest": DIGEST}}
    assert spec["replicas"] == 2
    assert {item["name"]: item["value"] for item in spec["env"]} == {
        "MOOD": "good",
        "E2I_CAPTURE_SHARE": "0.5",
    }


def test_a_pushed_image_is_what_is_released_and_an_archive_after_it_again(
    tmp_path: Path, overlay: Path
) -> None:
    loop = released(tmp_path, overlay)
    image = {"image": f"registry.example/rain@{DIGEST}", "service": "Rain", "path_prefix": "/v1"}
    record = Record(inputs={}, outputs={"digest": DIGEST} | image, sentence="", ended="", seconds=0)
    loop.state = loop.state.ended("push", record)
    assert image["image"] in deploy.run(loop).sentence
    assert bento_of(overlay) == {
        "tag": "rain_model:1.0.0",
        "image": image["image"],
        "serviceName": "Rain",
        "pathPrefix": "/v1",
    }
    deploy.run(released(tmp_path, overlay))
    assert bento_of(overlay) == {"tag": "rain_model:1.0.0", "archive": {"digest": DIGEST}}


def bento_of(overlay: Path) -> dict[str, Any]:
    bento: dict[str, Any] = yaml.safe_load((overlay / "rain-model.yaml").read_text())["spec"]["bento"]
    return bento


def test_a_commit_is_pushed_when_asked_and_serve_waits_for_that(tmp_path: Path, overlay: Path) -> None:
    loop = released(tmp_path, overlay)
    outputs = deploy.run(loop).outputs
    loop.state = loop.state.ended(
        "deploy", Record(inputs={}, outputs=outputs, sentence="", ended="", seconds=0)
    )
    assert serve.run(loop).skipped
    assert "not pushed yet" in serve.run(loop).sentence
    again = deploy.run(released(tmp_path, overlay, git_push=True))
    assert again.outputs["commit"] == outputs["commit"]
    assert git.is_pushed(overlay, outputs["commit"])


def test_what_the_overlay_asks_for_is_what_serves_where_no_cluster_is_asked(
    tmp_path: Path, overlay: Path
) -> None:
    loop = released(tmp_path, overlay)
    assert serving_name(loop) is None
    deploy.run(loop)
    assert serving_name(loop) == "rain_model:1.0.0"


def test_something_staged_is_in_the_way_and_nothing_is_written(tmp_path: Path, overlay: Path) -> None:
    (tmp_path / "clone" / "README.md").write_text("half done\n")
    run_git(overlay, "add", "../../README.md")
    with pytest.raises(PipelineError, match=r"README\.md is staged"):
        deploy.run(released(tmp_path, overlay))
    assert not (overlay / "rain-model.yaml").exists()


def test_no_branch_and_no_repository_are_said(tmp_path: Path, overlay: Path) -> None:
    run_git(overlay, "checkout", "--quiet", "--detach")
    with pytest.raises(PipelineError, match="is on no branch"):
        deploy.run(released(tmp_path, overlay))
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(PipelineError, match="is in no Git repository"):
        deploy.run(released(tmp_path, outside))


def test_a_push_that_somebody_else_was_ahead_of_is_said(tmp_path: Path, overlay: Path) -> None:
    run_git(tmp_path, "clone", "--quiet", "remote.git", "other")
    run_git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "--message", "First")
    run_git(tmp_path / "other", "push", "--quiet")
    with pytest.raises(PipelineError, match=r"`git -C .* push --quiet` failed:\n(.*\n)*.*fetch first"):
        deploy.run(released(tmp_path, overlay, git_push=True))
