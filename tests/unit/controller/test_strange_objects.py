"""Objects of a form that nobody expects: each is a value or is left out, and no other object suffers."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bodies import a_body, a_child_body, a_condition
from support.builders import DIGEST, TAG, an_artifact
from support.deep import examples
from support.mutations import mutated, seeded

from e2i.api import naming
from e2i.api.fields import FieldInvalid
from e2i.api.model import Model
from e2i.api.model_body import parse_model
from e2i.controller.core import parse
from e2i.controller.core.children import BentoRequest, Child, Malformed
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.verification.checks import CheckInvalid, parse_verification
from e2i.controller.edge.cache import Cache

CONDITIONS = [
    a_condition("BentoAvailable", "True", "built"),
    a_condition("ImageExists", "True", "registry/churn:1"),
    a_condition("Available", "False", "no room"),
    a_condition("ReplicaFailure", "True", "quota"),
]
MODEL = a_body(
    spec={
        "resources": {"requests": {"cpu": "500m", "memory": 4}, "limits": {"cpu": "1"}},
        "env": [{"name": "LEVEL", "value": "INFO"}],
        "autoscaling": {"minReplicas": 1, "maxReplicas": 3, "metrics": [{"type": "Resource"}]},
        "rollout": {
            "strategy": "Canary",
            "steps": [{"setWeight": 20}, {"pause": {"duration": "2m"}}, {"pause": {}}],
            "verify": [{"path": "/predict", "body": "[1]", "expect": {"fields": [{"jsonPath": "$"}]}}],
            "contract": {"labels": ["stay"], "labelPath": "$.label"},
            "watch": {"seconds": 60, "maxErrorRatio": "0.05"},
        },
    },
    annotations={"serving.e2i.dev/retry-at": "1"},
    labels={"team": "a"},
    status={
        "conditions": [a_condition("Ready", "True")],
        "history": [{"release": "0b1d77e2", "result": "Serving", "startedAt": "2026-11-21T12:00:00Z"}],
        "failedReleases": [{"release": "1", "trial": "2", "reason": "CrashLoop", "message": "it crashed"}],
        "rollout": {"release": "0b1d77e2", "step": 1, "stepStartedAt": "2026-11-21T12:00:00Z"},
        "servingRelease": "0b1d77e2",
    },
)
CHILDREN = {
    "BentoRequest": a_child_body(
        "BentoRequest",
        name="churn-9f3c21aa",
        annotations={
            naming.TAG_ANNOTATION: TAG,
            naming.DIGEST_ANNOTATION: DIGEST,
            naming.SIZE_ANNOTATION: "9",
        },
        spec={"downloadUrl": an_artifact().uri, "serviceName": "churn", "context": {"bentomlVersion": "1.4"}},
        status={"conditions": CONDITIONS},
    ),
    "BentoDeployment": a_child_body(
        "BentoDeployment",
        name="churn-0b1d77e2",
        labels={naming.RELEASE_LABEL: "0b1d77e2"},
        annotations={naming.TAG_ANNOTATION: TAG, naming.ASKED_ANNOTATION: "2026-11-21T12:00:00Z"},
        spec={
            "bento": "churn-9f3c21aa",
            "extraPodMetadata": {"labels": {}},
            "autoscaling": {"minReplicas": 1},
        },
        status={"conditions": CONDITIONS},
    ),
    "Deployment": a_child_body(
        "Deployment",
        name="churn-0b1d77e2",
        labels={naming.RELEASE_LABEL: "0b1d77e2"},
        spec={"replicas": 2},
        status={"replicas": 2, "readyReplicas": 1, "observedGeneration": 1, "conditions": CONDITIONS},
    ),
    "Service": a_child_body(
        "Service",
        name="churn",
        annotations={
            naming.SWITCHED_ANNOTATION: "2026-11-21T12:00:00Z",
            naming.SERVING_ANNOTATION: "0b1d77e2",
        },
        spec={"selector": {naming.MODEL_LABEL: "churn"}, "ports": [{"port": 3000}]},
    ),
}
LONGEST = 1.0
"""Seconds that one object may take; the machine may be busy."""


@pytest.mark.parametrize("kind", CHILDREN)
@settings(max_examples=examples(150))
@given(seed=st.integers(0, 2**32))
def test_any_child_is_a_value_or_is_left_out(kind: str, seed: int) -> None:
    body, begun = mutated(CHILDREN[kind], seeded(seed)), time.process_time()
    with contextlib.suppress(FieldInvalid):
        child = parse.parse_child(kind, body)
        assert isinstance(child, Child)
        hash(child)
    assert time.process_time() - begun < LONGEST


@settings(max_examples=examples(300))
@given(seed=st.integers(0, 2**32))
def test_any_model_is_a_value_or_is_left_out(seed: int) -> None:
    body, begun = mutated(MODEL, seeded(seed)), time.process_time()
    with contextlib.suppress(FieldInvalid):
        model = parse_model(body)
        assert naming.release_of(model, DIGEST)
        assert len(model.invalid) < 500
    assert time.process_time() - begun < LONGEST


@settings(max_examples=examples(60))
@given(seed=st.integers(0, 2**32))
def test_no_list_of_strange_objects_hides_the_others(seed: int) -> None:
    random, cache = seeded(seed), Cache()
    strange = [mutated(MODEL, random), *(mutated(body, random) for body in CHILDREN.values())]
    for body in strange:
        cache.put(naming.KIND, body)
    listed = [*strange, a_body(name="iris", uid="uid-iris")]
    cache.replace(naming.KIND, [cache.see(naming.KIND, body) for body in listed], "7")
    assert cache.model(("models", "iris"))


def a_malformed_request(**changes: Any) -> dict[str, Any]:
    return a_child_body("BentoRequest", **{"name": "churn-1", "status": {"conditions": 5}} | changes)


def test_a_child_that_cannot_be_read_is_told_of_with_its_field() -> None:
    child = parse.parse_child("BentoRequest", a_malformed_request())
    assert isinstance(child, Malformed)
    assert (child.kind, child.owner) == ("BentoRequest", "uid-model")
    assert child.problem == "status.conditions is a number, not a list"


def test_a_child_without_a_spec_is_malformed() -> None:
    body = {key: value for key, value in a_malformed_request(status={}).items() if key != "spec"}
    child = parse.parse_child("BentoRequest", body)
    assert isinstance(child, Malformed)
    assert child.problem == "spec is missing"


def nested(levels: int) -> Any:
    deep: Any = "x"
    for _ in range(levels):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    ("kind", "spec", "problem"),
    [
        pytest.param("BentoDeployment", {"envs": [1]},
                     "spec.envs[0] is a number, not an object", id="a variable that is a number"),
        pytest.param("BentoDeployment", {"envs": [{"name": nested(3000)}]},
                     "spec.envs[0].name is a list, not a text", id="a name that is nested"),
    ],
)  # fmt: skip
def test_a_field_that_may_have_several_types_has_one_of_them(
    kind: str, spec: dict[str, Any], problem: str
) -> None:
    body = CHILDREN[kind]
    child = parse.parse_child(kind, {**body, "spec": {**body["spec"], **spec}})
    assert isinstance(child, Malformed)
    assert child.problem == problem


def test_an_odd_time_in_a_condition_is_no_time() -> None:
    odd = a_condition("BentoAvailable", "True") | {"lastTransitionTime": "yesterday"}
    body = {**CHILDREN["BentoRequest"], "status": {"conditions": [odd]}}
    child = parse.parse_child("BentoRequest", body)
    assert isinstance(child, BentoRequest)
    assert child.built_at is None


def test_what_cannot_be_read_is_said_once_and_read_again_when_it_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = Cache()
    cache.put(naming.KIND, a_body())
    with caplog.at_level(logging.WARNING, "e2i"):
        woken = [cache.put("BentoRequest", a_malformed_request(version=version)) for version in (2, 3, 4)]
    assert woken == [("models", "churn"), None, None]
    assert caplog.messages == [
        "BentoRequest models/churn-1 cannot be read: status.conditions is a number, not a list"
    ]
    model = cache.model(("models", "churn"))
    assert isinstance(model, Model)
    assert [child.name for child in cache.of_models.malformed(model)] == ["churn-1"]
    cache.put("BentoRequest", a_malformed_request(version=5, status={}))
    assert cache.of_models.malformed(model) == ()


def test_objects_without_an_identity_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    cache = Cache()
    for body in ({}, {"metadata": None}, {"metadata": {"name": "x"}}, {}):
        assert cache.put("Service", body) is None
        assert cache.see("Service", body) is None
    assert caplog.messages == [
        "Service: an object of this kind is left out: metadata is missing",
        "Service: an object of this kind is left out: metadata.namespace is missing",
    ]


@pytest.mark.parametrize(
    ("first", "second", "is_newer"),
    [
        ("9", "10", True), ("10", "9", False), ("10", "10", False), ("a1", "a1", False), ("a1", "a0", True),
        ("10", "x", True), ("9" * 5000, "9" * 5000 + "0", True),
    ],
)  # fmt: skip
def test_versions_are_compared_only_as_the_api_allows(first: str, second: str, is_newer: bool) -> None:
    cache = Cache()
    cache.put(naming.KIND, a_body(resourceVersion=first))
    changed = a_body(resourceVersion=second, generation=2)
    assert (cache.put(naming.KIND, changed) is not None) is is_newer


def test_a_list_of_a_version_without_an_order_is_the_authority() -> None:
    cache = Cache()
    cache.put(naming.KIND, a_body(resourceVersion="abc"))
    assert cache.replace(naming.KIND, [], "xyz") == {("models", "churn")}
    assert cache.model(("models", "churn")) is None


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"bento": {"tag": 5}}, "spec.bento.tag is a number, not a text"),
        ({"bento": None}, "spec.bento is missing"),
        ({"type": None}, "spec.type is missing"),
        ({"env": [{"name": "A", "value": 1}]}, "spec.env[0].value is a number, not a text"),
        ({"replicas": "2"}, "spec.replicas is a text, not a number"),
        ({"suspend": "no"}, "spec.suspend is a text, not true or false"),
        (
            {"rollout": {"strategy": "Rolling"}},
            "spec.rollout.strategy is 'Rolling', which is none of BlueGreen, Canary, InPlace",
        ),
        ({"rollout": {"watch": {"seconds": "60"}}}, "spec.rollout.watch.seconds is a text, not a number"),
        (
            {"rollout": {"steps": [{"pause": {"duration": "1 week"}}]}},
            "spec.rollout.steps[0].pause.duration is '1 week', not a time such as 30s, 5m or 1h",
        ),
        (
            {"resources": {"limits": {"cpu": "much"}}},
            "spec.resources.limits.cpu is 'much', which is no quantity such as 500m, 2 or 1Gi",
        ),
    ],
)  # fmt: skip
def test_a_spec_that_cannot_be_read_holds_its_model(spec: dict[str, Any], problem: str) -> None:
    model = parse_model(a_body(spec=spec, status=MODEL["status"]))
    assert model.invalid == problem
    assert model.suspended
    assert model.status["servingRelease"] == "0b1d77e2"


def test_the_readable_part_of_a_status_stays() -> None:
    odd = {**MODEL["status"], "history": [{"release": 5, "result": "Serving"}, MODEL["status"]["history"][0]]}
    model = parse_model(a_body(status={**odd, "conditions": "none", "rollout": {"step": "1"}}))
    assert model.status["history"] == MODEL["status"]["history"]
    assert "conditions" not in model.status
    assert "rollout" not in model.status
    assert parse_model({**a_body(), "status": [1]}).status == {}


@settings(max_examples=examples(200))
@given(seed=st.integers(0, 2**32))
def test_any_checks_are_parsed_or_refused_with_their_field(seed: int) -> None:
    rollout, begun = mutated(MODEL["spec"]["rollout"], seeded(seed)), time.process_time()
    with contextlib.suppress(CheckInvalid, FieldInvalid):
        model = parse_model(a_body(spec={"rollout": rollout}))
        assert trial_of(model, "0b1d77e2")
        assert parse_verification(model.rollout.checks)
    assert time.process_time() - begun < LONGEST


@pytest.mark.parametrize("name", ["retries", "timeoutSeconds"])
def test_a_number_that_no_check_may_have_is_refused(name: str) -> None:
    with pytest.raises(CheckInvalid, match=rf"verify\[0\]\.{name} is not from"):
        parse_verification({"verify": [{"path": "/", name: 10**9}]})
