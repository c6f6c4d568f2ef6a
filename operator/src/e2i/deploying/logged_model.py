"""Make a trained folder from a model that was logged with MLflow's scikit-learn flavour.

The signature has the features and their types, the input example has inputs for golden predictions, requirements.txt
has the packages. The folder has no metrics and no distribution of the training data, so drift cannot be measured.
Only files are read; the package mlflow is not needed.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from e2i.packaging.data import file_digest
from e2i.packaging.dependency_check import REQUIREMENTS
from e2i.packaging.describe import read_pins
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.golden import check_finite, choose_golden
from e2i.packaging.inference import OriginalModel, as_table, check_routines, find_row_format
from e2i.packaging.installed import distributions_of, with_dependencies
from e2i.packaging.modelfile import JOBLIB_FILE, load_model, save_model
from e2i.packaging.names import check_name
from e2i.packaging.schema import json_rows
from e2i_bento.card import BACKGROUND_FILE, Card, Feature, Golden, Kind, Lineage, ModelFile, Row, write_card

if TYPE_CHECKING:
    from pandas import DataFrame

DESCRIPTION = "MLmodel"
KINDS: Mapping[str, Literal["integer", "number", "boolean", "text"]] = {
    "integer": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "boolean": "boolean",
    "string": "text",
}
"""MLflow's column types. A string becomes text, not category, because a signature does not list the categories."""
DTYPES = {"integer": "int64", "number": "float64", "boolean": "bool", "text": "object"}
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_]+")
NOT_NEEDED = ("mlflow", "mlflow-skinny", "skops")
"""Packages for logging that are not needed to serve."""


@dataclass(frozen=True)
class Logged:
    """A logged model: content of its MLmodel file, features, input example, and the loaded model."""

    description: Mapping[str, Any]
    features: tuple[Feature, ...]
    example: DataFrame
    model: Any


def is_logged(folder: Path) -> bool:
    """Return whether the folder holds an MLflow model."""
    return (folder / DESCRIPTION).is_file()


def describe_logged(folder: Path, *, name: str, registry: str, out: Path) -> Card:
    """Write the trained folder `out` for the MLflow model in `folder`; PackagingError if something is missing.

    BentoML does not allow every name that MLflow allows: Iris-Model becomes iris_model.
    """
    name = _NOT_IN_NAMES.sub("_", name.lower())
    check_name(name)
    logged = read_logged(folder)
    out.mkdir(parents=True)
    (out / REQUIREMENTS).write_text(_serving_requirements(folder))
    read_pins(out / REQUIREMENTS)
    modules = save_model(logged.model, out / JOBLIB_FILE)
    kind, labels = _kind(logged.model)
    original = OriginalModel(logged.model, kind, labels)
    row_format = find_row_format(original, logged.example, None)
    rows = json_rows(logged.example)
    answers = original.answers(as_table(logged.example, row_format))
    check_finite(rows, answers, range(len(rows)))
    (out / BACKGROUND_FILE).write_text(json.dumps(rows, indent=0) + "\n")
    card = Card(
        name=name,
        type=kind,
        model=ModelFile(name=JOBLIB_FILE, digest=file_digest(out / JOBLIB_FILE)),
        rows_as=row_format,
        features=_nullable(logged.features, rows),
        labels=labels,
        golden=tuple(Golden(input=rows[i], output=answers[i]) for i in choose_golden(rows, answers)),
        lineage=_lineage(logged.description, registry, modules),
    )
    write_card(card, out)
    return card


def read_logged(folder: Path) -> Logged:
    """Read a logged model with its signature and input example; PackagingError if one of them is missing."""
    description = yaml.safe_load((folder / DESCRIPTION).read_text())
    flavour = (description.get("flavors") or {}).get("sklearn")
    if flavour is None:
        known = ", ".join(sorted(description.get("flavors") or {})) or "none"
        raise PackagingError(
            ErrorReason.RoutineMissing,
            f"The MLflow model has the flavours {known}, and only scikit-learn's can be packaged without its data: "
            "describe it with `e2i package --model --data`.",
        )
    features = _features(description)
    model = _load(folder / flavour["pickled_model"], flavour)
    return Logged(description, features, _example(folder, description, features), model)


def _features(description: Mapping[str, Any]) -> tuple[Feature, ...]:
    columns = json.loads((description.get("signature") or {}).get("inputs") or "[]")
    if not columns or any("name" not in column or column.get("type") not in KINDS for column in columns):
        raise PackagingError(
            ErrorReason.ColumnUnusable,
            "The MLflow model has no signature with named columns of numbers, booleans or texts: log it with "
            "signature=infer_signature(X, y) where X is a DataFrame.",
        )
    return tuple(
        Feature(name=column["name"], kind=KINDS[column["type"]], nullable=not column.get("required", True))
        for column in columns
    )


def _example(folder: Path, description: Mapping[str, Any], features: Sequence[Feature]) -> DataFrame:
    """Return the input example as a table, in the order and types of the features."""
    from pandas import DataFrame

    example = description.get("saved_input_example_info") or {}
    if example.get("type") != "dataframe" or example.get("pandas_orient") != "split":
        raise PackagingError(
            ErrorReason.DataEmpty,
            "The MLflow model has no input example that is a DataFrame, so there are no inputs to test it with: log it "
            "with input_example=X.head().",
        )
    saved = json.loads((folder / example["artifact_path"]).read_text())
    table = DataFrame(saved["data"], columns=saved["columns"])
    lacking = [feature.name for feature in features if feature.name not in table.columns]
    if lacking or table.empty:
        raise PackagingError(
            ErrorReason.ColumnMissing,
            f"The input example has {len(table)} rows and lacks {', '.join(lacking) or 'nothing'}: log it with rows "
            "of the data that the signature was created from.",
        )
    table = table[[feature.name for feature in features]]
    whole = {f.name: DTYPES[f.kind] for f in features if not table[f.name].isna().any()}
    return table.astype(whole)


def _load(file: Path, flavour: Mapping[str, Any]) -> Any:
    if flavour.get("serialization_format") != "skops":
        return load_model(file).model
    skops = import_module("skops.io")
    try:
        return skops.load(file, trusted=flavour.get("skops_trusted_types") or [])
    except Exception as error:
        raise PackagingError(
            ErrorReason.ModelDamaged,
            f"{file.name} cannot be loaded ({type(error).__name__}: {str(error)[:300]}). Log it where its packages are "
            "installed in these versions, with skops_trusted_types for classes of your own.",
        ) from error


def _kind(model: Any) -> tuple[Kind, tuple[str, ...]]:
    kind: Kind = "Classification" if hasattr(model, "classes_") else "Regression"
    check_routines(model, kind)
    return kind, tuple(str(label) for label in model.classes_) if kind == "Classification" else ()


def _nullable(features: Sequence[Feature], rows: Sequence[Row]) -> tuple[Feature, ...]:
    """Make features nullable that have a missing value in `rows`, because the service must accept golden inputs."""
    return tuple(
        feature.model_copy(
            update={"nullable": feature.nullable or any(row[feature.name] is None for row in rows)}
        )
        for feature in features
    )


def _serving_requirements(folder: Path) -> str:
    lines = (folder / REQUIREMENTS).read_text().splitlines() if (folder / REQUIREMENTS).is_file() else []
    return "".join(f"{line}\n" for line in lines if line.partition("==")[0].strip().lower() not in NOT_NEEDED)


def _lineage(description: Mapping[str, Any], registry: str, modules: frozenset[str]) -> Lineage:
    imported = distributions_of(modules).values()
    created = description.get("utc_time_created")
    return Lineage(
        data_source="the input example of the MLflow model",
        trained_at=datetime.fromisoformat(created).strftime("%Y-%m-%dT%H:%M:%SZ") if created else "",
        python=platform.python_version(),
        packages=with_dependencies(name for names in imported for name in names),
        registry=registry,
    )
