"""evaluate: measure the trained model on the holdout, and the model that serves on the same rows."""

from __future__ import annotations

import json
import math
from typing import Any

from e2i.packaging.schema import json_rows
from e2i.pipeline import champion, scoring
from e2i.pipeline.context import Loop, StepResult, digest_of
from e2i.pipeline.drift_verdict import PREDICTION, prediction_of
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.inference import ask_in_subprocess, project_metrics
from e2i.pipeline.recipe import load_recipe
from e2i.pipeline.rows import read_stored
from e2i.pipeline.workspace import write_atomically
from e2i.registry.client import RegistryError
from e2i_bento.card import Holdout
from e2i_bento.predicting import ModelDamaged, NotFinite, Predictor, load_predictor

REFERENCE_ROWS = 2000
NOT_COMPARED = (
    ", so it may have learned from these rows. The comparison is made again when a model of this pipeline serves. To "
    "compare with it anyway, give its name with `--against`."
)


def inputs(loop: Loop) -> dict[str, str]:
    return {
        "model": str(loop.outputs("train").get("digest")),
        "holdout": str(loop.outputs("data").get("holdout")),
        "code": loop.code_digest(),
    }


def external_inputs(loop: Loop) -> dict[str, str]:
    return {"what serves": _serving_name(loop)}


def _serving_name(loop: Loop) -> str:
    """Return the model to compare with. Once the new model itself serves, keep the model that served before it."""
    name = champion.serving_name(loop)
    record = loop.state.done.get("evaluate")
    own = f"{loop.project.name}:{loop.outputs('train').get('version')}"
    return record.inputs["what serves"] if record and name == own else str(name)


def run(loop: Loop) -> StepResult:
    recipe = load_recipe(loop.folder, loop.project.recipe)
    frame = read_stored(loop.workspace.holdout)
    predictor, answers = _answers(loop, frame)
    project = loop.project
    found = scoring.metrics_of(project.type, answers, frame, project.target)
    found |= project_metrics(recipe.evaluate, predictor.model, frame, recipe.folder)
    if broken := [name for name, value in found.items() if not math.isfinite(value)]:
        raise PipelineError(
            f"{broken[0]} is {found[broken[0]]} on the holdout: look at the predictions and the data."
        )
    serving = _measure_serving(loop, answers, frame)
    names = [feature.name for feature in predictor.card.features]
    _write_reference(loop, json_rows(frame[names]), answers)
    outputs = {"metrics": found, "serving": serving, "rows": len(frame)}
    write_atomically(loop.workspace.evaluation, json.dumps(outputs, indent=1))
    summary = ", ".join(f"{name} {value:.4g}" for name, value in sorted(found.items()))
    comparison = "; nothing serves yet"
    if serving:
        comparison = f"; {'not ' if serving.get('skipped') else ''}compared with {serving['name']}"
    return StepResult(
        f"{summary} on {len(frame)} rows{comparison}",
        {**outputs, "digest": digest_of(outputs)},
        (loop.workspace.evaluation, loop.workspace.reference),
    )


def _answers(loop: Loop, frame: Any) -> tuple[Predictor, list[dict[str, Any]]]:
    try:
        predictor = load_predictor(loop.workspace.trained)
        names = [feature.name for feature in predictor.card.features]
        return predictor, predictor.answers(json_rows(frame[names]))
    except NotFinite as error:
        raise PipelineError(f"The model does not answer the holdout: {error}.") from error
    except ModelDamaged as error:
        raise PipelineError(f"{error}. Run the step train with --force.") from error


def _measure_serving(loop: Loop, answers: list[dict[str, Any]], frame: Any) -> dict[str, Any] | None:
    """Measure the model that serves: name, metrics and noise, or name and why it has none; None if nothing serves."""
    name = _serving_name(loop)
    if name == "None":
        return None
    project = loop.project
    try:
        found = champion.find_model(loop, name)
        doubt = found.doubt(Holdout(share=project.data.holdout, columns=tuple(frame.columns)))
        if doubt and not loop.options.against:
            return {"name": name, "metrics": {}, "noise": {}, "skipped": doubt + NOT_COMPARED}
        result = ask_in_subprocess(
            found.model, found.code, loop.folder, project.recipe, loop.workspace.holdout
        )
        there = scoring.metrics_of(project.type, result["answers"], frame, project.target) | result["metrics"]
        noise = scoring.noise_of(project.type, answers, result["answers"], frame, project.target)
    except (PipelineError, RegistryError) as stopped:
        return {"name": name, "metrics": {}, "noise": {}, "trouble": stopped.message}
    except (KeyError, TypeError) as error:
        # It has another type, so its answers have other fields.
        return {"name": name, "metrics": {}, "noise": {}, "trouble": f"its answers have no {error}"}
    return {"name": name, "metrics": there, "noise": noise, "trouble": ""}


def _write_reference(loop: Loop, rows: list[dict[str, Any]], answers: list[dict[str, Any]]) -> None:
    """Write rows of the holdout with the predictions for them; later inputs are compared with these for drift."""
    kept = zip(rows[:REFERENCE_ROWS], answers, strict=False)
    lines = [json.dumps({**row, PREDICTION: prediction_of(loop.project.type, said)[0]}) for row, said in kept]
    write_atomically(loop.workspace.reference, "\n".join(lines) + "\n")
