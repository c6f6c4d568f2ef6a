"""`e2i promote` and Git: one clear error, and nothing half-written."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from e2i.cli import main, promote
from e2i.cli.plugin.session import Target

DIGEST = "sha256:" + "a" * 64
SERVED = "2026-11-29T12:00:00Z"


def in_the_cluster() -> dict[str, Any]:
    """The model of staging, which serves."""
    entry = {
        "release": "churn-1",
        "bentoTag": "churn:2",
        "digest": DIGEST,
        "result": "Serving",
        "servedAt": SERVED,
    }
    return {
        "metadata": {"name": "churn", "namespace": "models", "generation": 1},
        "spec": {"type": "Classification", "bento": {"tag": "churn:2"}},
        "status": {
            "observedGeneration": 1,
            "desiredRelease": "churn-1",
            "servingRelease": "churn-1",
            "artifact": {"tag": "churn:2", "digest": DIGEST, "uri": "s3://bucket/key"},
            "conditions": [{"type": "Ready", "status": "True"}],
            "history": [entry],
        },
    }


def manifest(tag: str) -> str:
    spec = {"type": "Classification", "bento": {"tag": tag}}
    made = {"kind": "E2IModel", "metadata": {"name": "churn", "namespace": "models"}, "spec": spec}
    return yaml.safe_dump(made)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Target, str]]:
    """What the cluster was asked for."""
    calls: list[tuple[Target, str]] = []

    def read(place: Target, name: str) -> dict[str, Any]:
        calls.append((place, name))
        return in_the_cluster()

    monkeypatch.setattr(promote, "_read", read)
    return calls


@pytest.fixture
def clone(tmp_path: Path, asked: list[tuple[Target, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two environments; the current folder."""
    for name, tag in (("staging", "churn:2"), ("production", "churn:1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kustomization.yaml").write_text("resources: [churn.yaml]\n")
        (tmp_path / name / "churn.yaml").write_text(manifest(tag))
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "config", "user.name", "Ada")
    git(tmp_path, "config", "user.email", "ada@example.com")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def promoted(*more: str, to: str = "production") -> Result:
    return CliRunner().invoke(main, ["promote", "churn", "--from=staging", f"--to={to}", *more])


def test_a_release_goes_on_in_one_commit(clone: Path) -> None:
    done = promoted()
    assert done.exit_code == 0, done.output
    assert git(clone, "log", "-1", "--format=%s") == "Promote churn from staging to production: churn:2"
    assert git(clone, "status", "--porcelain") == ""
    assert "has this release already" in promoted().output


def test_an_environment_is_not_promoted_to_itself(clone: Path) -> None:
    refused = promoted(to="./production/../staging")
    assert refused.exit_code == 1
    assert (
        f"--from and --to both name {clone / 'staging'}. Name two environments. [FolderUnusable]"
        in refused.output
    )


@pytest.mark.parametrize("stage", ["edited", "not committed yet"])
def test_edits_of_somebody_do_not_go_into_the_commit(clone: Path, stage: str) -> None:
    if stage == "not committed yet":
        git(clone, "rm", "--quiet", "--cached", "production/churn.yaml")
        git(clone, "commit", "--quiet", "--message", "Forget it")
    file = clone / "production" / "churn.yaml"
    file.write_text(file.read_text() + "# My note.\n")
    text = file.read_text()
    refused = promoted()
    assert refused.exit_code == 1
    assert (
        "production/churn.yaml has changes that are not committed: they would go into the commit"
        in refused.output
    )
    assert file.read_text() == text
    assert promoted("--dry-run").exit_code == 0


def test_a_commit_that_a_hook_refuses_leaves_nothing_behind(clone: Path) -> None:
    hook = clone / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho production is frozen until Monday >&2\nexit 1\n")
    hook.chmod(0o755)
    refused = promoted()
    assert refused.exit_code == 1
    assert "production is frozen until Monday" in refused.output
    assert git(clone, "status", "--porcelain") == ""
    assert (clone / "production" / "churn.yaml").read_text() == manifest("churn:1")
    hook.unlink()
    assert promoted().exit_code == 0


def test_a_file_that_cannot_be_written_is_named(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only file system."""

    def refuse(self: Path, _: bytes) -> int:
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    refused = promoted()
    assert refused.exit_code == 1
    assert "Read-only file system. Nothing was changed." in refused.output
    assert git(clone, "status", "--porcelain") == ""


def test_the_cluster_is_asked_for_the_name_that_the_kustomization_makes(
    clone: Path, asked: list[tuple[Target, str]]
) -> None:
    names = "resources: [churn.yaml]\nnamespace: risk\nnamePrefix: eu-\n"
    (clone / "staging" / "kustomization.yaml").write_text(names)
    assert promoted("--dry-run").exit_code == 0
    ((place, name),) = asked
    assert (place.namespace, name) == ("risk", "eu-churn")


def test_a_release_of_an_environment_that_is_named_by_its_base_goes_on(clone: Path) -> None:
    (clone / "base").mkdir()
    (clone / "staging" / "churn.yaml").rename(clone / "base" / "churn.yaml")
    (clone / "base" / "kustomization.yaml").write_text("resources: [churn.yaml]\n")
    (clone / "staging" / "kustomization.yaml").write_text("resources: [../base]\n")
    assert promoted().exit_code == 0
    assert DIGEST in (clone / "production" / "churn.yaml").read_text()


def test_a_model_that_no_file_of_the_source_names_is_refused(clone: Path) -> None:
    (clone / "staging" / "kustomization.yaml").write_text("resources: []\n")
    refused = promoted()
    assert (
        "No file that staging/kustomization.yaml lists is a manifest of churn. [FolderUnusable]"
        in refused.output
    )
