"""Run the steps that were not run yet or whose inputs changed, and record each result.

run.json is written after each step. A killed step is not in it and runs again; the steps before it do not.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import ModuleType

from e2i.api.conditions import timestamp
from e2i.clock import now
from e2i.packaging.errors import PackagingError
from e2i.pipeline.context import Loop, StepResult
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.first_look import check_before, check_gate
from e2i.pipeline.runstate import Record, RunState, Stop, changed_since
from e2i.pipeline.step_order import Step, step_named, with_needs
from e2i.registry.client import RegistryError


def implementation(step: str) -> ModuleType:
    """Import and return the module of a step: inputs(loop) -> {name: digest}, run(loop) -> StepResult."""
    return import_module(f"e2i.pipeline.steps.{step}")


def run(loop: Loop, steps: Sequence[str]) -> None:
    """Run the steps in order; the PipelineError of the first that fails is also recorded in run.json."""
    check_before(loop)
    for name in steps:
        run_step(loop, step_named(name))


def run_one(loop: Loop, name: str) -> None:
    """Run one step; PipelineError if a step that it needs is not done or its inputs have changed."""
    for needed in with_needs(name)[:-1]:
        if why := rerun_reason(loop, step_named(needed), external=False):
            raise PipelineError(
                f"{name} needs the step {needed} first ({why}). Run "
                f"`{shlex.join(['e2i', 'pipeline', needed, '--project', str(loop.folder)])}`, or `e2i pipeline run` "
                "for all."
            )
    if name in with_needs("gate"):
        check_gate(loop)
    run_step(loop, step_named(name))


def rerun_reason(loop: Loop, step: Step, *, external: bool) -> str:
    """Return why the step has to run, "" if it is up to date. `external`: look at what is outside the project too."""
    if step.always:
        return "it runs each time"
    record = loop.state.done.get(step.name)
    if record is None:
        return changed_since(None, {})
    inputs = _inputs(loop, step, external)
    known = (
        record.inputs if external else {name: record.inputs[name] for name in inputs if name in record.inputs}
    )
    return changed_since(
        record.model_copy(update={"inputs": known}), inputs, loop.workspace.missing_files(record)
    )


def _inputs(loop: Loop, step: Step, external: bool) -> dict[str, str]:
    if step.always:
        return {}
    module = implementation(step.name)
    with _as_pipeline_error():
        found: dict[str, str] = module.inputs(loop)
        return (
            found | module.external_inputs(loop) if external and hasattr(module, "external_inputs") else found
        )


def run_step(loop: Loop, step: Step) -> None:
    """Run a step unless nothing changed, and record its result or why it stopped."""
    record, why = loop.state.done.get(step.name), rerun_reason(loop, step, external=True)
    if record and not why and not loop.options.force:
        loop.say(f"{step.name}: unchanged: {record.sentence}")
        return
    loop.say(f"{step.name}: begins{f' ({why})' if record and not step.always else ''}")
    _keep(loop, loop.state.begun(step.name))
    started = time.monotonic()
    try:
        inputs = _inputs(loop, step, external=True)
        with _as_pipeline_error():
            done: StepResult = implementation(step.name).run(loop)
    except PipelineError as stopped:
        # retrain runs other steps. If one of them stopped, its stop is already recorded.
        if loop.state.stop is None or loop.state.stop.message != stopped.message:
            stop = Stop(step=step.name, message=stopped.message, code=stopped.code, ended=timestamp(now()))
            _keep(loop, loop.state.stopped(stop))
        loop.say(f"{step.name}: stopped after {time.monotonic() - started:.1f} s")
        raise
    seconds = round(time.monotonic() - started, 1)
    _keep(loop, loop.state.ended(step.name, _record(loop, inputs, done, seconds)))
    how = "skipped" if done.skipped else f"done in {seconds:.1f} s"
    loop.say(f"{step.name}: {how}: {done.sentence}")


def _record(loop: Loop, inputs: dict[str, str], done: StepResult, seconds: float) -> Record:
    return Record(
        inputs=inputs,
        outputs=done.outputs,
        files=tuple(loop.workspace.name_of(file) for file in done.files),
        sentence=done.sentence,
        ended=timestamp(now()),
        seconds=seconds,
        skipped=done.skipped,
    )


def _keep(loop: Loop, state: RunState) -> None:
    loop.state = state
    loop.workspace.write_state(state)


@contextlib.contextmanager
def _as_pipeline_error() -> Iterator[None]:
    """Raise errors of packaging and of the registry as PipelineError with the same message."""
    try:
        yield
    except (PackagingError, RegistryError) as refused:
        raise PipelineError(refused.message) from refused
