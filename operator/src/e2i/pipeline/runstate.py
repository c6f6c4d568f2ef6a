"""State of a run: which steps are done, with which inputs and results. Pure.

A step runs again when one of its inputs changed. Inputs are named digests, so that a message can name the reason:

    train   data sha256:9f...  recipe sha256:11...   ->  recorded with recipe sha256:0c...  ->  "recipe changed"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

FORMAT = 2
Inputs = Mapping[str, str]
Outputs = dict[str, Any]


class Record(BaseModel):
    """A step that is done. `files` are its files below .e2i; without them the step counts as not done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: dict[str, str]
    outputs: Outputs = {}
    files: tuple[str, ...] = ()
    sentence: str
    ended: str
    seconds: float
    skipped: bool = False


class Stop(BaseModel):
    """Step at which the run stopped, with message and exit code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: str
    message: str
    code: int
    ended: str


class RunState(BaseModel):
    """Content of run.json. `data` is the file of --data that replaces the project's data.

    `format` is raised when the outputs of steps change: results of another e2i are then made again, not misread.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    data: str | None = None
    done: dict[str, Record] = {}
    stop: Stop | None = None

    def begun(self, name: str) -> Self:
        """Remove the record of a step that begins. Later steps notice the change by their inputs."""
        kept = {step: record for step, record in self.done.items() if step != name}
        return self.model_copy(update={"done": kept, "stop": None})

    def ended(self, name: str, record: Record) -> Self:
        return self.model_copy(update={"done": {**self.done, name: record}, "stop": None})

    def stopped(self, stop: Stop) -> Self:
        return self.model_copy(update={"stop": stop})

    def outputs(self, name: str) -> Outputs:
        """Return the outputs of a step; {} if it is not done."""
        record = self.done.get(name)
        return record.outputs if record else {}


def changed_since(record: Record | None, inputs: Inputs, missing: tuple[str, ...] = ()) -> str:
    """Return why a step has to run again, or "" if nothing changed. `missing`: files of its record that are gone.

    no record                    -> "not done yet"
    recorded data a, inputs b    -> "data changed"
    a file of it is gone         -> "trained/card.json is gone"
    """
    if record is None:
        return "not done yet"
    if missing:
        return f"{missing[0]} is gone"
    changed = [
        name for name in sorted({*record.inputs, *inputs}) if record.inputs.get(name) != inputs.get(name)
    ]
    return f"{' and '.join(changed)} changed" if changed else ""
