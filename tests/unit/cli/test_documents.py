"""Manifests that people give to `plan`."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2i.cli.plugin.documents import read_manifests
from e2i.cli.plugin.errors import CommandError

MODEL = """
apiVersion: serving.e2i.dev/v1alpha1
kind: E2IModel
metadata: {name: churn}
spec: {type: Classification, bento: {tag: "churn:1"}}
"""
OTHER = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"


def test_models_are_found_between_other_objects_and_in_lists(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    inside = MODEL.strip().replace("\n", "\n    ")
    listed = f"apiVersion: v1\nkind: List\nitems:\n  - {inside}\n"
    file.write_text("---\n".join(["", MODEL, OTHER, listed]))
    found = read_manifests(str(file), None)
    assert [body["metadata"]["name"] for body in found.models] == ["churn", "churn"]
    assert found.others == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (OTHER, r"holds no E2IModel of serving.e2i.dev \(objects in it: 1\)"),
        ("", r"objects in it: 0"),
        ("a: [", r"is not YAML"),
        ("- 1", r"Document 1 of .* is not a Kubernetes object"),
        (MODEL.replace("name: churn", ""), r"has no metadata.name"),
        (MODEL.replace("churn}", "churn/status}"), r"'churn/status' in .* is not a valid name"),
        (MODEL.replace("churn}", "churn, namespace: ../a}"), r"'../a' in .* is not a valid name"),
        (
            MODEL.replace("v1alpha1", "v9"),
            r"has apiVersion serving.e2i.dev/v9: write serving.e2i.dev/v1alpha1",
        ),
    ],
    ids=[
        "no model",
        "empty",
        "no YAML",
        "no object",
        "no name",
        "a path",
        "a namespace that is a path",
        "another version",
    ],
)
def test_what_cannot_be_planned_is_told_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(CommandError, match=sentence) as told:
        read_manifests(str(file), None)
    assert "\n" not in told.value.message


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        read_manifests(str(tmp_path / "none.yaml"), None)


def test_a_kustomization_needs_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="needs kubectl on PATH"):
        read_manifests(None, tmp_path)
