"""The desired release, and how far it has come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    TAG,
    a_deployment,
    a_model,
    a_record,
    a_request,
    a_service,
    a_workload,
    an_artifact,
    beside,
    seconds,
    seen,
    seen_exported,
    seen_ready,
    seen_serving,
)

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Autoscaling
from e2i.api.problem import Problem
from e2i.controller.core.children import Service
from e2i.controller.core.observed import Exporting
from e2i.controller.core.releases import release
from e2i.controller.core.releases.situation import Situation

SHARED = replace(a_service(release="0000aaaa"), selector={naming.MODEL_LABEL: "churn"})
NOT_FOUND = Problem(reason=Reason.BentoNotFound, message="no such bento")
AWAY = Problem(reason=Reason.BucketUnreachable, message="no answer")
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
    assert Situation(a_model(), seen(export=Exporting(done=1, total=2))).desired is None
    assert not Situation(a_model(), seen()).is_in_service


def test_the_image_of_another_tag_is_not_the_wanted_one() -> None:
    state = seen(requests=(a_request(tag="churn_model:1.4.1"),))
    assert release.artifact_of(a_model(), state) is None


def test_a_tag_means_the_content_that_was_released_last_whatever_the_clocks_say() -> None:
    other = "sha256:" + "ab" * 32
    model = a_model(status={"artifact": {"digest": DIGEST}})
    state = seen(requests=(a_request(), a_request(digest=other, created=NOON + seconds(60))))
    assert release.artifact_of(model, state) == an_artifact()
    assert release.artifact_of(a_model(), state) == an_artifact(digest=other)


def test_a_digest_in_the_spec_means_that_content_alone() -> None:
    other = "sha256:" + "ab" * 32
    state = seen(requests=(a_request(),), records=(a_record(a_model()),), export=NOT_FOUND)
    assert release.artifact_of(a_model(archive=other), state) is None
    assert release.artifact_of(a_model(archive=an_artifact().digest), state) == an_artifact()


def test_the_first_export_of_a_tag_is_what_it_means() -> None:
    state = seen_exported(a_model(), requests=(a_request(),))
    assert release.artifact_of(a_model(), state) == an_artifact()


def test_a_release_is_in_service_with_the_address_and_all_its_pods() -> None:
    assert Situation(a_model(), seen_serving(a_model())).is_in_service
    assert not Situation(a_model(), seen_ready(a_model())).is_in_service
    elsewhere = seen_serving(a_model(), service=a_service(release="0000aaaa"))
    assert not Situation(a_model(), elsewhere).is_in_service
    assert not Situation(a_model(), seen_serving(a_model(), workloads=())).is_in_service


def test_the_digest_decides_which_release_is_desired() -> None:
    found = Situation(a_model(), seen_exported(a_model())).desired
    assert found
    assert found.request_name == f"churn-{DIGEST[7:15]}"
    assert found.name == f"churn-{found.release}"
    assert (found.request, found.deployment, found.workload) == (None, None, None)


@pytest.mark.parametrize(
    ("export", "known", "found"),
    [
        pytest.param(NOT_FOUND, True, True, id="the store is empty, the bucket is not"),
        pytest.param(NOT_FOUND, False, False, id="neither has it"),
        pytest.param(AWAY, True, False, id="the store's bucket is out of reach: nothing is concluded"),
        pytest.param(None, True, False, id="the store was not asked yet"),
    ],
)
def test_a_rebuilt_cluster_takes_the_bento_from_the_bucket(export: Any, known: bool, found: bool) -> None:
    state = seen(export=export, records=(a_record(a_model()),) if known else ())
    assert release.artifact_of(a_model(), state) == (an_artifact() if found else None)


def test_the_records_come_the_newest_first_and_none_while_they_cannot_be_read() -> None:
    old, new = a_record(a_model()), a_record(a_model(), at=NOON + seconds(9))
    assert release.newest_records(seen(records=(old, new))) == (new, old)
    assert release.newest_records(seen(records=AWAY)) == ()


def test_a_release_that_runs_is_kept_as_it_is() -> None:
    deployment = a_deployment()
    kept = release.existing_release(seen_serving(a_model()), deployment)
    assert (kept.release, kept.shape, kept.artifact) == (deployment.release, None, an_artifact())
    alone = release.existing_release(seen(), deployment)
    assert (alone.tag, alone.artifact.digest, alone.request) == (TAG, "", None)
    assert release.existing_release(seen(), replace(deployment, release=None, spec={})).release == ""


@pytest.mark.parametrize(
    ("service", "serving", "selects_all"),
    [
        pytest.param(None, None, False, id="no Service"),
        pytest.param(a_service(release="0000aaaa"), "0000aaaa", False, id="its selector names the release"),
        pytest.param(SHARED, "0000aaaa", True, id="two releases share it, its annotation names the owner"),
        pytest.param(replace(SHARED, serving=None), "feedbeef", True, id="without it the status remembers"),
    ],
)
def test_whose_the_address_is(service: Service | None, serving: str | None, selects_all: bool) -> None:
    model = a_model(status={"servingRelease": "feedbeef"})
    state = seen(service=release.owned_service(model, service))
    assert release.serving_release(state) == serving
    assert release.selects_all(model, state) is selects_all


def test_pods_of_two_releases_are_at_an_address_that_they_share() -> None:
    other = a_deployment(a_model(env=(("VERSION", "old"),)))
    state = beside(seen_ready(a_model(replicas=2)), other, ready=3, service=SHARED)
    assert release.pods_at_address(a_model(), state) == 5
    alone = a_service(release=other.release or "")
    assert release.pods_at_address(a_model(), replace(state, service=alone)) == 3


@pytest.mark.parametrize(
    ("switched_at", "until"),
    [(NOON, NOON + seconds(120)), (None, None)],
)
def test_the_predecessor_is_kept_as_long_as_the_release_is_judged(switched_at: Any, until: Any) -> None:
    model = a_model(rollout={"watch": {"seconds": 120}})
    service = a_service(release="0000aaaa", switched_at=switched_at)
    assert release.guarded_until(model, seen(service=service)) == until
    assert release.guarded_until(model, seen()) is None


def test_one_that_is_edited_in_place_is_believed_once_yatai_has_followed() -> None:
    edited = a_deployment()
    before = replace(a_workload(edited), release="0000aaaa")
    assert seen(workloads=(before,)).workload(edited) is None
