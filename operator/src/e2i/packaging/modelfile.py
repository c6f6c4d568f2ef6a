"""Reads and writes files of fitted models, and finds out which Python modules a pickle refers to."""

from __future__ import annotations

import copy
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.fitted_names import fitted_names
from e2i.packaging.missing_module import module_missing
from e2i.packaging.model_contents import check_file_format, check_is_model

BOOSTERS = (".ubj", ".json", ".bst", ".xgb")
"""Names of files that `Booster.save_model` writes. Anything else is a pickle: of joblib, pickle or cloudpickle."""
JOBLIB_FILE = "model.joblib"

Loaded = TypeVar("Loaded")

_recorders: list[set[str]] = []
_hooked: list[bool] = []


@dataclass(frozen=True)
class LoadedModel:
    """A fitted model, asked as scikit-learn has it. `modules` are the full names of those that its pickle names."""

    model: Any
    modules: frozenset[str]
    format: Literal["joblib", "xgboost"] = "joblib"
    file: Path | None = None
    """The file it was read from, which is kept as it is."""


def load_model(file: Path) -> LoadedModel:
    """Return the model in `file`; the modules of its own must be importable. PackagingError with what is wrong with
    it."""
    if not file.is_file():
        raise PackagingError(
            ErrorReason.FileMissing,
            f"There is no file {file}. Name the file that training wrote the model to.",
        )
    check_file_format(file)
    if file.suffix.lower() in BOOSTERS:
        return LoadedModel(_load_booster(file), frozenset({"xgboost"}), "xgboost", file)
    modules, model = load_recording_modules(file, _joblib_load)
    check_is_model(model, f"The content of {file}")
    return LoadedModel(model, modules, file=file)


def save_model(model: Any, file: Path) -> frozenset[str]:
    """Write the model with joblib; returns the modules that its pickle names. PackagingError if it cannot be
    written."""
    import joblib

    try:
        joblib.dump(model, file)
    except Exception as error:
        raise PackagingError(
            ErrorReason.ModelDamaged,
            f"The model {type(model).__name__} cannot be pickled ({_first_line(error)}). Replace lambdas and functions "
            "inside functions by functions of a module.",
        ) from error
    modules, _ = load_recording_modules(file, _joblib_load)
    return modules


def combine(preprocessing: Any, model: Any) -> Any:
    """Return one fitted scikit-learn pipeline: `preprocessing.transform`, then the model."""
    from sklearn.pipeline import Pipeline

    if not hasattr(preprocessing, "transform"):
        raise PackagingError(
            ErrorReason.RoutineMissing,
            f"The preprocessing is a {type(preprocessing).__name__} without transform. "
            "Give the fitted transformer, for instance a DictVectorizer.",
        )
    return Pipeline([("preprocessing", _with_feature_names(preprocessing, model)), ("model", model)])


def _with_feature_names(preprocessing: Any, model: Any) -> Any:
    """Return the transformer, made to give a DataFrame when the model was fitted on one; PackagingError if the names
    differ."""
    names = fitted_names(model)
    if names is None or not hasattr(preprocessing, "get_feature_names_out"):
        return preprocessing
    given = [str(name) for name in preprocessing.get_feature_names_out()]
    if given != names:
        pairs = ((theirs, ours) for theirs, ours in zip(given, names, strict=False) if theirs != ours)
        first = next(pairs, (f"{len(given)} columns", f"{len(names)}"))
        raise PackagingError(
            ErrorReason.PreprocessingDiffers,
            f"The preprocessing gives {first[0]} where the model was trained with {first[1]}. Give the transformer "
            "that the model was trained behind.",
        )
    if hasattr(preprocessing, "set_output"):
        preprocessing = copy.deepcopy(preprocessing).set_output(transform="pandas")
    return preprocessing


@contextmanager
def importable(code: Path | None) -> Iterator[None]:
    """Make the modules in the folder `code` importable for a while, before all others of the same name."""
    if code is None or not code.is_dir():
        yield
        return
    sys.path.insert(0, str(code.resolve()))
    # A module of the same name from another model's folder would be taken for this one's.
    own = {file.stem for file in code.glob("*.py")}
    hidden = {name: sys.modules.pop(name) for name in own & sys.modules.keys()}
    try:
        yield
    finally:
        sys.path.remove(str(code.resolve()))
        for name in own:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)


def load_recording_modules(file: Path, load: Callable[[Path], Loaded]) -> tuple[frozenset[str], Loaded]:
    """Load `file`; return the modules that its pickle names, and the result. PackagingError if it fails."""
    try:
        with warnings.catch_warnings(), _recorded() as modules:
            warnings.simplefilter("error")
            # Only these are wrong with the file; the rest are a library's own troubles.
            for harmless in (DeprecationWarning, FutureWarning, ResourceWarning):
                warnings.simplefilter("ignore", harmless)
            loaded = load(file)
        return frozenset(modules), loaded
    except ModuleNotFoundError as error:
        raise module_missing(f"The model in {file}", error) from error
    except AttributeError as error:
        raise _name_missing(file, error) from error
    except UserWarning as error:
        raise PackagingError(
            ErrorReason.PinnedDifferently,
            f"{file} is not from this environment: {_first_line(error)} Package it where the versions of the training "
            "are installed, or train it again.",
        ) from error
    except Exception as error:
        raise PackagingError(
            ErrorReason.ModelDamaged,
            f"{file} cannot be loaded ({_first_line(error)}): damaged, copied incompletely, or no model. "
            "Copy or train it again.",
        ) from error


def _joblib_load(file: Path) -> Any:
    import joblib

    return joblib.load(file)


def _name_missing(file: Path, error: AttributeError) -> PackagingError:
    if "__main__" in str(error):
        return PackagingError(
            ErrorReason.ModelNeedsMain,
            f"The model in {file} refers to something of the program or notebook that trained it "
            f"({_first_line(error)}). "
            "Move it into a module of its own, train again, and give the module with --code.",
        )
    return PackagingError(
        ErrorReason.CodeMissing,
        f"The model in {file} refers to what is not in this version of a module ({_first_line(error)}). "
        "Use the version of the training.",
    )


def _load_booster(file: Path) -> Any:
    try:
        import xgboost

        booster = xgboost.Booster(model_file=file)
        objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    except ImportError as error:
        raise PackagingError(
            ErrorReason.CodeMissing,
            f"{file} is a model of XGBoost, which is not installed here: install the pinned version.",
        ) from error
    except Exception as error:
        raise PackagingError(
            ErrorReason.ModelDamaged, f"{file} is no model of XGBoost ({_first_line(error)})."
        ) from error
    kinds = {"binary:logistic": xgboost.XGBClassifier, "multi:softprob": xgboost.XGBClassifier}
    kind = xgboost.XGBRegressor if objective.startswith("reg:") else kinds.get(objective)
    if kind is None:
        raise PackagingError(
            ErrorReason.AnswerMalformed,
            f"{file} was trained with the objective {objective}; use binary:logistic, multi:softprob or one of reg:.",
        )
    model = kind()
    model.load_model(file)
    return model


@contextmanager
def _recorded() -> Iterator[set[str]]:
    """Yield the set of modules that pickles name while it is open; Python's pickle reports each to audit hooks."""
    if not _hooked:
        sys.addaudithook(_record_import)
        _hooked.append(True)
    modules: set[str] = set()
    _recorders.append(modules)
    try:
        yield modules
    finally:
        _recorders.remove(modules)


def _record_import(event: str, arguments: tuple[Any, ...]) -> None:
    if _recorders and event == "pickle.find_class":
        for modules in _recorders:
            modules.add(str(arguments[0]))


def _first_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or [""])[0][:200]
    return text if isinstance(error, Warning) else f"{type(error).__name__}: {text}"
