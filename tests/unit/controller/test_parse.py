"""API objects to values: models with their defaults, and children as Yatai leaves them."""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import a_body, a_child_body, a_condition
from support.builders import DIGEST, NOON, TAG, an_artifact, seconds

from e2i.api import naming
from e2i.api.model import FINALIZER, Autoscaling, Pause, Rollback, Rollout, SetWeight, Strategy
from e2i.api.model_body import parse_model
from e2i.controller.core import parse
from e2i.controller.core.children import BentoDeployment, BentoRequest, Build, Child, Service, Workload
from e2i.controller.core.observed import Observed

WRITTEN = {
    naming.TAG_ANNOTATION: TAG,
    naming.DIGEST_ANNOTATION: DIGEST,
    naming.SIZE_ANNOTATION: "4096",
    naming.TEMPLATE_VERSION_ANNOTATION: "v1",
}


def a_request_body(*conditions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    spec = {
        "bentoTag": "churn_model:1.4.2-9f3c21aa9f3c",
        "downloadUrl": an_artifact().uri,
        "serviceName": "churn_model",
        "context": {"bentomlVersion": "1.4.39"},
    }
    written = {"annotations": WRITTEN, "spec": spec, "status": {"conditions": list(conditions)}}
    return a_child_body("BentoRequest", name="churn-9f3c21aa", **(written | changes))


def request(*conditions: dict[str, Any], **changes: Any) -> BentoRequest:
    child = parse.parse_child("BentoRequest", a_request_body(*conditions, **changes))
    assert isinstance(child, BentoRequest)
    return child


def test_a_spec_that_says_little_is_one_pod_of_the_kind() -> None:
    model = parse_model(a_body())
    assert model.key == ("models", "churn")
    assert model.autoscaling == Autoscaling(minimum=1, maximum=1)
    assert model.rollout == Rollout(progress_deadline=600, scale_down_delay=30, history=5)
    assert not model.suspended
    assert not model.deleting


def test_a_spec_that_says_everything() -> None:
    model = parse_model(
        a_body(
            spec={
                "resources": {"requests": {"memory": "1Gi", "cpu": 2}, "limits": {"cpu": "4"}},
                "env": [{"name": "B", "value": "1"}, {"name": "A", "value": "$(B)"}],
                "autoscaling": {"minReplicas": 2, "maxReplicas": 6, "metrics": [{"type": "Resource"}]},
                "rollout": {
                    "progressDeadlineSeconds": 60,
                    "scaleDownDelaySeconds": 0,
                    "revisionHistoryLimit": 0,
                },
                "suspend": True,
            },
            deletionTimestamp="2026-11-21T12:00:00Z",
        )
    )
    assert model.shape.requests == (("cpu", "2"), ("memory", "1Gi"))
    assert model.shape.limits == (("cpu", "4"),)
    assert model.shape.env == (("B", "1"), ("A", "$(B)"))
    assert model.autoscaling == Autoscaling(minimum=2, maximum=6, metrics=({"type": "Resource"},))
    assert model.rollout == Rollout(progress_deadline=60, scale_down_delay=0, history=0)
    assert model.suspended
    assert model.deleting


def test_a_fixed_number_is_an_autoscaler_with_equal_bounds() -> None:
    assert parse_model(a_body(spec={"replicas": 3})).autoscaling == Autoscaling(minimum=3, maximum=3)


@pytest.mark.parametrize(
    ("conditions", "build"),
    [
        pytest.param((), Build.UNKNOWN, id="Yatai has not looked yet"),
        pytest.param((a_condition("ImageBuilding", "True"),), Build.RUNNING, id="building"),
        pytest.param((a_condition("ImageBuilding", "Unknown"),), Build.UNKNOWN, id="it does not know"),
        pytest.param(
            (
                a_condition("BentoAvailable", "Unknown", "Bento image is building"),
                a_condition("ImageBuilding", "False", "Job models/yatai-bento-image-builder-x is failed."),
            ),
            Build.FAILED,
            id="a failure stands in ImageBuilding alone",
        ),
        pytest.param((a_condition("ImageBuilding", "False", "done"),), Build.UNKNOWN, id="ended, not failed"),
        pytest.param(
            (
                a_condition("BentoAvailable", "True"),
                a_condition("ImageBuilding", "False", "Job x is failed."),
            ),
            Build.DONE,
            id="what is available is available, whatever failed before",
        ),
    ],
)
def test_build(conditions: tuple[dict[str, Any], ...], build: Build) -> None:
    assert request(*conditions).build is build


def test_a_request_tells_of_the_bento_it_was_made_for() -> None:
    assert request().artifact == an_artifact()
    assert request().digest == DIGEST


@pytest.mark.parametrize("missing", [naming.TAG_ANNOTATION, naming.DIGEST_ANNOTATION])
def test_a_request_that_lost_an_annotation_tells_of_no_bento(missing: str) -> None:
    annotations = {key: value for key, value in WRITTEN.items() if key != missing}
    assert request(annotations=annotations).artifact is None


def test_a_request_that_lost_the_rest_tells_what_it_knows() -> None:
    annotations = {naming.TAG_ANNOTATION: TAG, naming.DIGEST_ANNOTATION: DIGEST}
    artifact = request(annotations=annotations, spec={"bentoTag": "x:y"}).artifact
    assert artifact
    assert (artifact.uri, artifact.size, artifact.bentoml_version) == ("", 0, "")


def test_an_annotation_that_somebody_spoilt_does_not_break_the_operator() -> None:
    artifact = request(annotations={**WRITTEN, naming.SIZE_ANNOTATION: "many"}).artifact
    assert artifact is None or artifact.size == 0


def test_times_of_other_clocks_are_not_believed() -> None:
    for at in (NOON + seconds(75), NOON - seconds(7200)):
        assert request(a_condition("BentoAvailable", "True", at=at)).built_at is None


def test_the_image_builder_has_not_looked_at_a_request_without_conditions() -> None:
    assert not request().answered
    assert request(a_condition("BentoAvailable", "Unknown")).answered


def test_what_keeps_the_image_builder_from_building_is_an_error_until_a_build_runs() -> None:
    refused = a_condition("BentoAvailable", "False", "dial tcp: connection refused")
    assert request(refused).error == "dial tcp: connection refused"
    assert request(refused, a_condition("ImageBuilding", "True")).error == ""


def test_a_failed_request_speaks_in_the_words_of_what_failed() -> None:
    failed = request(
        a_condition("BentoAvailable", "False", "downloader failed"),
        a_condition("ImageBuilding", "False", "x"),
    )
    assert failed.message == "downloader failed"
    assert request(a_condition("ImageBuilding", "True", "building")).message == "building"


def test_a_bento_deployment_is_refused_when_yatai_says_so() -> None:
    body = a_child_body(
        "BentoDeployment",
        name="churn-0b1d77e2",
        labels={naming.RELEASE_LABEL: "0b1d77e2"},
        annotations={naming.TEMPLATE_VERSION_ANNOTATION: "v1"},
        spec={"bento": "churn-9f3c21aa"},
        status={"conditions": [a_condition("Available", "False", "configmap network not found")]},
    )
    child = parse.parse_child("BentoDeployment", body)
    assert isinstance(child, BentoDeployment)
    assert (child.release, child.template_version, child.refusal) == (
        "0b1d77e2",
        "v1",
        "configmap network not found",
    )
    body["status"]["conditions"] = [a_condition("Available", "True", "Reconciled")]
    available = parse.parse_child("BentoDeployment", body)
    assert isinstance(available, BentoDeployment)
    assert available.refusal == ""


def test_a_bento_that_is_gone_is_a_refusal_although_yatai_says_unknown() -> None:
    lost = a_condition("BentoFound", "False", "Bento not found")
    body = a_child_body(
        "BentoDeployment",
        name="churn-0b1d77e2",
        labels={naming.RELEASE_LABEL: "0b1d77e2"},
        spec={"bento": "churn-9f3c21aa", "annotations": {naming.ATTEMPT_ANNOTATION: "2026-11-21T12:00:00Z"}},
        status={"conditions": [a_condition("Available", "Unknown", "Reconciling"), lost]},
    )
    child = parse.parse_child("BentoDeployment", body)
    assert isinstance(child, BentoDeployment)
    assert child.refusal == "Bento not found"
    assert child.attempted_at is not None
    body["spec"]["annotations"][naming.ATTEMPT_ANNOTATION] = "yesterday"
    spoilt = parse.parse_child("BentoDeployment", body)
    assert isinstance(spoilt, BentoDeployment)
    assert spoilt.attempted_at is None


def test_a_deployment_that_nobody_looked_at_has_no_pods() -> None:
    child = parse.parse_child("Deployment", a_child_body("Deployment", name="churn-1", generation=3))
    assert isinstance(child, Workload)
    assert (child.generation, child.observed_generation) == (3, 0)
    assert (child.wanted, child.existing, child.updated, child.ready) == (1, 0, 0, 0)


@pytest.mark.parametrize(("status", "failure"), [("True", "exceeded quota"), ("False", "")])
def test_a_deployment_that_may_not_make_pods_says_so(status: str, failure: str) -> None:
    conditions = [a_condition("ReplicaFailure", status, "exceeded quota")]
    body = a_child_body("Deployment", name="churn-1", status={"conditions": conditions})
    child = parse.parse_child("Deployment", body)
    assert isinstance(child, Workload)
    assert child.replica_failure == failure


def test_a_service_tells_where_it_points_and_since_when() -> None:
    body = a_child_body(
        "Service",
        name="churn",
        annotations={naming.SWITCHED_ANNOTATION: "2026-11-21T12:00:00Z"},
        spec={"selector": {"a": "b"}},
    )
    child = parse.parse_child("Service", body)
    assert isinstance(child, Service)
    assert (child.selector, child.switched_at) == ({"a": "b"}, NOON)
    bare = parse.parse_child("Service", a_child_body("Service", name="churn"))
    assert isinstance(bare, Service)
    assert (bare.selector, bare.switched_at) == ({}, None)


@pytest.mark.parametrize("kind", ["Service", "BentoRequest", "BentoDeployment", "Deployment"])
def test_an_object_without_our_label_is_only_told_by_its_name(kind: str) -> None:
    child = parse.parse_child(kind, a_child_body(kind, name="churn", model=None, owner=None))
    assert type(child) is Child
    assert (child.name, child.owner, child.model) == ("churn", None, None)


def test_only_the_controlling_owner_counts() -> None:
    body = a_child_body("Service", name="churn")
    body["metadata"]["ownerReferences"].insert(0, {"uid": "uid-somebody", "controller": False})
    assert parse.parse_child("Service", body).owner == "uid-model"


# What people may have spoilt.


@pytest.mark.parametrize("digest", ["", "sha256:9f3c", "md5:" + "9f3c21aa" * 8, "sha256:" + "77aa5500" * 8])
def test_a_digest_that_cannot_be_this_request_s_tells_of_no_bento(digest: str) -> None:
    """It would make another release, and roll it out."""
    assert request(annotations={**WRITTEN, naming.DIGEST_ANNOTATION: digest}).artifact is None


def test_a_deployment_that_lost_its_label_is_known_by_what_its_pods_carry() -> None:
    carried = {"labels": {naming.RELEASE_LABEL: "0b1d77e2"}}
    body = a_child_body("BentoDeployment", name="churn-0b1d77e2", spec={"extraPodMetadata": carried})
    child = parse.parse_child("BentoDeployment", body)
    assert isinstance(child, BentoDeployment)
    assert child.release == "0b1d77e2"


def test_a_deployment_that_tells_of_no_release_runs_none() -> None:
    body = a_child_body(
        "BentoDeployment", name="churn-0b1d77e2", spec={"extraPodMetadata": None, "annotations": None}
    )
    child = parse.parse_child("BentoDeployment", body)
    assert isinstance(child, BentoDeployment)
    assert child.release is None
    assert Observed(deployments=(child,)).deployment(None) is None


@pytest.mark.parametrize("text", ["yesterday", "", "9999-12-31T23:59:59Z"])
def test_a_time_that_is_none_is_not_known(text: str) -> None:
    body = a_child_body("Service", name="churn", annotations={naming.SWITCHED_ANNOTATION: text})
    child = parse.parse_child("Service", body)
    assert isinstance(child, Service)
    assert child.switched_at is None


@pytest.mark.parametrize(
    ("status", "message", "image"),
    [
        pytest.param("True", "registry.example/bentos:1", "registry.example/bentos:1", id="pushed"),
        pytest.param("False", "registry.example/bentos:1", "", id="not pushed yet"),
        pytest.param("True", "the image is there", "", id="a sentence is no image"),
        pytest.param("True", "x" * 513, "", id="longer than the status has room for"),
    ],
)
def test_the_image_of_a_request(status: str, message: str, image: str) -> None:
    assert request(a_condition("ImageExists", status, message)).image == image


# The rest of the spec.


def test_a_rollout_in_full() -> None:
    rollout = {
        "strategy": "Canary",
        "steps": [{"setWeight": 10}, {"pause": {"duration": "2m"}}, {"pause": {}}],
        "rollback": "Manual",
        "verify": [{"path": "/predict"}],
        "watch": {"seconds": 120, "maxErrorRatio": "0.05"},
    }
    model = parse_model(
        a_body(spec={"rollout": rollout, "deletionPolicy": "Delete"}, finalizers=[FINALIZER, "x"])
    )
    assert (model.rollout.strategy, model.rollout.rollback) == (Strategy.CANARY, Rollback.MANUAL)
    assert model.rollout.steps == (SetWeight(10), Pause(120), Pause(None))
    assert model.rollout.checks == {"verify": [{"path": "/predict"}]}
    assert model.rollout.guard_seconds == 120, "the longer of watch and scaleDownDelaySeconds"
    assert (model.delete_bucket, model.finalized) == (True, True)


@pytest.mark.parametrize(("duration", "seconds_"), [("90s", 90), ("2m", 120), ("1h", 3600), ("0s", 0)])
def test_the_length_of_a_pause(duration: str, seconds_: int) -> None:
    steps = [{"pause": {"duration": duration}}]
    assert parse_model(a_body(spec={"rollout": {"steps": steps}})).rollout.steps == (Pause(seconds_),)


def test_annotations_that_steer_a_rollout() -> None:
    annotations = {"serving.e2i.dev/retry-at": "1", "serving.e2i.dev/promote-at": "x" * 999}
    model = parse_model(a_body(annotations=annotations | {"serving.e2i.dev/paused": "true"}))
    assert (model.retry_at, model.paused) == ("1", True)
    assert len(model.promote_at.encode()) == 256, "the status has room for no more"
    assert not model.shape.restart
    model = parse_model(a_body(annotations={"serving.e2i.dev/restart-at": "y\n" * 99}))
    assert len(model.shape.restart.encode()) == 64, "the same"
    assert model.shape.restart.startswith("y y y")
    assert not parse_model(a_body(annotations={"serving.e2i.dev/paused": "yes"})).paused
    assert not parse_model(a_body(annotations=None)).paused


def test_a_model_without_a_status_has_an_empty_one() -> None:
    body = {**a_body(), "status": None}
    assert parse_model(body).status == {}


@pytest.mark.parametrize(
    ("env", "secrets"),
    [
        pytest.param({"API_KEY": "abcdef"}, ("abcdef",), id="named like a secret"),
        pytest.param({"API_KEY": "abc"}, (), id="too short to be one"),
        pytest.param({"LOG_LEVEL": "abcdef"}, (), id="named otherwise"),
    ],
)
def test_what_no_message_may_show(env: dict[str, str], secrets: tuple[str, ...]) -> None:
    model = parse_model(a_body(spec={"env": [{"name": name, "value": value} for name, value in env.items()]}))
    assert model.shape.secrets == secrets
