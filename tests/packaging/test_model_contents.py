"""Files that hold something else than one fitted model: named, with the next step."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.inference import check_routines
from e2i.packaging.model_contents import check_file_format, check_is_model
from e2i.packaging.modelfile import load_model

VECTORIZER, MODEL = DictVectorizer(), LogisticRegression()


def of_package(module: str, name: str, **methods: Any) -> Any:
    return type(name, (), {"__module__": module, **methods})()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            (VECTORIZER, MODEL),
            ["a tuple of DictVectorizer and LogisticRegression", "DictVectorizer", "--preprocessing"],
            id="a tuple of vectorizer and model",
        ),
        pytest.param(
            {"dv": VECTORIZER, "model": MODEL, "threshold": 0.3},
            ["a dict ('dv': DictVectorizer, 'model': LogisticRegression", "--preprocessing"],
            id="a dict",
        ),
        pytest.param([MODEL], ["a list of LogisticRegression", "LogisticRegression alone"], id="a list"),
        pytest.param(LogisticRegression, ["the class LogisticRegression"], id="a class"),
        pytest.param(np.zeros(3), ["a ndarray, not a fitted model"], id="an array"),
        pytest.param("churn", ["a str, not a fitted model"], id="a text"),
    ],
)
def test_a_pickle_that_holds_no_single_model_is_named(tmp_path: Path, content: Any, words: list[str]) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(content))
    with pytest.raises(PackagingError) as found:
        load_model(file)
    assert found.value.reason is ErrorReason.ModelUnsupported
    assert str(file) in found.value.message
    assert [word for word in words if word not in found.value.message] == []


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (of_package("lightgbm.basic", "Booster", predict=print), "LGBMClassifier or LGBMRegressor"),
        (of_package("xgboost.core", "Booster", predict=print), "booster.save_model"),
        (of_package("torch.nn.modules.linear", "Linear", __call__=print), "skorch"),
        (of_package("keras.src.models.sequential", "Sequential", predict=print), "scikeras"),
        (of_package("statsmodels.base.model", "Results", predict=print), "statsmodels result"),
    ],
)
def test_a_model_of_another_library_is_named(model: Any, words: str) -> None:
    with pytest.raises(PackagingError, match=words):
        check_routines(model, "Classification")


@pytest.mark.parametrize(
    ("name", "start", "words"),
    [
        ("model.txt", b"tree\nversion=v4\n", "a LightGBM model in its own text format"),
        ("model.bst", b"tree\nversion=v4\n", "a LightGBM model in its own text format"),
        ("model.cbm", b"CBM1\0\0", "a CatBoost model in its own format"),
        ("model.bin", b"CBM1\0\0", "a CatBoost model in its own format"),
        ("model.h5", b"\x89HDF\r\n\x1a\n", "a Keras model"),
        ("model.onnx", b"\x08\x07", "an ONNX model"),
        ("model.pt", b"\x80\x02", "a PyTorch model"),
    ],
)
def test_a_file_in_another_librarys_format_is_named(
    tmp_path: Path, name: str, start: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(start)
    with pytest.raises(PackagingError, match=words) as found:
        load_model(tmp_path / name)
    assert found.value.reason is ErrorReason.ModelUnsupported
    assert "joblib.dump" in found.value.message


def test_a_zip_is_named_by_what_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(PackagingError, match="PyTorch"):
        check_file_format(file)


def test_models_pass() -> None:
    for model in (MODEL, VECTORIZER, of_package("lightgbm.sklearn", "LGBMClassifier", predict=print)):
        check_is_model(model)
