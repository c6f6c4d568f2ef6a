"""A trained folder is held to its card before anything is built."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from e2i.packaging.describe import describe
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.package import BentoOptions, package
from e2i.packaging.trained_folder import read_trained_folder

Change = Callable[[dict[str, Any]], object]


def edit_card(folder: Path, change: Change) -> None:
    file = folder / "card.json"
    card = json.loads(file.read_text())
    change(card)
    file.write_text(json.dumps(card))


def refusal(folder: Path) -> PackagingError:
    with pytest.raises(PackagingError) as refused:
        read_trained_folder(folder)
    return refused.value


def test_a_folder_that_training_left_is_whole(trained: Path) -> None:
    found = read_trained_folder(trained)
    assert found.card.name == "left_model"
    assert [pin.name for pin in found.pins] == ["scikit-learn"]
    assert found.code == {}


def test_a_folder_without_a_card_is_told_so(tmp_path: Path) -> None:
    assert refusal(tmp_path).reason is ErrorReason.FileMissing


def test_a_card_that_is_none_is_told_with_its_place(trained: Path) -> None:
    edit_card(trained, lambda card: card.update(type="Clustering"))
    refused = refusal(trained)
    assert refused.reason is ErrorReason.CardUnreadable
    assert "type" in refused.message


def test_a_changed_model_file_is_damaged_before_it_is_loaded(trained: Path) -> None:
    with (trained / "model.joblib").open("ab") as file:
        file.write(b"!")
    assert refusal(trained).reason is ErrorReason.ModelDamaged


def test_a_model_file_elsewhere_is_not_taken(trained: Path) -> None:
    edit_card(trained, lambda card: card["model"].update(name="../model.joblib"))
    assert refusal(trained).reason is ErrorReason.ModelDamaged


def test_golden_answers_that_are_not_given_any_more_are_refused(trained: Path) -> None:
    def swap(card: dict[str, Any]) -> None:
        output = card["golden"][0]["output"]["probabilities"]
        output["no"], output["yes"] = output["yes"], output["no"]

    edit_card(trained, swap)
    refused = refusal(trained)
    assert refused.reason is ErrorReason.PreprocessingDiffers
    assert "golden input 0" in refused.message


def test_a_pin_is_held_to_the_version_of_the_training(trained: Path) -> None:
    edit_card(trained, lambda card: card["lineage"]["packages"].update({"scikit-learn": "1.2.0"}))
    refused = refusal(trained)
    assert refused.reason is ErrorReason.PinnedDifferently
    assert "not 1.2.0" in refused.message


def test_a_dependency_that_is_not_pinned_is_named(trained: Path) -> None:
    (trained / "requirements.txt").write_text("scikit-learn>=1.9\n")
    refused = refusal(trained)
    assert refused.reason is ErrorReason.DependencyNotPinned
    assert "'scikit-learn>=1.9'" in refused.message


def test_two_models_of_one_name_are_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(PackagingError) as refused:
        package([trained, trained], version="1.0.0", store=tmp_path / "store")
    assert refused.value.reason is ErrorReason.NameUnsafe


def test_nothing_given_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(PackagingError):
        package([], version="1.0.0", store=tmp_path / "store")


SERVICE = """
import bentoml
from e2i_bento.service import declared, serves


@bentoml.service(name="both")
@serves
class Both:
    {models}
"""


@pytest.mark.parametrize(
    ("models", "reason", "named"),
    [
        pytest.param(
            'other = declared("other")', ErrorReason.ModelNotDeclared, "left_model", id="not the given one"
        ),
        pytest.param(
            'left_model = declared("left_model")\n    other = declared("other")',
            ErrorReason.ModelNotGiven,
            "other",
            id="another one too",
        ),
        pytest.param("left_model = (", ErrorReason.ServiceUnusable, "service.py", id="no Python"),
    ],
)
def test_a_service_must_declare_exactly_what_is_given(
    trained: Path, tmp_path: Path, models: str, reason: ErrorReason, named: str
) -> None:
    service = tmp_path / "service"
    service.mkdir()
    (service / "service.py").write_text(SERVICE.format(models=models))
    with pytest.raises(PackagingError) as refused:
        package([trained], BentoOptions(service=service), version="1.0.0", store=tmp_path / "store")
    assert refused.value.reason is reason
    assert named in refused.value.message


def test_a_folder_without_a_service_is_refused_before_a_model_is_loaded(
    trained: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    with pytest.raises(PackagingError) as refused:
        package(
            [trained],
            BentoOptions(service=tmp_path),
            version="1.0.0",
            store=tmp_path / "store",
            say=said.append,
        )
    assert refused.value.reason is ErrorReason.ServiceUnusable
    assert said == []


def test_a_model_of_another_python_is_refused(trained: Path) -> None:
    edit_card(trained, lambda card: card["lineage"].update(python="3.2.1"))
    refused = refusal(trained)
    assert refused.reason is ErrorReason.PinnedDifferently
    assert "Python 3.2.1" in refused.message


def test_bentoml_of_another_version_is_refused(trained: Path, tmp_path: Path) -> None:
    with (trained / "requirements.txt").open("a") as file:
        file.write("bentoml==1.2.3\n")
    with pytest.raises(PackagingError, match=r"bentoml 1\.2\.3") as refused:
        package([trained], version="1.0.0", store=tmp_path / "store")
    assert refused.value.reason is ErrorReason.PinnedDifferently


def test_a_module_of_the_recipe_needs_its_packages_pinned(
    trained: Path, tmp_path: Path, data: Any, requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model refers to the recipe's module only; what that one imports is needed as well."""
    code = tmp_path / "own_steps.py"
    code.write_text("import yaml\n\n\ndef same(table):\n    return table\n")
    monkeypatch.syspath_prepend(tmp_path)
    same = importlib.import_module("own_steps").same
    model = make_pipeline(FunctionTransformer(same), LogisticRegression()).fit(data[["age"]], data.left)
    with pytest.raises(PackagingError) as refused:
        describe(
            model,
            data,
            name="left_model",
            kind="Classification",
            target="left",
            out=tmp_path / "out",
            requirements=requirements,
            code=[code],
        )
    assert refused.value.reason is ErrorReason.PackageMissing
    assert "pyyaml==" in refused.value.message
