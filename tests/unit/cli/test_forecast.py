"""The forecast of `plan` for a changed manifest."""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import a_body
from support.model_bodies import (
    NEW,
    NEW_DIGEST,
    NEW_TAG,
    OLD,
    OLD_DIGEST,
    OLD_TAG,
    Body,
    a_request,
    churn,
    failure,
)

from e2i.api import naming
from e2i.api.model_body import parse_model
from e2i.cli.plugin import client_side_apply, forecast
from e2i.cli.plugin.capacity import Size
from e2i.controller.core.releases.trials import trial_of

NEXT_TAG = "churn_model:2.0.0"
BOTH = (a_request(OLD_TAG, OLD_DIGEST), a_request(NEW_TAG, NEW_DIGEST))


def planned(spec: dict[str, Any], requests: tuple[Body, ...] = BOTH, **live: Any) -> forecast.Forecast:
    """The live model asks for 1.5.0 with three pods; `spec` is what changes."""
    before = churn(spec={"replicas": 3}, **live)
    after = churn(spec={"replicas": 3, **spec}, **live)
    return forecast.forecast(before, after, requests)


def test_a_new_model_needs_everything() -> None:
    found = forecast.forecast(None, a_body(spec={"replicas": 2, "bento": {"tag": NEXT_TAG}}), ())
    assert (found.change, found.release, found.release_before) == (forecast.NEW, None, None)
    assert found.image == "export and build"
    assert found.extra.pods == Size(least=2, most=2)
    assert found.extra.requests == {"cpu": "1000m", "memory": "2Gi"}


def test_the_same_manifest_changes_nothing() -> None:
    found = planned({})
    assert (found.change, found.release, found.release_before) == (forecast.NOTHING, NEW, NEW)
    assert found.extra.pods == Size(least=0, most=0)


def test_a_restart_is_a_new_release_of_the_same_image() -> None:
    asked = {"annotations": {"serving.e2i.dev/restart-at": "1"}}
    before, after = churn(spec={"replicas": 3}), churn(spec={"replicas": 3}, metadata=asked)
    found = forecast.forecast(before, after, BOTH)
    assert (found.change, found.release_before, found.image) == (forecast.RELEASE, NEW, "kept")
    assert found.release not in (NEW, None)
    assert found.started == Size(least=3, most=3)
    assert forecast.forecast(after, after, BOTH).change == forecast.NOTHING


def test_more_replicas_are_scaling_and_no_release() -> None:
    found = planned({"replicas": 5})
    assert (found.change, found.release) == (forecast.SCALING, NEW)
    assert found.started == Size(least=2, most=2)
    assert found.extra.requests == {"cpu": "200m", "memory": "2Gi"}


def test_no_replicas_park_the_model() -> None:
    found = planned({"replicas": 0})
    assert (found.change, found.pods, found.started) == (
        forecast.SCALING,
        Size(least=0, most=0),
        Size(least=0, most=0),
    )
    assert "its pods end; its image stays. Nobody answers at its address" in found.notes[0]


def test_a_new_parked_model_gets_an_image_and_no_pods() -> None:
    found = forecast.forecast(None, a_body(spec={"replicas": 0, "bento": {"tag": NEXT_TAG}}), ())
    assert (found.image, found.extra.pods) == ("export and build", Size(least=0, most=0))
    assert "it gets an image and no pods" in found.notes[0]


def test_a_parked_model_is_woken_without_export_or_build() -> None:
    found = forecast.forecast(churn(spec={"replicas": 0}), churn(spec={"replicas": 2}), BOTH)
    assert (found.change, found.image, found.started) == (forecast.SCALING, "kept", Size(least=2, most=2))
    assert found.notes[0].startswith("the model is woken, without an export or a build")


def test_fewer_replicas_need_no_room() -> None:
    found = planned({"replicas": 1})
    assert found.change == forecast.SCALING
    assert not found.extra.requests


@pytest.mark.parametrize(
    "spec",
    [
        {"rollout": {"progressDeadlineSeconds": 900}},
        {"suspend": True},
        {"replicas": 5, "suspend": True},
        {"resources": {"requests": {"cpu": "0.1"}}},
    ],
    ids=["a deadline", "suspension", "more than the size", "the same amount in other words"],
)
def test_what_makes_no_release_and_is_no_scaling_is_a_setting(spec: dict[str, Any]) -> None:
    assert planned(spec).change == forecast.SETTINGS


def test_a_bento_that_was_never_exported_makes_a_release_whose_id_nobody_knows() -> None:
    found = planned({"bento": {"tag": NEXT_TAG}})
    assert (found.change, found.release, found.release_before) == (forecast.RELEASE, None, NEW)
    assert found.image == "export and build"
    assert found.started == found.extra.pods == Size(least=3, most=3)
    assert found.extra.requests == {"cpu": "300m", "memory": "3Gi"}


def test_going_back_to_an_earlier_bento_needs_no_build() -> None:
    found = planned({"bento": {"tag": OLD_TAG}})
    assert (found.change, found.release, found.image) == (forecast.RELEASE, OLD, "kept")


def test_another_environment_makes_a_release_of_the_image_that_is_there() -> None:
    found = planned({"env": []})
    assert (found.change, found.image) == (forecast.RELEASE, "kept")
    assert found.release not in (NEW, OLD, None)


def test_an_image_that_is_being_built_is_told() -> None:
    found = planned({"bento": {"tag": OLD_TAG}}, (a_request(OLD_TAG, OLD_DIGEST, built=False),))
    assert found.image == "building"


def test_the_same_content_under_another_tag_is_the_same_release() -> None:
    again = a_request(NEXT_TAG, NEW_DIGEST)
    assert planned({"bento": {"tag": NEXT_TAG}}, (*BOTH, again)).change == forecast.SETTINGS


IN_PLACE = {"rollout": {"strategy": "InPlace"}}


@pytest.mark.parametrize(
    ("before", "after", "more"), [(1, 1, 1), (3, 3, 1), (4, 4, 0), (3, 4, 1), (2, 3, 2), (0, 3, 3), (5, 2, 1)]
)
def test_in_place_needs_room_for_one_pod_where_none_may_be_missing_and_for_the_growth(
    before: int, after: int, more: int
) -> None:
    live = churn(spec={"replicas": before, **IN_PLACE})
    wanted = churn(spec={"replicas": after, "bento": {"tag": OLD_TAG}, **IN_PLACE})
    for workloads in ((), (a_workload(before, name="churn-inplace"),)):
        found = forecast.forecast(live, wanted, BOTH, workloads)
        assert found.started == Size(least=after, most=after)
        assert found.extra.pods == Size(least=more, most=more)


def test_the_first_release_in_place_stands_beside_the_one_before() -> None:
    found = planned({"bento": {"tag": OLD_TAG}, **IN_PLACE})
    assert found.extra.pods == Size(least=3, most=3)
    live = churn(spec={"replicas": 3, **IN_PLACE})
    wanted = churn(spec={"replicas": 3, "bento": {"tag": OLD_TAG}, **IN_PLACE})
    not_yet = forecast.forecast(live, wanted, BOTH, (a_workload(3),))
    assert not_yet.extra.pods == Size(least=3, most=3)


def test_an_autoscaled_release_starts_between_its_bounds() -> None:
    bounds = {"minReplicas": 2, "maxReplicas": 6}
    spec = {"bento": {"tag": OLD_TAG}, "autoscaling": bounds}
    found = forecast.forecast(churn(), churn(spec=spec), BOTH)
    assert found.extra.pods == Size(least=2, most=6)
    assert found.extra.requests == {"cpu": "200m", "memory": "2Gi"}


def a_workload(replicas: int, model: str = "churn", release: str = NEW, name: str = f"churn-{NEW}") -> Body:
    labels = {naming.MODEL_LABEL: model, naming.RELEASE_LABEL: release}
    metadata = {
        "name": name,
        "namespace": "models",
        "labels": labels,
        "creationTimestamp": "2026-11-30T00:00:00Z",
    }
    pod = {"containers": [{"name": "main", "resources": {"requests": {"cpu": "100m"}}}]}
    return {"metadata": metadata, "spec": {"replicas": replicas, "template": {"spec": pod}}}


def scaled(spec: dict[str, Any], *workloads: Body) -> forecast.Forecast:
    """The autoscaler may have two to six pods; `spec` is what changes."""
    bounds = {"autoscaling": {"minReplicas": 2, "maxReplicas": 6}}
    return forecast.forecast(churn(spec=bounds), churn(spec={**bounds, **spec}), BOTH, workloads)


@pytest.mark.parametrize(
    ("change", "started", "extra"),
    [
        ({}, Size(least=5, most=6), Size(least=5, most=6)),
        (IN_PLACE, Size(least=5, most=6), Size(least=5, most=6)),
        ({"autoscaling": {"minReplicas": 1, "maxReplicas": 4}}, Size(least=4, most=4), Size(least=4, most=4)),
        ({"autoscaling": None, "replicas": 1}, Size(least=1, most=1), Size(least=1, most=1)),
    ],
)
def test_a_release_under_load_starts_as_many_pods_as_the_autoscaler_has_made(
    change: dict[str, Any], started: Size, extra: Size
) -> None:
    found = scaled({"bento": {"tag": OLD_TAG}, **change}, a_workload(2, release=OLD), a_workload(5))
    assert (found.change, found.started, found.extra.pods) == (forecast.RELEASE, started, extra)
    assert found.pods_before == Size(least=2, most=6)


def test_an_autoscaled_release_in_place_needs_no_more_than_the_autoscaler_may_add() -> None:
    bounds = {"autoscaling": {"minReplicas": 2, "maxReplicas": 6}, **IN_PLACE}
    wanted = churn(spec={**bounds, "bento": {"tag": OLD_TAG}})
    many = a_workload(5, name="churn-inplace")
    assert forecast.forecast(churn(spec=bounds), wanted, BOTH, (many,)).extra.pods == Size(least=0, most=1)


@pytest.mark.parametrize(("least", "more"), [(3, 0), (6, 1)])
def test_another_minimum_needs_room_only_beyond_what_the_autoscaler_has_made(least: int, more: int) -> None:
    found = scaled({"autoscaling": {"minReplicas": least, "maxReplicas": 8}}, a_workload(5))
    assert (found.change, found.extra.pods) == (forecast.SCALING, Size(least=more, most=3))


def test_who_may_not_list_deployments_gets_the_number_from_the_status() -> None:
    stranger = a_workload(6, model="another")
    found = scaled({"bento": {"tag": OLD_TAG}}, stranger)
    assert found.started == Size(least=2, most=6)
    bounds = {"autoscaling": {"minReplicas": 2, "maxReplicas": 6}}
    live = churn(spec=bounds, replicas=4)
    assert forecast.forecast(live, churn(spec={**bounds, "bento": {"tag": OLD_TAG}}), BOTH).started.least == 4


def test_a_release_in_quarantine_is_not_tried_until_what_judges_it_changes() -> None:
    trial = trial_of(parse_model(churn(spec={"bento": {"tag": OLD_TAG}})), OLD)
    failed = [failure(OLD, OLD_TAG, OLD_DIGEST, trial=trial)]
    back = {"bento": {"tag": OLD_TAG}}
    found = planned(back, failedReleases=failed)
    assert found.quarantine
    assert found.quarantine["reason"] == "VerificationFailed"
    judged_otherwise = {**back, "rollout": {"verify": [{"path": "/predict"}]}}
    assert planned(judged_otherwise, failedReleases=failed).quarantine is None
    assert planned({**back, "rollout": {"rollback": "Disabled"}}, failedReleases=failed).quarantine is None


def test_a_failed_release_that_is_judged_otherwise_starts_its_pods_again() -> None:
    trial = trial_of(parse_model(churn()), NEW)
    failed = [failure(NEW, NEW_TAG, NEW_DIGEST, trial=trial)]
    found = planned(
        {"rollout": {"verify": [{"path": "/predict"}]}}, failedReleases=failed, servingRelease=OLD
    )
    assert (found.change, found.release) == ("new trial", found.release_before)
    assert found.started == found.pods


def test_suspension_and_pause_are_noted() -> None:
    paused = {"annotations": {"serving.e2i.dev/paused": "true"}}
    found = planned({"suspend": True, "bento": {"tag": OLD_TAG}}, metadata=paused)
    suspended, held = found.notes[:2]
    assert suspended.startswith("spec.suspend is true")
    assert held.startswith("the rollout is paused")


def test_an_apply_takes_away_what_it_applied_before_and_keeps_what_others_set() -> None:
    before = '{"spec": {"replicas": 2, "env": [], "rollout": {"strategy": "Canary", "rollback": "Manual"}}}'
    live = {"metadata": {"annotations": {client_side_apply.LAST_APPLIED: before}}, "spec": {"suspend": True}}
    wanted = {"metadata": {}, "spec": {"replicas": 3, "rollout": {"rollback": "Manual"}}}
    patch = client_side_apply.merge_patch(live, wanted)
    assert patch["spec"] == {"env": None, "replicas": 3, "rollout": {"strategy": None, "rollback": "Manual"}}


@pytest.mark.parametrize(
    ("noted", "patched"), [("{}", {}), ('{"owner": "ada"}', {"owner": None})], ids=["none", "one of its own"]
)
def test_an_apply_without_annotations_leaves_those_of_others(noted: str, patched: Body) -> None:
    """kubectl notes `annotations: {}` for a manifest that has none."""
    before = f'{{"metadata": {{"annotations": {noted}}}}}'
    others = {client_side_apply.LAST_APPLIED: before, "serving.e2i.dev/paused": "true"}
    patch = client_side_apply.merge_patch(
        {"metadata": {"annotations": others}}, {"metadata": {"name": "churn"}}
    )
    assert patch == {"metadata": {"name": "churn", "annotations": patched}}


@pytest.mark.parametrize(
    ("metadata", "manager"),
    [
        pytest.param({}, None, id="nobody applied it"),
        pytest.param(
            {"managedFields": [{"manager": "argocd-controller", "operation": "Apply"}]}, "argocd-controller"
        ),
        pytest.param(
            {"managedFields": [{"manager": "e2i-operator", "operation": "Apply", "subresource": "status"}]},
            None,
            id="the operator's status",
        ),
        pytest.param(
            {
                "annotations": {client_side_apply.LAST_APPLIED: "{}"},
                "managedFields": [{"manager": "kubectl", "operation": "Apply"}],
            },
            None,
            id="client-side apply",
        ),
    ],
)
def test_the_dry_run_goes_the_way_the_object_was_applied(
    metadata: dict[str, Any], manager: str | None
) -> None:
    assert client_side_apply.applier({"metadata": metadata}) == manager


def test_an_image_from_elsewhere_needs_neither_export_nor_build_and_its_release_is_known() -> None:
    bento = {"tag": NEXT_TAG, "image": f"registry.example/churn@{OLD_DIGEST}"}
    found = planned({"bento": bento})
    assert (found.change, found.image) == (forecast.RELEASE, "given")
    assert found.release not in (None, NEW, OLD)


def test_the_release_of_an_image_by_its_tag_is_known_when_the_digest_is() -> None:
    found = planned({"bento": {"tag": NEXT_TAG, "image": "registry.example/churn:2"}})
    assert (found.change, found.image, found.release) == (forecast.RELEASE, "resolve", None)
