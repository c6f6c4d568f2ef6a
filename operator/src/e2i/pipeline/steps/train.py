"""train: call the recipe's train, and write the trained folder with the model's card."""

from __future__ import annotations

from typing import Any

from e2i.clock import now
from e2i.packaging.data import file_digest
from e2i.packaging.describe import describe, read_pins
from e2i.packaging.names import resolve_version
from e2i.pipeline.context import Loop, StepResult, digest_of
from e2i.pipeline.errors import PipelineError, describe_error
from e2i.pipeline.recipe import Recipe, load_recipe
from e2i.pipeline.rows import read_stored, training_columns
from e2i_bento.card import CARD_FILE, Card

LONGEST, MOST_PARAMETERS = 250, 100
"""Limits of MLflow: characters of a value, and parameters of a run."""
DESCRIBED = {"name", "type", "description", "target", "treatment", "features", "decisions", "version"}


def inputs(loop: Loop) -> dict[str, str]:
    requirements = loop.folder / loop.project.requirements
    if not requirements.is_file():
        raise PipelineError(
            f"{requirements} does not exist. Write what the model needs when it serves, each line name==version, or "
            "correct requirements in project.yaml."
        )
    return {
        "data": str(loop.outputs("data").get("train")),
        "code": loop.code_digest(),
        "requirements": file_digest(requirements),
        "project.yaml": digest_of(loop.project.model_dump(mode="json", include=DESCRIBED)),
    }


def run(loop: Loop) -> StepResult:
    recipe = load_recipe(loop.folder, loop.project.recipe)
    # The training may take hours, and a package that is not pinned would stop it at its end.
    read_pins(loop.folder / loop.project.requirements)
    data = training_columns(read_stored(loop.workspace.train), loop.project)
    try:
        model = recipe.train(data.copy())
    except Exception as error:
        raise PipelineError(
            f"The recipe's train failed: {describe_error(error, loop.folder)}. Correct the recipe."
        ) from error
    if model is None:
        raise PipelineError(f"train in {recipe.file.name} returned nothing. Let it return the fitted model.")
    card = _describe_model(loop, recipe, model, data)
    version = resolve_version(loop.project.version, now())
    digest = digest_of([card.model.digest, card.model_dump(mode="json")])
    outputs = {"version": version, "digest": digest, "params": parameters(model)}
    sentence = (
        f"{card.name} {version}, {type(model).__name__} on {len(data)} rows, {len(card.features)} features"
    )
    return StepResult(
        sentence, outputs, (loop.workspace.trained / CARD_FILE, loop.workspace.trained / card.model.name)
    )


def parameters(model: Any) -> dict[str, str]:
    """Return the plain values of a scikit-learn model's parameters; {} for another kind of model."""
    try:
        found = model.get_params()
        plain = {name: value for name, value in found.items() if isinstance(value, bool | int | float | str)}
    except Exception:
        # A class of the user may fail here; the parameters are only for information.
        return {}
    return {f"model.{name}": str(plain[name])[:LONGEST] for name in sorted(plain)[:MOST_PARAMETERS]}


def _describe_model(loop: Loop, recipe: Recipe, model: object, data: object) -> Card:
    project = loop.project
    names = loop.outputs("data")["features"]
    return describe(
        model,
        data,
        name=project.name,
        kind=project.type,
        target=project.target,
        treatment=project.treatment,
        features={name: project.declaration(name).model_dump(exclude_unset=True) for name in names},
        description=project.description,
        decisions=project.decisions,
        synthetic=project.data.synthetic,
        source=loop.outputs("data")["source"],
        code=recipe.code(),
        requirements=loop.folder / project.requirements,
        out=loop.workspace.trained,
        # The gate decides, on rows that the model has not seen, and writes a report.
        accept_guessing=True,
    )
