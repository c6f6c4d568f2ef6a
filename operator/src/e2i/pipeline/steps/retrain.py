"""retrain: run all steps again, if the inputs have drifted and there are new labelled data."""

from __future__ import annotations

import json
from dataclasses import replace

from e2i.pipeline import champion, runner
from e2i.pipeline.context import Loop, StepResult
from e2i.pipeline.errors import NoNewData, PipelineError
from e2i.pipeline.step_order import RELEASE


def run(loop: Loop) -> StepResult:
    verdict = loop.outputs("drift")
    if not verdict and not loop.options.force:
        raise PipelineError(
            "Drift was not measured yet. Run `e2i pipeline monitor` and `e2i pipeline drift` first."
        )
    if not loop.options.force:
        if not verdict["drifted"]:
            return StepResult("nothing has drifted, so nothing is trained", skipped=True)
        if verdict["bento"] != champion.serving_name(loop):
            return StepResult(f"{verdict['bento']} had drifted, and it does not serve any more", skipped=True)
    # --force here means: train without drift. Steps that are up to date still do not run.
    loop.options = replace(loop.options, force=False)
    runner.run(loop, ("data",))
    _require_new_data(loop, verdict)
    runner.run(loop, RELEASE[1:])
    version = loop.outputs("train")["version"]
    return StepResult(
        f"{loop.project.name} {version} was trained on {loop.outputs('data')['source']} and released"
    )


def _require_new_data(loop: Loop, verdict: dict[str, object]) -> None:
    """Raise NoNewData if the training data are those of the drifted model: training would give the same model."""
    kept = loop.workspace.release_folder(str(verdict.get("bento")).rpartition(":")[2]) / "release.json"
    learned = json.loads(kept.read_text()) if kept.exists() else {}
    if learned.get("train") == loop.outputs("data")["train"]:
        raise NoNewData(
            f"The inputs of {verdict['bento']} have drifted, but its training data have not changed. Add "
            f"labelled rows of today to {learned['source']}, or give them with --data FILE."
        )
