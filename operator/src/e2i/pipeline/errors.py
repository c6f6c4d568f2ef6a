"""Errors of the pipeline, each with its exit code.

PipelineError                 1   an input is wrong or something failed: the message has value and next step
├─ GateNotMet           3   the model does not meet the gate; there is a report for a person
├─ NotReleased          4   the release does not serve; the earlier one still does
└─ NoNewData            5   the inputs have drifted, and there are no new labelled data to train with
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import ClassVar


class PipelineError(Exception):
    """A step cannot go on; `message` names the value and the next step."""

    code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class GateNotMet(PipelineError):
    """A metric does not meet its bound."""

    code = 3


class NotReleased(PipelineError):
    """The cluster refused the model, or its release failed or took too long."""

    code = 4


class NoNewData(PipelineError):
    """The inputs have drifted, and the data are the same as before."""

    code = 5


def describe_error(error: BaseException, folder: Path) -> str:
    """Describe an error of the user's code with its last line in `folder`: recipe.py line 12: KeyError: 'age'."""
    lines = [
        f"{Path(frame.filename).name} line {frame.lineno}: "
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder)
    ]
    return f"{lines[-1] if lines else ''}{type(error).__name__}: {' '.join(str(error).split())[:300]}"
