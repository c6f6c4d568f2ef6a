"""Look for misspelt metrics of the gate before anything is trained: the gate itself comes after the training."""

from __future__ import annotations

import difflib

from e2i.pipeline.context import Loop
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.gate import OF_TYPE
from e2i.pipeline.recipe import load_recipe


def check_gate_names(loop: Loop) -> None:
    """Stop at a metric of the gate that no evaluation can give: PipelineError. Say so of one that is doubtful.

    What the recipe's evaluate returns is known only after it ran, but a name that it returns is nearly always written
    in the project's code.
    """
    known = OF_TYPE[loop.project.type]
    unknown = [metric for metric in loop.project.gate if metric not in known]
    if not unknown:
        return
    code = "\n".join(file.read_text(errors="replace") for file in loop.code_files())
    unwritten = [metric for metric in unknown if metric not in code]
    # Importing the recipe takes a while, so only where it decides.
    if unwritten and load_recipe(loop.folder, loop.project.recipe).evaluate is None:
        raise PipelineError("\n".join(_sentence(loop, metric, known) for metric in unwritten))
    for metric in unwritten:
        loop.say(_sentence(loop, metric, known))


def _sentence(loop: Loop, metric: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(metric, known, n=1)
    question = f"Did you mean {near[0]}? " if near else ""
    return (
        f"gate.{metric}: type {loop.project.type} has no metric {metric}, and the recipe's code does not name it. "
        f"{question}Known are {', '.join(known)}. Correct project.yaml, or return it from evaluate(model, data) in "
        f"{loop.project.recipe}."
    )
