"""The desired release, and how far it has come."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_model,
    a_request,
    a_service,
    a_workload,
    an_artifact,
    seconds,
    seen,
    seen_exported,
    seen_ready,
    seen_serving,
)

from e2i.core import release
from e2i.core.model import Autoscaling
from e2i.core.observed import Exporting

THREE = Autoscaling(minimum=3, maximum=3)
TWO_TO_SIX = Autoscaling(minimum=2, maximum=6)


@pytest.mark.parametrize(
    ("size", "workload", "complete"),
    [
        pytest.param(THREE, {"wanted": 3}, True, id="three of three"),
        pytest.param(THREE, {"wanted": 1}, False, id="not raised to three yet"),
        pytest.param(THREE, {"wanted": 4}, False, id="not lowered to three yet"),
        pytest.param(THREE, {"wanted": 3, "ready": 2}, False, id="one not ready"),
        pytest.param(THREE, {"wanted": 3, "updated": 2}, False, id="one of an older template"),
        pytest.param(THREE, {"wanted": 3, "existing": 4}, False, id="one too many still there"),
        pytest.param(THREE, {"wanted": 3, "generation": 2, "observed": 1}, False, id="an old status"),
        pytest.param(THREE, {"wanted": 3, "generation": 2, "observed": 3}, True, id="a status ahead of us"),
        pytest.param(TWO_TO_SIX, {"wanted": 4}, True, id="within the bounds"),
        pytest.param(TWO_TO_SIX, {"wanted": 7}, False, id="above the bounds"),
    ],
)
def test_is_complete(size: Autoscaling, workload: dict[str, Any], complete: bool) -> None:
    assert release.is_complete(a_workload(a_deployment(), **workload), size) is complete


def test_no_workload_is_not_complete_and_has_no_ready_pods() -> None:
    assert not release.is_complete(None, THREE)
    assert release.ready_pods(None) == 0


def test_before_the_export_nobody_knows_the_release() -> None:
    assert release.desired(a_model(), seen(export=Exporting(done=1, total=2))) is None
    assert not release.is_in_service(a_model(), seen())


def test_the_image_of_another_tag_is_not_the_wanted_one() -> None:
    state = seen(requests=(a_request(tag="churn_model:1.4.1"),))
    assert release.artifact_of(a_model(), state) is None


def test_the_first_export_of_a_tag_is_what_it_means() -> None:
    state = seen_exported(a_model(), requests=(a_request(),))
    assert release.artifact_of(a_model(), state) == an_artifact()


def test_a_release_is_in_service_with_the_address_and_all_its_pods() -> None:
    assert release.is_in_service(a_model(), seen_serving(a_model()))
    assert not release.is_in_service(a_model(), seen_ready(a_model()))
    assert not release.is_in_service(
        a_model(), seen_serving(a_model(), service=a_service(release="0000aaaa"))
    )
    assert not release.is_in_service(a_model(), seen_serving(a_model(), workloads=()))


def test_the_pods_time_begins_when_both_image_and_deployment_are_there() -> None:
    deployment = a_deployment(created=NOON + seconds(50))
    built_before = a_request(built_at=NOON + seconds(10))
    built_after = a_request(built_at=NOON + seconds(90))
    model = a_model(deadline=100)
    assert release.pods_deadline(model, built_before, deployment) == NOON + seconds(150)
    assert release.pods_deadline(model, built_after, deployment) == NOON + seconds(190)
    assert release.build_deadline(model, built_after) == NOON + seconds(100)


def test_the_digest_decides_which_release_is_desired() -> None:
    found = release.desired(a_model(), seen_exported(a_model()))
    assert found
    assert found.request_name == f"churn-{DIGEST[7:15]}"
    assert found.name == f"churn-{found.release}"
    assert (found.request, found.deployment, found.workload) == (None, None, None)
