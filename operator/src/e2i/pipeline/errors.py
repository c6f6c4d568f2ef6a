"""Why the loop stops, and the exit code that tells it to a machine.

PipelineError                 1   something is wrong: the message names the value and the next step
├─ GateNotMet           3   the model is not to be released; there is a report for a person
├─ NotReleased          4   the operator did not let the release take requests; the earlier one goes on
└─ NoNewData            5   the inputs have drifted, and there are no new labelled data to learn from
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import ClassVar


class PipelineError(Exception):
    code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class GateNotMet(PipelineError):
    code = 3


class NotReleased(PipelineError):
    code = 4


class NoNewData(PipelineError):
    code = 5


def describe_error(error: BaseException, folder: Path) -> str:
    """What a user's code raised, with the line of theirs: recipe.py line 12: KeyError: 'age'."""
    lines = [
        f"{Path(frame.filename).name} line {frame.lineno}: "
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder)
    ]
    return f"{lines[-1] if lines else ''}{type(error).__name__}: {' '.join(str(error).split())[:300]}"
