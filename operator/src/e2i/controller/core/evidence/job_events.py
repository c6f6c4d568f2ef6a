"""Finds in the events of a build's Job why the cluster refuses its pods: nothing else has the sentence. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.children import BentoRequest
from e2i.controller.core.evidence.newest_event import newest_message
from e2i.controller.core.evidence.refusals import refusal_advice
from e2i.controller.core.stretch import Stretch

PATIENCE = timedelta(seconds=10)
"""A Job without pods for this long is asked about: its pods come within a second."""
_JOB = re.compile(r"\bjob ([a-z0-9][a-z0-9.-]{0,252}) is\b", re.IGNORECASE)
_PREFIX = "Error creating: "


def job_without_pods(request: BentoRequest, stretch: Stretch | None, now: datetime) -> str:
    """Return the Job that has been without pods for a while, by the image builder's message; empty if none has."""
    named = _JOB.search(request.message)
    if named is None or stretch is None or now - stretch.since < PATIENCE:
        return ""
    return named[1]


def refused_pods(job: str, events: Iterable[Mapping[str, Any]]) -> Problem | None:
    """Return the newest refusal of a pod of the Job, with advice; None if there is none."""
    words = newest_message(events).removeprefix(_PREFIX)
    if not words:
        return None
    return Problem(
        reason=Reason.BuildBlocked,
        message=f"the image build cannot start: Job {job} cannot create its pod: {words}. {refusal_advice(words)}",
        blameless=True,
    )
