"""Why the Job of an image build gets no pod."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import NOON, a_request, seconds

from e2i.api.conditions import Reason
from e2i.controller.core.children import Build
from e2i.controller.core.evidence.job_events import job_without_pods, refused_pods
from e2i.controller.core.stretch import Stretch

JOB = "yatai-bento-image-builder-abc"
WAITING = replace(a_request(build=Build.UNKNOWN), message=f"Image building job {JOB} is waiting")
QUOTA = f'Error creating: pods "{JOB}-x" is forbidden: exceeded quota: team, requested: pods=1, used: pods=1'


@pytest.mark.parametrize(
    ("message", "after", "job"),
    [
        pytest.param(f"Image building job {JOB} is waiting", 10, JOB, id="for ten seconds"),
        pytest.param(f"Image building job {JOB} is waiting", 9, "", id="its pod may come any moment"),
        pytest.param("Bento image is building", 99, "", id="no Job is named"),
        pytest.param("", 99, "", id="nothing is said"),
    ],
)
def test_a_job_is_asked_about_when_it_is_without_pods_for_a_while(message: str, after: int, job: str) -> None:
    stretch = Stretch(at_work=False, since=NOON)
    assert job_without_pods(replace(WAITING, message=message), stretch, NOON + seconds(after)) == job
    assert job_without_pods(WAITING, None, NOON) == ""


def test_the_newest_refusal_is_told_with_its_advice_and_is_not_the_release_s() -> None:
    events: list[dict[str, Any]] = [
        {"message": "Error creating: old", "lastTimestamp": "2026-11-21T12:00:00Z"},
        {"message": QUOTA, "lastTimestamp": "2026-11-21T12:00:09Z"},
        {"message": 7, "lastTimestamp": "2026-11-21T12:00:10Z"},
    ]
    problem = refused_pods(JOB, events)
    assert problem
    assert (problem.reason, problem.blameless, problem.final) == (Reason.BuildBlocked, True, False)
    assert problem.message.startswith(
        f'the image build cannot start: Job {JOB} cannot create its pod: pods "{JOB}-x" is forbidden: exceeded quota'
    )
    assert problem.message.endswith(
        "Raise the number of pods in the quota, or remove pods from the namespace"
    )


def test_without_events_nothing_is_known() -> None:
    assert refused_pods(JOB, []) is None
