"""One row for each field of an E2IModel's spec: a change of it and what changes with it, or the tests that show that.

`tests/unit/house/test_every_field.py` compares the rows with the CRD, and `tests/api/test_every_field.py` sees the
changes in objects that a real API server accepts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_NODE = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
_REQUIRED, _PREFERRED = _NODE
_EXPRESSION = {"key": "disk", "operator": "In", "values": ["a"]}
_CHANGED = {"key": "zone", "operator": "NotIn", "values": ["b"]}
_FIELDS = {"key": "metadata.name", "operator": "In", "values": ["node-a"]}
_SELECTOR = {"matchLabels": {"app": "a"}, "matchExpressions": [_EXPRESSION]}
_TERM = {"matchExpressions": [_EXPRESSION], "matchFields": [_FIELDS]}
_POD_TERM = {"topologyKey": "e2i.test/host", "labelSelector": _SELECTOR}
_PODS = {_REQUIRED: [_POD_TERM], _PREFERRED: [{"weight": 1, "podAffinityTerm": _POD_TERM}]}
_PROBE = {
    "httpGet": {"path": "/a", "port": "http", "scheme": "HTTP"},
    "initialDelaySeconds": 1,
    "periodSeconds": 11,
    "timeoutSeconds": 2,
    "failureThreshold": 3,
}
IMAGE = "registry.example/churn@sha256:" + "1" * 64
OTHER_IMAGE = "registry.example/churn@sha256:" + "2" * 64

_METRIC = {"name": "a", "selector": {"matchLabels": {"app": "a"}}}
_VALUES = ({"type": "Value", "value": "10"}, {"type": "AverageValue", "averageValue": "11"})
_OBJECT = {"apiVersion": "example.org/v1", "kind": "Queue", "name": "a"}
_METRICS_OF_ALL_TYPES = [
    {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    },
    {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "1"}},
    },
    {"type": "Pods", "pods": {"metric": _METRIC, "target": _VALUES[1]}},
    *(
        {"type": "Object", "object": {"describedObject": _OBJECT, "metric": _METRIC, "target": target}}
        for target in _VALUES
    ),
    *({"type": "External", "external": {"metric": _METRIC, "target": target}} for target in _VALUES),
]

FULL: dict[str, Any] = {
    "type": "Classification",
    "bento": {"tag": "churn_model:1.0.0"},
    "autoscaling": {
        "minReplicas": 2,
        "maxReplicas": 4,
        "metrics": _METRICS_OF_ALL_TYPES,
    },
    "resources": {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    },
    "env": [
        {"name": "PLAIN", "value": "a"},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "a", "key": "a", "optional": True}}},
        {"name": "CONFIG", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "a", "optional": True}}},
    ],
    "envFrom": [
        {"prefix": "A_", "secretRef": {"name": "a", "optional": True}},
        {"configMapRef": {"name": "a", "optional": True}},
    ],
    "probes": {"startup": _PROBE, "readiness": {**_PROBE, "successThreshold": 1}, "liveness": _PROBE},
    "terminationGracePeriodSeconds": 20,
    "enableServiceLinks": True,
    "priorityClassName": "e2i-test-low",
    "runtimeClassName": "e2i-test-a",
    "imagePullSecrets": [{"name": "a"}],
    "volumes": [
        {"name": "free", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        {"name": "kept", "emptyDir": {}},
        {"name": "secret", "secret": {"secretName": "a"}},
        {"name": "config", "configMap": {"name": "a"}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "a", "readOnly": False}},
    ],
    "volumeMounts": [{"name": "kept", "mountPath": "/kept", "readOnly": False, "subPath": "a"}],
    "nodeSelector": {"e2i.test/pool": "a"},
    "tolerations": [
        {"key": "a", "operator": "Equal", "value": "a", "effect": "NoExecute", "tolerationSeconds": 60}
    ],
    "affinity": {
        "nodeAffinity": {
            _REQUIRED: {"nodeSelectorTerms": [_TERM]},
            _PREFERRED: [{"weight": 1, "preference": _TERM}],
        },
        "podAffinity": _PODS,
        "podAntiAffinity": _PODS,
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "e2i.test/host",
            "whenUnsatisfiable": "DoNotSchedule",
            "minDomains": 2,
            "nodeAffinityPolicy": "Honor",
            "nodeTaintsPolicy": "Honor",
            "labelSelector": _SELECTOR,
        }
    ],
    "serviceAccountName": "e2i-test-a",
}
"""A spec with a value in every field that is seen in objects, as far as they may stand beside each other."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A change of the field to `value`, which is seen as `shown` at `place`, and was not seen before."""

    value: Any
    place: str
    """Object and path: pod:spec.containers[main].env[].name"""
    shown: Any
    base: dict[str, Any] = field(default_factory=dict)
    """What else the spec has, before and after; None leaves the field out."""
    whole: Any = None
    """The whole field of the spec that the field is in, if more must change with it."""


@dataclass(frozen=True)
class Shown:
    """The effect is time, requests, or another part of the operator's work: these tests show it."""

    tests: tuple[str, ...]


Row = Seen | Shown


def _seen(value: Any, place: str, shown: Any = None, **more: Any) -> Seen:
    return Seen(value=value, place=place, shown=value if shown is None else shown, **more)


def _shown(*tests: str) -> Shown:
    return Shown(tests)


def _in_pod(changes: dict[str, Any], **more: Any) -> dict[str, Row]:
    """Fields that stand in the pod as they stand in the spec."""
    return {name: _seen(value, f"pod:spec.{name}", **more) for name, value in changes.items()}


def _in_main(changes: dict[str, Any]) -> dict[str, Row]:
    """Fields that stand in the model's container as they stand in the spec."""
    return {name: _seen(value, f"pod:spec.containers[main].{name}") for name, value in changes.items()}


def _expressions(place: str) -> dict[str, Any]:
    return {f"{place}[].{name}": value for name, value in _CHANGED.items()}


def _match_fields(place: str, whole: dict[str, Any]) -> dict[str, Row]:
    """The key of matchFields has one value only: it is seen where it was not before."""
    without: dict[str, Any] = {"affinity": None}
    key = _in_pod({f"{place}[].key": "metadata.name"}, base=without, whole=whole)
    return {**key, **_in_pod({f"{place}[].operator": "NotIn", f"{place}[].values": ["node-b"]})}


def _selector(place: str) -> dict[str, Any]:
    return {f"{place}.matchLabels": {"app": "b"}, **_expressions(f"{place}.matchExpressions")}


def _affinity() -> dict[str, Row]:
    required = f"affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms[]"
    preferred = f"affinity.nodeAffinity.{_PREFERRED}[]"
    found = _in_pod({**_expressions(f"{required}.matchExpressions"), f"{preferred}.weight": 2})
    found |= _in_pod(_expressions(f"{preferred}.preference.matchExpressions"))
    found |= _match_fields(f"{required}.matchFields", FULL["affinity"])
    found |= _match_fields(f"{preferred}.preference.matchFields", FULL["affinity"])
    for kind in ("podAffinity", "podAntiAffinity"):
        place = f"affinity.{kind}.{_REQUIRED}[]"
        found |= _in_pod({f"{place}.topologyKey": "e2i.test/rack", **_selector(f"{place}.labelSelector")})
        place = f"affinity.{kind}.{_PREFERRED}[]"
        found |= _in_pod({f"{place}.weight": 2, f"{place}.podAffinityTerm.topologyKey": "e2i.test/rack"})
        found |= _in_pod(_selector(f"{place}.podAffinityTerm.labelSelector"))
    return found


def _probes() -> dict[str, Row]:
    changes = {
        "httpGet.path": "/b",
        "httpGet.port": 3001,
        "httpGet.scheme": "HTTPS",
        "initialDelaySeconds": 7,
        "periodSeconds": 13,
        "timeoutSeconds": 9,
        "failureThreshold": 8,
    }
    found: dict[str, Row] = {}
    for kind in ("startup", "readiness", "liveness"):
        for name, value in changes.items():
            found[f"probes.{kind}.{name}"] = _seen(value, f"pod:spec.containers[main].{kind}Probe.{name}")
    successes = "pod:spec.containers[main].readinessProbe.successThreshold"
    return found | {"probes.readiness.successThreshold": _seen(2, successes)}


_ONE_SIZE: dict[str, Any] = {"autoscaling": None}
_NO_METRICS = {"autoscaling": {"minReplicas": 2, "maxReplicas": 4}}
_OF_IMAGE = {"bento": {"tag": "churn_model:1.0.0", "image": IMAGE}}
_METRICS = "autoscaling.metrics[]"
_CLIENT = "tests/unit/controller/test_prediction_client.py::test_"
_CHECKS = "tests/unit/controller/test_checks.py::test_"
_ANSWERS = "tests/unit/controller/test_answer_check.py::test_"
_CONTRACT = "tests/unit/controller/test_contract.py::test_"
_LIMITS = "tests/unit/controller/test_guard_limits.py::test_"
_SCENARIO = "tests/scenarios/test_"

_SOURCES: dict[str, Row] = {
    "type": _seen(
        "Causal",
        "pod:spec.containers[main].resources.requests",
        {"memory": "2Gi"},
        base={"resources": None},
    ),
    "bento.tag": _seen("churn_model:2.0.0", "deployment:metadata.annotations{serving.e2i.dev/bento-tag}"),
    "bento.store": _shown(
        f"{_SCENARIO}releases.py::test_the_first_release",
        f"{_SCENARIO}archives.py::test_the_store_has_the_bento_now_and_the_release_stays_what_it_is",
    ),
    "bento.archive.digest": _shown(
        f"{_SCENARIO}archives.py::test_another_digest_under_the_same_tag_is_another_release"
    ),
    "bento.image": _seen(OTHER_IMAGE, "pod:spec.containers[main].image", base=_OF_IMAGE),
    "bento.serviceName": _shown(
        f"{_SCENARIO}images.py::test_the_requests_to_the_named_service_of_an_image_are_watched"
    ),
    "bento.pathPrefix": _seen(
        "/v1",
        "pod:spec.containers[main].readinessProbe.httpGet.path",
        "/v1/readyz",
        base={**_OF_IMAGE, "probes": None},
    ),
}

_SIZE: dict[str, Row] = {
    "replicas": _seen(3, "autoscaler:spec.minReplicas", base=_ONE_SIZE),
    "autoscaling.minReplicas": _seen(3, "autoscaler:spec.minReplicas"),
    "autoscaling.maxReplicas": _seen(5, "autoscaler:spec.maxReplicas"),
    f"{_METRICS}.type": _seen(
        "Resource",
        "deployment:spec.autoscaling.metrics[].type",
        base=_NO_METRICS,
        whole=FULL["autoscaling"],
    ),
    f"{_METRICS}.resource.name": _seen("memory", "autoscaler:spec.metrics[].resource.name"),
    **{
        f"{_METRICS}.{source}.target.type": _seen(
            shown,
            f"deployment:spec.autoscaling.metrics[].{source}.target.type",
            base=_NO_METRICS,
            whole=FULL["autoscaling"],
        )
        for source, shown in (
            ("resource", "Utilization"),
            ("pods", "AverageValue"),
            ("object", "Value"),
            ("external", "Value"),
        )
    },
    **{
        f"{_METRICS}.{name}": _seen(value, f"autoscaler:spec.metrics[].{name}")
        for name, value in {
            "resource.target.averageUtilization": 70,
            "resource.target.averageValue": "2",
            "pods.target.averageValue": "20",
            "object.target.value": "20",
            "object.target.averageValue": "20",
            "external.target.value": "20",
            "external.target.averageValue": "20",
            "object.describedObject.apiVersion": "example.org/v2",
            "object.describedObject.kind": "Topic",
            "object.describedObject.name": "b",
        }.items()
    },
    **{
        f"{_METRICS}.{source}.metric.{name}": _seen(
            value, f"autoscaler:spec.metrics[].{source}.metric.{name}"
        )
        for source in ("pods", "object", "external")
        for name, value in (("name", "b"), ("selector.matchLabels", {"app": "b"}))
    },
    "autoscaling.behavior": _shown("tests/api/test_crd.py::test_refused"),
}

_CONTAINER: dict[str, Row] = {
    **_in_main(
        {
            "env[].name": "OTHER",
            "env[].value": "b",
            "env[].valueFrom.secretKeyRef.name": "b",
            "env[].valueFrom.secretKeyRef.key": "b",
            "env[].valueFrom.secretKeyRef.optional": False,
            "env[].valueFrom.configMapKeyRef.name": "b",
            "env[].valueFrom.configMapKeyRef.key": "b",
            "env[].valueFrom.configMapKeyRef.optional": False,
            "envFrom[].prefix": "B_",
            "envFrom[].secretRef.name": "b",
            "envFrom[].secretRef.optional": False,
            "envFrom[].configMapRef.name": "b",
            "envFrom[].configMapRef.optional": False,
            "resources.requests": {"cpu": "200m", "memory": "256Mi"},
            "resources.limits": {"cpu": "2", "memory": "1Gi"},
            "volumeMounts[].name": "free",
            "volumeMounts[].mountPath": "/other",
            "volumeMounts[].subPath": "b",
        }
    ),
    "volumeMounts[].readOnly": _seen(True, "pod:spec.containers[main].volumeMounts[kept].readOnly"),
    **_probes(),
}

_POD: dict[str, Row] = {
    **_in_pod(
        {
            "terminationGracePeriodSeconds": 90,
            "enableServiceLinks": False,
            "priorityClassName": "e2i-test-high",
            "runtimeClassName": "e2i-test-b",
            "imagePullSecrets[].name": "b",
            "volumes[].name": "other",
            "volumes[].secret.secretName": "b",
            "volumes[].configMap.name": "b",
            "volumes[].persistentVolumeClaim.claimName": "b",
            "volumes[].emptyDir.sizeLimit": "2Gi",
            "nodeSelector": {"e2i.test/pool": "b"},
            "tolerations[].key": "b",
            "tolerations[].value": "b",
            "tolerations[].tolerationSeconds": 90,
            "serviceAccountName": "e2i-test-b",
        }
    ),
    "volumes[].persistentVolumeClaim.readOnly": _seen(
        True, "pod:spec.volumes[claim].persistentVolumeClaim.readOnly"
    ),
    "volumes[].emptyDir.medium": _seen(
        "Memory",
        "pod:spec.volumes[free].emptyDir.medium",
        base={"volumes": None, "volumeMounts": None},
        whole=FULL["volumes"],
    ),
    "tolerations[].operator": _seen(
        "Exists",
        "pod:spec.tolerations{a}.operator",
        whole=[{"key": "a", "operator": "Exists"}],
    ),
    "tolerations[].effect": _seen(
        "NoSchedule",
        "pod:spec.tolerations[].effect",
        whole=[{"key": "a", "value": "a", "effect": "NoSchedule"}],
    ),
    **_affinity(),
    **_in_pod(
        {
            "topologySpreadConstraints[].maxSkew": 2,
            "topologySpreadConstraints[].topologyKey": "e2i.test/rack",
            "topologySpreadConstraints[].minDomains": 3,
            "topologySpreadConstraints[].nodeAffinityPolicy": "Ignore",
            "topologySpreadConstraints[].nodeTaintsPolicy": "Ignore",
            **_selector("topologySpreadConstraints[].labelSelector"),
        }
    ),
    **_in_pod(
        {"topologySpreadConstraints[].whenUnsatisfiable": "ScheduleAnyway"},
        whole=[
            {"maxSkew": 1, "topologyKey": "e2i.test/host", "whenUnsatisfiable": "ScheduleAnyway"},
        ],
    ),
}

_RELEASING: dict[str, Row] = {
    "rollout.strategy": _shown(
        f"{_SCENARIO}in_place.py::test_one_deployment_is_edited_release_after_release",
        f"{_SCENARIO}canary.py::test_another_strategy_under_way",
    ),
    "rollout.steps[].setWeight": _shown(
        f"{_SCENARIO}canary.py::test_a_share_is_met_as_well_as_the_pods_allow_and_told_as_it_is"
    ),
    "rollout.steps[].pause.duration": _shown(f"{_SCENARIO}canary.py::test_pauses_last_as_long_as_they_say"),
    "rollout.rollback": _shown(
        f"{_SCENARIO}rollback.py::test_manual_leaves_the_address_and_the_pods_as_they_are",
        f"{_SCENARIO}rollback.py::test_disabled_gives_nothing_up",
    ),
    "rollout.progressDeadlineSeconds": _shown(
        f"{_SCENARIO}releases.py::test_pods_that_never_get_ready_cost_the_release_its_trial_and_nothing_else"
    ),
    "rollout.scaleDownDelaySeconds": _shown(
        f"{_SCENARIO}releases.py::test_back_to_a_release_that_is_still_kept_takes_seconds"
    ),
    "rollout.revisionHistoryLimit": _shown(f"{_SCENARIO}releases.py::test_images_beyond_the_limit_go"),
    "deletionPolicy": _shown(f"{_SCENARIO}deletion.py::test_delete_empties_the_bucket_before_the_model_goes"),
    "suspend": _shown(f"{_SCENARIO}releases.py::test_a_suspended_model_is_left_as_it_is"),
    "drift.maxPsi": _shown(f"{_SCENARIO}drift.py::test_the_bounds_of_the_spec_decide"),
    "drift.maxPsiOf": _shown(f"{_SCENARIO}drift.py::test_the_bounds_of_the_spec_decide"),
    "drift.maxOutsideOverlap": _shown(
        f"{_SCENARIO}drift.py::test_inputs_outside_of_the_overlap_are_told_until_the_spec_allows_so_many"
    ),
    "rollout.watch.seconds": _shown(
        f"{_SCENARIO}guard.py::test_it_is_watched_until_the_time_that_the_spec_says_counted_from_the_switch"
    ),
    "rollout.watch.maxErrorRatio": _shown(f"{_LIMITS}the_ratio_of_errors_is_told_with_its_limit"),
    "rollout.watch.maxLatencyP99": _shown(f"{_LIMITS}the_latency_is_told_with_its_limit"),
    "rollout.watch.minRequests": _shown(
        f"{_LIMITS}every_limit_is_read", f"{_LIMITS}a_release_within_its_limits_is_left_alone"
    ),
}

_EVERYTHING = f"{_CHECKS}everything_that_is_said_is_kept"
_WRONG = f"{_ANSWERS}a_wrong_answer_is_told_by_place_expectation_and_value"
_SENT = f"{_CLIENT}headers_and_a_query_are_sent_as_they_are_written"
_FORM = f"{_CLIENT}a_form_is_sent_in_place_of_a_body"
_SECRETS = "tests/api/test_check_secrets.py::test_"
_FROM_SECRET = f"{_SECRETS}a_header_from_a_secret_is_sent_once_it_can_be_read_and_as_it_is_then"
_NAMED = f"{_CONTRACT}a_named_place_takes_the_place_of_the_usual_one"
_INTERVAL = f"{_CONTRACT}one_named_end_is_enough_for_the_usual_interval_not_to_be_looked_for"

_JUDGING: dict[str, Row] = {
    f"rollout.{name}": _shown(*tests)
    for name, tests in {
        "verify[].name": (f"{_CHECKS}a_check_is_called_by_its_place_and_its_name",),
        "verify[].method": (f"{_CHECKS}a_check_is_called_by_its_place_and_its_name",),
        "verify[].path": (f"{_CHECKS}a_check_is_called_by_its_place_and_its_name",),
        "verify[].headers[].name": (_SENT,),
        "verify[].headers[].value": (_SENT,),
        "verify[].headers[].valueFrom.secretKeyRef.name": (_FROM_SECRET,),
        "verify[].headers[].valueFrom.secretKeyRef.key": (_FROM_SECRET,),
        "verify[].body": (f"{_CLIENT}the_body_is_sent_as_it_was_written",),
        "verify[].form[].name": (_FORM,),
        "verify[].form[].value": (_FORM,),
        "verify[].prediction": (
            f"{_ANSWERS}the_contract_says_nothing_about_an_answer_that_is_no_prediction",
        ),
        "verify[].timeoutSeconds": (f"{_CLIENT}no_answer_in_time_is_told_with_the_setting_to_raise",),
        "verify[].retries": (_EVERYTHING, f"{_CLIENT}a_server_error_that_stays_is_told_with_its_words"),
        "verify[].expect.status": (_WRONG, f"{_CLIENT}a_server_error_that_is_expected_is_not_tried_again"),
        "verify[].expect.body": (_WRONG,),
        "verify[].expect.subset": (_WRONG,),
        "verify[].expect.tolerance": (_WRONG, f"{_ANSWERS}an_answer_as_expected_is_no_trouble"),
        "verify[].expect.fields[].jsonPath": (_WRONG,),
        "verify[].expect.fields[].equals": (_WRONG,),
        "verify[].expect.fields[].minimum": (_WRONG,),
        "verify[].expect.fields[].maximum": (_WRONG,),
        "contract.labels": (f"{_CONTRACT}without_declared_labels_any_label_will_do",),
        "contract.labelPath": (_NAMED,),
        "contract.probabilitiesPath": (
            f"{_CONTRACT}probabilities_at_a_named_place_must_sum_to_one_even_in_a_batch",
        ),
        "contract.valuePath": (f"{_CONTRACT}an_answer_without_objects_can_be_named_as_a_whole",),
        "contract.effectPath": (f"{_CONTRACT}named_ends_of_a_batch_belong_to_the_effects_in_order",),
        "contract.lowerPath": (_INTERVAL,),
        "contract.upperPath": (_INTERVAL,),
    }.items()
}

ROWS: dict[str, Row] = {**_SOURCES, **_SIZE, **_CONTAINER, **_POD, **_RELEASING, **_JUDGING}
"""By the field's path below `spec`, as `kubectl explain e2im --recursive` has it; [] stands for the items of a list."""
