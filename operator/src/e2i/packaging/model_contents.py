"""Names what a file holds that is not one fitted model with scikit-learn's interface, and says what to do with it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2i.packaging.errors import ErrorReason, PackagingError

_LIGHTGBM = (
    "a LightGBM model in its own text format",
    "Train lightgbm.LGBMClassifier or LGBMRegressor, or wrap the Booster in a class with predict, and write the "
    "model with joblib.dump",
)
_CATBOOST = (
    "a CatBoost model in its own format",
    "Load it with CatBoostClassifier().load_model(...) or CatBoostRegressor().load_model(...), and write that object "
    "with joblib.dump",
)
_KERAS = (
    "a Keras model",
    "Wrap it in a class of a module of your own with predict_proba and classes_ (or predict), for instance scikeras, "
    "write that with joblib.dump, and give the module with --code",
)
_TORCH = (
    "a PyTorch model or its weights",
    "Wrap it in a class of a module of your own with predict_proba and classes_ (or predict), for instance skorch, "
    "write that with joblib.dump, and give the module with --code",
)
_ONNX = (
    "an ONNX model",
    "Give the fitted model that it was converted from, written with joblib.dump; or wrap it in a class of a module of "
    "your own with predict_proba and classes_ (or predict), and give the module with --code "
    "(docs/howto/package.md#onnx-statsmodels-pytorch)",
)
_BY_SUFFIX = {
    ".cbm": _CATBOOST,
    ".keras": _KERAS,
    ".h5": _KERAS,
    ".hdf5": _KERAS,
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".safetensors": ("weights without a model", _TORCH[1]),
    ".onnx": _ONNX,
    ".pmml": ("a PMML model", _ONNX[1]),
    ".skops": ("a model written by skops", "Load it with skops.io.load, and write it with joblib.dump"),
}
_BY_START = ((b"tree\n", _LIGHTGBM), (b"CBM1", _CATBOOST), (b"\x89HDF\r\n", _KERAS))
_BY_CLASS = {
    "lightgbm": (
        "a LightGBM Booster, which has no predict_proba",
        "Train lightgbm.LGBMClassifier or LGBMRegressor, and write that object",
    ),
    "xgboost": (
        "an XGBoost Booster inside a pickle",
        'Write it with booster.save_model("model.ubj") and give that file',
    ),
    "torch": _TORCH,
    "keras": _KERAS,
    "tensorflow": _KERAS,
    "statsmodels": (
        "a statsmodels result",
        "Wrap it in a class of a module of your own with predict, write that with joblib.dump, and give the module "
        "with --code",
    ),
}
_ESTIMATOR_METHODS = ("predict", "transform", "effect")


def check_file_format(file: Path) -> None:
    """PackagingError unless `file` may be a pickle, or a model of XGBoost."""
    with file.open("rb") as stream:
        start = stream.read(16)
    known = next((found for mark, found in _BY_START if start.startswith(mark)), None)
    known = known or _BY_SUFFIX.get(file.suffix.lower())
    if known is None and start.startswith(b"PK") and zipfile.is_zipfile(file):
        known = _zip_contents(file)
    if known:
        what, next_step = known
        raise PackagingError(ErrorReason.ModelUnsupported, f"{file} holds {what}. {next_step}.")


def _zip_contents(file: Path) -> tuple[str, str] | None:
    with zipfile.ZipFile(file) as archive:
        names = {Path(name).name for name in archive.namelist()}
    if "model.weights.h5" in names:
        return _KERAS
    return _TORCH if "data.pkl" in names else None


def check_is_model(model: Any, where: str = "The model") -> None:
    """PackagingError if `model` is a known thing that is not one model: a tuple, a dict, a Booster, a class."""
    found = _describe(model)
    if found:
        what, next_step = found
        raise PackagingError(ErrorReason.ModelUnsupported, f"{where} is {what}. {next_step}.")


def _describe(model: Any) -> tuple[str, str] | None:
    if isinstance(model, Mapping):
        parts = ", ".join(f"{str(key)!r}: {type(part).__name__}" for key, part in list(model.items())[:8])
        return f"a dict ({parts}), not one model", _split(list(model.values()))
    if isinstance(model, (tuple, list)):
        parts = " and ".join(type(part).__name__ for part in model[:8])
        return f"a {type(model).__name__} of {parts or 'nothing'}, not one model", _split(list(model))
    if isinstance(model, type):
        return f"the class {model.__name__}, not a fitted model", "Write the fitted object"
    if callable(model) and not any(hasattr(model, name) for name in _ESTIMATOR_METHODS):
        package = type(model).__module__.partition(".")[0]
        if package in _BY_CLASS:
            return _BY_CLASS[package]
        return (
            f"a function ({getattr(model, '__name__', type(model).__name__)})",
            "Put it into a class with predict",
        )
    return _describe_object(model)


def _describe_object(model: Any) -> tuple[str, str] | None:
    packages = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    is_booster = type(model).__name__ == "Booster"
    for package, found in _BY_CLASS.items():
        if package in packages and (is_booster or package not in ("lightgbm", "xgboost")):
            return found
    if isinstance(model, (str, bytes, int, float)) or packages & {"numpy", "pandas"}:
        return (
            f"a {type(model).__name__}, not a fitted model",
            "Give the file that training wrote the model to",
        )
    return None


def _split(parts: list[Any]) -> str:
    """Return the next step for several objects in one file, by what they are."""
    models = [type(part).__name__ for part in parts if hasattr(part, "predict") or hasattr(part, "effect")]
    transformers = [type(part).__name__ for part in parts if hasattr(part, "transform")]
    if models and transformers:
        return (
            f"Write {transformers[0]} and {models[0]} to files of their own with joblib.dump, and give them with "
            "--preprocessing and --model; or write one Pipeline of both"
        )
    if models:
        return f"Write {models[0]} alone to a file with joblib.dump, and give that file with --model"
    return "Write the fitted model alone to a file with joblib.dump"
