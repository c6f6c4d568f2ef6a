"""Get the predictions of an earlier model for the holdout, in a subprocess.

The pickle of that model refers to the recipe's modules as they were. Today's modules have the same names, so one
process cannot import both. `python -m e2i.pipeline.inference` reads one JSON object from stdin and writes one to
stdout.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2i.pipeline.errors import PipelineError, describe_error

TIMEOUT = 1800.0
SAID = 2000
"""Characters of the subprocess's stderr in an error: the last ones."""


def ask_in_subprocess(model: Path, code: Path, project: Path, recipe: str, table: Path) -> dict[str, Any]:
    """Return {answers, metrics} of the model in `model` for the rows of `table`; PipelineError if it fails.

    `code` has the modules that the model needs; `metrics` come from the project's own evaluate.
    """
    task = {"model": model, "code": code, "project": project, "recipe": recipe, "table": table}
    command = [sys.executable, "-m", "e2i.pipeline.inference"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(task, default=str),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PipelineError(f"the model in {model} did not answer within {TIMEOUT:.0f} s") from None
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = done.stderr.strip()[-SAID:] or f"it ended with exit code {done.returncode} and no message"
        raise PipelineError(f"the model in {model} could not predict the holdout: {said}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def answer(task: Mapping[str, str]) -> dict[str, Any]:
    """Load the model of a task and return its answers and metrics. Runs in the subprocess."""
    from e2i.packaging.schema import json_rows
    from e2i.pipeline.recipe import load_recipe
    from e2i.pipeline.rows import read_stored
    from e2i_bento.predicting import load_predictor

    sys.path.insert(0, task["code"])
    predictor = load_predictor(Path(task["model"]))
    frame = read_stored(Path(task["table"]))
    features = [feature.name for feature in predictor.card.features]
    if missing := [name for name in features if name not in frame.columns]:
        raise PipelineError(f"it needs the feature {missing[0]}, which the data do not have any more")
    answers = predictor.answers(json_rows(frame[features]))
    # The loaded model keeps its old modules; load_recipe now imports today's modules under the same names.
    recipe = load_recipe(Path(task["project"]), task["recipe"])
    return {
        "answers": answers,
        "metrics": project_metrics(recipe.evaluate, predictor.model, frame, recipe.folder),
    }


def project_metrics(evaluate: Any, model: Any, frame: Any, folder: Path) -> dict[str, float]:
    """Return the metrics of the project's evaluate(model, data); PipelineError if it fails or gives no numbers."""
    if evaluate is None:
        return {}
    try:
        found = evaluate(model, frame.copy())
        return {str(name): float(value) for name, value in found.items()}
    except Exception as error:
        raise PipelineError(
            f"The recipe's evaluate failed: {describe_error(error, folder)}. Correct the recipe."
        ) from error


def main(arguments: Sequence[str] = ()) -> None:
    task = json.loads(sys.stdin.read())
    try:
        found = answer(task)
    except Exception as error:
        sys.exit(
            error.message
            if isinstance(error, PipelineError)
            else describe_error(error, Path(task["project"]))
        )
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
