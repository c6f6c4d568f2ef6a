"""Mistakes in a project.yaml are reported with key, value and next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.smallproject import change_project, write_project

from e2i.pipeline.project import ProjectError, read_project

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"gate": {"roc_auc": {"minmum": 1}}}, "gate.roc_auc.minmum is not known. Did you mean minimum?"
        ),
        pytest.param({"targt": "rain"}, "targt is not known. Did you mean target?"),
        pytest.param({"name": "Rain Model"}, "name is 'Rain Model'. Write small letters"),
        pytest.param({"version": "latest"}, "version: 'latest' is no version that can be ordered"),
        pytest.param({"type": "Clustering"}, "type is 'Clustering': input should be 'Classification'"),
        pytest.param({"data": {}}, "data: needs either file: data.csv or load: module:function"),
        pytest.param({"data": {"load": "data.py"}}, "data.load is 'data.py'. Write module:function"),
        pytest.param({"features": {"a": {"kind": "int"}}}, "features.a.kind is 'int'"),
        pytest.param({"features": {"rain": None}}, "features names rain, which the model must not see"),
        pytest.param({"drift": {"share": 3}}, "drift.share is 3"),
        pytest.param(
            {"deploy": {"namespace": "Models"}}, "deploy.namespace is 'Models'. Write the name of a namespace"
        ),
        pytest.param(
            {"gate": {"roc_auc": {}}}, "gate.roc_auc: needs minimum, maximum or worse_than_serving_by"
        ),
        pytest.param(
            {"treatment": "umbrella"}, "treatment is for type Causal only, and type is Classification"
        ),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_what_to_write(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    write_project(tmp_path, **changes)
    with pytest.raises(ProjectError) as raised:
        read_project(tmp_path)
    assert f"{tmp_path / 'project.yaml'}: {words}" in str(raised.value)


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    write_project(tmp_path, drift={"share": 3}, name="Rain")
    with pytest.raises(ProjectError) as raised:
        read_project(tmp_path)
    assert len(str(raised.value).splitlines()) == 2


def test_a_folder_without_a_project_says_which_option_names_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"does not exist\. Name the folder that has it with --project"):
        read_project(tmp_path)


@pytest.mark.parametrize("text", ["{", "just words", "- a\n- b"])
def test_a_file_that_is_no_mapping_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "project.yaml").write_text(text)
    with pytest.raises(ProjectError, match=r"project\.yaml"):
        read_project(tmp_path)


def test_a_feature_may_be_named_without_saying_more(tmp_path: Path) -> None:
    write_project(tmp_path)
    change_project(tmp_path, features={"humidity": None})
    project = read_project(tmp_path)
    assert project.declaration("humidity").kind is None


@pytest.mark.parametrize(
    "file", sorted(CHECKOUT.glob("bentos/*/project.yaml")), ids=lambda file: file.parent.name
)
def test_the_projects_of_the_repository_are_understood(file: Path) -> None:
    assert read_project(file.parent).name
