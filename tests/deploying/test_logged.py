"""Models that somebody else saved with MLflow's scikit-learn flavour become trained folders."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sklearn
import yaml
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

from e2i.deploying.logged_model import describe_logged, is_logged
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i_bento.card import Card, read_card

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def a_classifier() -> tuple[Any, Any]:
    table, species = load_iris(return_X_y=True, as_frame=True)
    table.columns = list(COLUMNS)
    return LogisticRegression(max_iter=500).fit(table, load_iris().target_names[species]), table


def a_regressor() -> tuple[Any, Any]:
    table, progression = load_diabetes(return_X_y=True, as_frame=True)
    return LinearRegression().fit(table, progression), table


def save(folder: Path, model: Any, table: Any, **changes: Any) -> Path:
    """Write a model folder as `mlflow.sklearn.log_model` does, with pickle."""
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    example = table.iloc[[0, 60, 120]]
    (folder / "input_example.json").write_text(
        json.dumps({"columns": list(example.columns), "data": example.to_numpy().tolist()})
    )
    (folder / "requirements.txt").write_text(f"mlflow==3.17.2\nscikit-learn=={sklearn.__version__}\n")
    inputs = [{"type": "double", "name": name, "required": True} for name in example.columns]
    words = {
        "flavors": {"sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}},
        "signature": {"inputs": json.dumps(inputs)},
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "type": "dataframe",
        },
        "utc_time_created": "2026-11-21 18:57:43.268574",
    }
    (folder / "MLmodel").write_text(yaml.safe_dump({**words, **changes}))
    return folder


def described(folder: Path, out: Path) -> Card:
    describe_logged(folder, name="iris_model", registry="models:/iris_model/1", out=out)
    return read_card(out)


def test_signature_and_example_say_what_a_card_needs(tmp_path: Path) -> None:
    folder = save(tmp_path / "logged", *a_classifier())
    assert is_logged(folder)
    card = described(folder, tmp_path / "trained")
    assert (card.type, card.labels) == ("Classification", ("setosa", "versicolor", "virginica"))
    assert [(feature.name, feature.kind) for feature in card.features] == [
        (name, "number") for name in COLUMNS
    ]
    assert [golden.output["label"] for golden in card.golden] == ["virginica", "versicolor", "setosa"]
    assert (card.lineage.registry, card.lineage.trained_at) == (
        "models:/iris_model/1",
        "2026-11-21T18:57:43Z",
    )
    # What only MLflow needed stays away.
    assert (tmp_path / "trained" / "requirements.txt").read_text() == f"scikit-learn=={sklearn.__version__}\n"


def test_a_name_that_bentoml_does_not_take_is_written_as_it_does(tmp_path: Path) -> None:
    folder = save(tmp_path / "logged", *a_classifier())
    card = describe_logged(folder, name="Iris-Model 2", registry="", out=tmp_path / "trained")
    assert card.name == "iris_model_2"
    with pytest.raises(PackagingError, match="2_iris"):
        describe_logged(folder, name="2-iris", registry="", out=tmp_path / "other")


def test_a_model_without_classes_is_a_regression(tmp_path: Path) -> None:
    card = described(save(tmp_path / "logged", *a_regressor()), tmp_path / "trained")
    assert (card.type, card.labels, len(card.golden)) == ("Regression", (), 3)


def test_the_form_that_mlflow_uses_by_itself_is_read(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    model, table = a_classifier()
    flavour = {"pickled_model": "model.skops", "serialization_format": "skops", "skops_trusted_types": None}
    folder = save(tmp_path / "logged", model, table, flavors={"sklearn": flavour})
    skops.dump(model, folder / "model.skops")
    assert described(folder, tmp_path / "trained").labels == ("setosa", "versicolor", "virginica")


def without_signature(folder: Path, model: Any, table: Any) -> None:
    save(folder, model, table, signature=None)


def without_example(folder: Path, model: Any, table: Any) -> None:
    save(folder, model, table, saved_input_example_info=None)


def of_another_flavour(folder: Path, model: Any, table: Any) -> None:
    save(folder, model, table, flavors={"pytorch": {}})


def unpinned(folder: Path, model: Any, table: Any) -> None:
    save(folder, model, table)
    (folder / "requirements.txt").write_text("scikit-learn\n")


@pytest.mark.parametrize(
    ("spoil", "reason", "hint"),
    [
        (without_signature, ErrorReason.ColumnUnusable, "infer_signature"),
        (without_example, ErrorReason.DataEmpty, "input_example"),
        (of_another_flavour, ErrorReason.RoutineMissing, "pytorch"),
        (unpinned, ErrorReason.DependencyNotPinned, "scikit-learn"),
    ],
)
def test_what_a_model_lacks_is_reported_with_the_next_step(
    spoil: Callable[[Path, Any, Any], None], reason: ErrorReason, hint: str, tmp_path: Path
) -> None:
    spoil(tmp_path / "logged", *a_classifier())
    with pytest.raises(PackagingError, match=hint) as caught:
        described(tmp_path / "logged", tmp_path / "trained")
    assert caught.value.reason is reason
