"""From a fitted model and its data to the trained folder: model, card, background, requirements, code.

Training calls it, and `e2i package --model --data` for a model that is there already. What it records is what the
model itself says, so that every later copy can be held to it.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.markers import default_environment
from pydantic import ValidationError

from e2i.edge.clock import now
from e2i.packaging.asking import Answer, Asked, RowsAs, as_table, check_routines, find_form, fitted_names
from e2i.packaging.data import file_digest, table_digest
from e2i.packaging.golden import BACKGROUND, SAMPLE, check_finite, choose_golden, spread
from e2i.packaging.installed import distributions_of, version_of, with_dependencies
from e2i.packaging.modelfile import JOBLIB_FILE, LoadedModel, combine, load_model, save_model
from e2i.packaging.names import check_name
from e2i.packaging.pins import Pin, parse_pins
from e2i.packaging.refusal import Reason, Refused
from e2i.packaging.revision import code_revision
from e2i.packaging.schema import choose_columns, infer_feature, plain_rows
from e2i_bento.card import (
    BACKGROUND_FILE,
    Card,
    Causal,
    Decisions,
    Feature,
    Golden,
    Kind,
    Lineage,
    ModelFile,
    Row,
    write_card,
)

if TYPE_CHECKING:
    from pandas import DataFrame

CODE = "code"
REQUIREMENTS = "requirements.txt"
Declared = Mapping[str, Mapping[str, Any]] | Sequence[str] | None


@dataclass(frozen=True)
class About:
    """What only a person can say of a model.

    `source` is where the data came from, a file if there is one; `code` are the files that trained it;
    `labels` are the words for the model's classes, in their order, when it was trained on numbers.
    """

    name: str
    kind: Kind
    target: str
    treatment: str | None = None
    features: Declared = None
    labels: Sequence[str] = ()
    description: str = ""
    decisions: Decisions | Mapping[str, Any] | None = None
    confidence: float = 0.9
    synthetic: bool = False
    source: Path | str = ""
    code: Sequence[Path] = ()
    registry: str = ""
    rows_as: RowsAs | None = None


def describe(
    model: Any,
    data: DataFrame,
    *,
    name: str,
    kind: Kind,
    target: str,
    out: Path,
    requirements: Path,
    metrics: Mapping[str, float] | None = None,
    model_file: Path | None = None,
    preprocessing: Any = None,
    **options: Any,
) -> Card:
    """Write the trained folder `out` and return its card; `options` are the other fields of About.

    `model` answers `data`, a row for each input and a column for each feature and the target. With `model_file` that
    file is copied instead of written anew. Refused says what does not fit; then `out` is as it was.
    """
    about = About(name=name, kind=kind, target=target, **options)
    check_name(name)
    if preprocessing is not None:
        model, model_file = combine(preprocessing, model), None
    check_routines(model, kind)
    pins = read_pins(requirements)
    features = describe_features(about, data, fitted_names(model))
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _copy_code(about.code, partial)
        shutil.copyfile(requirements, partial / REQUIREMENTS)
        kept = _keep_model(model, model_file, partial)
        card = _card(about, data, features, kept, pins, metrics or {}, partial)
        write_card(card, partial)
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return card


def read_pins(requirements: Path) -> tuple[Pin, ...]:
    """The pins of a requirements.txt that hold for this Python on this machine."""
    if not requirements.is_file():
        raise Refused(
            Reason.FileMissing,
            f"There is no {requirements}. Name there with == what the model needs to be loaded, for instance "
            f"scikit-learn=={version_of('scikit-learn') or '1.9.1'}.",
        )
    environment = {key: str(value) for key, value in default_environment().items()}
    return parse_pins(requirements.read_text(), requirements.name, environment)


def describe_features(about: About, data: DataFrame, fitted: Sequence[str] | None) -> tuple[Feature, ...]:
    """The features of the data, checked against what was declared and what the model was fitted with."""
    roles = {about.target: "target"} | ({about.treatment: "treatment"} if about.treatment else {})
    for column, role in roles.items():
        if column not in data.columns:
            raise Refused(
                Reason.ColumnMissing,
                f"The data has no column {column}, the {role}; it has {', '.join(map(str, data.columns[:12]))}.",
            )
    declared = about.features if isinstance(about.features, Mapping) else {}
    given = list(about.features) if about.features else None
    if data.empty:
        raise Refused(Reason.DataEmpty, "The data has no rows. Give the data that the model was trained on.")
    return tuple(
        infer_feature(name, data[name], declared.get(name) or {})
        for name in choose_columns([str(column) for column in data.columns], given, fitted, roles)
    )


def _keep_model(model: Any, model_file: Path | None, folder: Path) -> tuple[LoadedModel, str]:
    """The model in the folder, and the name of its file there."""
    if model_file is None:
        return LoadedModel(model, save_model(model, folder / JOBLIB_FILE)), JOBLIB_FILE
    loaded = load_model(model_file, folder / CODE)
    kept = JOBLIB_FILE if loaded.format == "joblib" else f"model{model_file.suffix.lower()}"
    shutil.copyfile(model_file, folder / kept)
    return loaded, kept


def _card(
    about: About,
    data: DataFrame,
    features: tuple[Feature, ...],
    kept: tuple[LoadedModel, str],
    pins: Sequence[Pin],
    metrics: Mapping[str, float],
    folder: Path,
) -> Card:
    loaded, file = kept
    inputs = data[[feature.name for feature in features]]
    positions = spread(len(inputs), SAMPLE)
    labels = find_labels(about, loaded.model, data)
    decisions = _decisions(about, labels)
    asked = Asked(loaded.model, about.kind, labels, decisions, about.confidence)
    form = find_form(asked, inputs, about.rows_as)
    rows = plain_rows(inputs.iloc[positions])
    answers = asked.answers(as_table(inputs.iloc[positions], form))
    check_finite(rows, answers, positions)
    (folder / BACKGROUND_FILE).write_text(
        json.dumps([rows[i] for i in spread(len(rows), BACKGROUND)], indent=0) + "\n"
    )
    return Card(
        name=about.name,
        type=about.kind,
        description=about.description,
        model=ModelFile(name=file, digest=file_digest(folder / file), format=loaded.format),
        # A Booster takes a matrix of numbers; its names are those of the card.
        rows_as="matrix" if loaded.format == "xgboost" else form,
        features=features,
        labels=labels,
        decisions=decisions,
        causal=_causal(about),
        golden=_golden(rows, answers),
        metrics={name: float(value) for name, value in sorted(metrics.items())},
        lineage=_lineage(about, data, loaded.modules, pins),
    )


def find_labels(about: About, model: Any, data: DataFrame) -> tuple[str, ...]:
    """Classification: the words for the columns of predict_proba; Refused when data and model disagree."""
    if about.kind != "Classification":
        return ()
    classes = [str(label) for label in model.classes_]
    seen = sorted({str(value) for value in data[about.target].dropna().tolist()})
    if len(seen) < 2 or len(classes) < 2:
        raise Refused(
            Reason.SingleLabel,
            f"The column {about.target} has only the label {seen[0] if seen else 'none'}: nothing was learned. "
            "Give data with at least two labels.",
        )
    labels = [str(label) for label in about.labels] or classes
    if len(labels) != len(classes):
        raise Refused(
            Reason.LabelsDiffer,
            f"{len(labels)} labels are given ({', '.join(labels)}), and the model has {len(classes)} classes "
            f"({', '.join(classes)}). Give one word for each, in this order.",
        )
    unknown = [label for label in seen if label not in {*labels, *classes}]
    if unknown:
        raise Refused(
            Reason.LabelsDiffer,
            f"The column {about.target} has the label {unknown[0]!r}, and the model knows {', '.join(classes)}. Name "
            "the column that it was trained on, or give with --labels the words for its classes, in their order.",
        )
    return tuple(labels)


def _decisions(about: About, labels: Sequence[str]) -> Decisions | None:
    if about.decisions is None:
        return None
    try:
        decisions = Decisions.model_validate(about.decisions)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused(
            Reason.DeclarationContradicted, f"The decisions are wrong at {place}: {first['msg']}."
        ) from None
    bounds = [band.below for band in decisions.bands]
    if decisions.label not in labels or not bounds or bounds != sorted(set(bounds)) or bounds[-1] <= 1:
        raise Refused(
            Reason.DeclarationContradicted,
            f"Decisions are by the probability of {decisions.label!r} below {bounds}; the label must be one of "
            f"{', '.join(labels) or 'none, for only a Classification has labels'}, the bounds must rise, and the last "
            "one be above 1 (1.01).",
        )
    return decisions


def _causal(about: About) -> Causal | None:
    if about.kind != "Causal":
        return None
    if not about.treatment:
        raise Refused(
            Reason.ColumnMissing,
            "A Causal model needs the name of the treatment's column: give it with --treatment.",
        )
    return Causal(treatment=about.treatment, outcome=about.target, confidence=about.confidence)


def _golden(rows: Sequence[Row], answers: Sequence[Answer]) -> tuple[Golden, ...]:
    return tuple(Golden(input=rows[i], output=answers[i]) for i in choose_golden(rows, answers))


def _lineage(about: About, data: DataFrame, modules: frozenset[str], pins: Sequence[Pin]) -> Lineage:
    source = Path(about.source) if about.source else None
    is_file = source is not None and source.is_file()
    imported = [name for names in distributions_of(modules).values() for name in names]
    return Lineage(
        # Of a file its name: where it lay on this machine says nothing elsewhere.
        data_source=source.name if source and is_file else str(about.source),
        data_digest=file_digest(source) if source and is_file else table_digest(data),
        data_rows=len(data),
        synthetic=about.synthetic,
        code_revision=code_revision(about.code),
        trained_at=_moment(),
        python=platform.python_version(),
        packages=with_dependencies([*(pin.name for pin in pins), *imported]),
        registry=about.registry,
    )


def _moment() -> str:
    """Now, or SOURCE_DATE_EPOCH, so that a training can be repeated to the byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else now()
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _copy_code(files: Sequence[Path], folder: Path) -> None:
    for file in files:
        if not file.is_file() or file.suffix != ".py":
            raise Refused(
                Reason.FileMissing,
                f"{file} is no Python file. Name the .py files that the model's classes are in.",
            )
        (folder / CODE).mkdir(exist_ok=True)
        shutil.copyfile(file, folder / CODE / file.name)
