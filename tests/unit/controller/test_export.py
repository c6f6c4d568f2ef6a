"""When a bento is exported, and which content a tag means."""

from __future__ import annotations

import pytest
from support.builders import (
    NOON,
    a_deployment_spec,
    a_model,
    a_request,
    an_artifact,
    seconds,
    seen,
    seen_serving,
)

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.actions import ApplyDeployment
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules import table

MODEL = a_model()
OTHER_DIGEST = "sha256:" + "77aa5500" * 8


def test_a_tag_means_what_it_meant_when_it_was_first_released() -> None:
    state = seen_serving(MODEL, export=an_artifact(digest=OTHER_DIGEST))
    assert table.plan(Situation(MODEL, state), NOON).reason is Reason.Ready


def test_of_two_requests_of_one_tag_the_younger_counts() -> None:
    requests = (
        a_request(),
        a_request(digest=OTHER_DIGEST, created=NOON + seconds(1)),
    )
    chosen = table.plan(Situation(MODEL, seen(requests=requests)), NOON + seconds(1))
    release = naming.release_of(MODEL, OTHER_DIGEST)
    assert chosen.actions == (ApplyDeployment(a_deployment_spec(MODEL, release, digest=OTHER_DIGEST)),)


@pytest.mark.parametrize("stalled", [True, False])
def test_an_export_that_needs_a_person_makes_the_model_stalled(stalled: bool) -> None:
    problem = Problem(reason=Reason.BentoNotFound, message="no such bento", stalled=stalled)
    chosen = table.plan(Situation(MODEL, seen(export=problem, records=())), NOON)
    assert (chosen.stalled, chosen.message, chosen.look_again) == (stalled, "no such bento", seconds(15))
