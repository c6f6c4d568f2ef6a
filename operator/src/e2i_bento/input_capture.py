"""Writes a share of the inputs to standard output, so that drift checks can read them from the logs of the pods.

Off unless the environment says E2I_CAPTURE_SHARE=0.1 (or any share up to 1). One JSON object for each row, on a line
of its own among the other lines of the log; `input` is the row as it was asked, `answer` is what was answered:

    {"e2i": "input", "model": "churn_model:1.2.0", "time": "2026-11-21T18:30:29.120Z",
     "input": {"tenure_months": 3, ...}, "answer": {"label": "leaves", "probabilities": {...}}}

Such lines hold what the callers sent: whoever may read the logs of the pods may read it.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from e2i_bento.card import Row

SHARE_VARIABLE = "E2I_CAPTURE_SHARE"
log = logging.getLogger("bentoml.e2i")


def capture_share(environment: Mapping[str, str] = os.environ) -> float:
    """Return the share of rows to write, 0 to 1; what cannot be understood is said and means 0."""
    text = environment.get(SHARE_VARIABLE, "0")
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if 0 <= share <= 1:
        return share
    log.error("%s=%s: no inputs are captured; give a share from 0.0 to 1.0", SHARE_VARIABLE, text)
    return 0.0


@dataclass(frozen=True)
class Captured:
    """How many of the rows that were chosen were written, and how many could not be."""

    written: int = 0
    lost: int = 0


class InputCapture:
    """Writes a share of the rows of one model."""

    def __init__(self, model: str, share: float) -> None:
        self._model, self._share = model, share
        self._is_told = False
        """Whether the log says that rows are lost."""
        self._random = random.Random()  # noqa: S311 - a sample, not a secret

    def write(self, rows: Sequence[Row], answers: Sequence[dict[str, Any]]) -> Captured:
        """Write a share of the rows. It never raises: no caller goes without an answer for the sake of a sample."""
        if self._share == 0:
            return Captured()
        pairs = zip(rows, answers, strict=True)
        lines = [
            capture_line(self._model, time.time(), row, answer)
            for row, answer in pairs
            if self._random.random() < self._share
        ]
        try:
            # One write, so that lines of several workers do not mix.
            sys.stdout.write("".join(lines))
            sys.stdout.flush()
        except (OSError, ValueError) as error:
            if not self._is_told:
                log.error(
                    "%s: captured inputs are lost: standard output takes no lines: %s", self._model, error
                )
            self._is_told = True
            return Captured(lost=len(lines))
        return Captured(written=len(lines))


def capture_line(model: str, when: float, row: Row, answer: dict[str, Any]) -> str:
    """Return the line for one row; `when` in seconds since 1970."""
    moment = datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"e2i": "input", "model": model, "time": moment, "input": row, "answer": answer}
    return json.dumps(line, ensure_ascii=False) + "\n"
