"""`e2i pipeline status`: each step with its state and its last result."""

from __future__ import annotations

from collections.abc import Iterator

from e2i.pipeline.context import Loop
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.runner import rerun_reason
from e2i.pipeline.step_order import STEPS, Step

LONGEST = 160


def overview(loop: Loop) -> Iterator[str]:
    """Yield a line for each step, and why the last run stopped."""
    yield f"{loop.project.name} in {loop.folder}"
    if loop.data:
        yield f"data: {loop.data}, given with --data in place of the project's"
    for step in STEPS:
        record = loop.state.done.get(step.name)
        state = _state(loop, step)
        when = f"{record.ended}  {record.seconds:7.1f} s" if record else " " * 31
        yield f"{step.name:<13}{state:<9}{when}  {_short(record.sentence) if record else ''}".rstrip()
        if state == "to do" and record and (why := _rerun_reason(loop, step)):
            yield f"{'':<13}{'':<9}{why}"
    if stop := loop.state.stop:
        yield ""
        yield f"The last run was stopped by {stop.step} at {stop.ended} (exit code {stop.code}):"
        yield stop.message


def _state(loop: Loop, step: Step) -> str:
    record = loop.state.done.get(step.name)
    if record is None:
        return "to do"
    if step.always:
        return "looked"
    if _rerun_reason(loop, step):
        return "to do"
    return "skipped" if record.skipped else "done"


def _rerun_reason(loop: Loop, step: Step) -> str:
    try:
        return rerun_reason(loop, step, external=False)
    except PipelineError as stopped:
        return stopped.message


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST else f"{sentence[: LONGEST - 3]}..."
