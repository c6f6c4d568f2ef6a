"""Where a run of the loop stands: what was done, from which inputs, with what result. Pure.

A step is done again when an input of it changed. Inputs are named digests, so that the reason can be told:

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
    """A step that was done. `files` lie below the state's folder and are part of what was done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: dict[str, str]
    outputs: Outputs = {}
    files: tuple[str, ...] = ()
    sentence: str
    ended: str
    seconds: float
    skipped: bool = False


class Stop(BaseModel):
    """Where the loop stopped, why, and with which exit code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: str
    message: str
    code: int
    ended: str


class RunState(BaseModel):
    """The content of run.json. `data` is the file that was given in place of the project's, if any.

    `format` is raised with every change of what steps give: what another e2i did is done again, not misread.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    data: str | None = None
    done: dict[str, Record] = {}
    stop: Stop | None = None

    def begun(self, name: str) -> Self:
        """The step is under way and no longer counts as done; those that follow from it are told by their inputs."""
        kept = {step: record for step, record in self.done.items() if step != name}
        return self.model_copy(update={"done": kept, "stop": None})

    def ended(self, name: str, record: Record) -> Self:
        return self.model_copy(update={"done": {**self.done, name: record}, "stop": None})

    def stopped(self, stop: Stop) -> Self:
        return self.model_copy(update={"stop": stop})

    def outputs(self, name: str) -> Outputs:
        """What a step gave; empty when it is not done."""
        record = self.done.get(name)
        return record.outputs if record else {}


def changed_since(record: Record | None, inputs: Inputs, missing: tuple[str, ...] = ()) -> str:
    """Why a step has to be done, "" when it is done: `missing` are files of its record that are gone.

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
