"""What the policy e2i-pods is asked for: one line of words for each item, and nothing that could become two words."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.api import pod_annotations, pod_fields
from e2i.api.fields import FieldInvalid, Fields
from e2i.api.model_body import parse_model


def asked(**spec: Any) -> dict[str, str]:
    """The annotations without their prefix."""
    found = pod_annotations.policy_annotations(pod_fields.encode(Fields(spec, "spec")))
    return {name.removeprefix(pod_annotations.PREFIX): value for name, value in found.items()}


def reference(name: str, kind: str = "secretKeyRef", **more: Any) -> dict[str, Any]:
    return {"name": name, "valueFrom": {kind: {"name": "db", "key": "password", **more}}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"env": [{"name": "A", "value": "1"}], "nodeSelector": {"a": "b"}}, {}, id="nothing"),
        pytest.param({"probes": {"startup": {}}}, {"startup-probe": "/readyz http HTTP 0 5 5 1 120"},
                     id="a startup probe as it comes"),
        pytest.param({"probes": {"readiness": {"httpGet": {"path": "/api/readyz"}}}},
                     {"readiness-probe": "/api/readyz http HTTP 5 10 5 1 12"}, id="another path, the rest is Yatai's"),
        pytest.param({"probes": {"liveness": {"httpGet": {"port": 3001, "scheme": "HTTPS"}, "periodSeconds": 3,
                                              "timeoutSeconds": 2, "initialDelaySeconds": 0, "failureThreshold": 4}}},
                     {"liveness-probe": "/livez 3001 HTTPS 0 3 2 1 4"}, id="all of it"),
        pytest.param({"env": [reference("A"), {"name": "X", "value": "1"},
                              reference("B", "configMapKeyRef", optional=True)]},
                     {"env": "B ConfigMap db password true\nA Secret db password false"},
                     id="variables, the last first: the policy puts each before the others"),
        pytest.param({"envFrom": [{"secretRef": {"name": "s"}},
                                  {"prefix": "P_", "configMapRef": {"name": "c", "optional": True}}]},
                     {"env-from": "Secret s false \nConfigMap c true P_"}, id="whole objects"),
        pytest.param({"volumes": [{"name": "s", "secret": {"secretName": "x"}},
                                  {"name": "c", "configMap": {"name": "y"}},
                                  {"name": "d", "persistentVolumeClaim": {"claimName": "z"}},
                                  {"name": "w", "persistentVolumeClaim": {"claimName": "z", "readOnly": False}},
                                  {"name": "e", "emptyDir": {}},
                                  {"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]},
                     {"volumes": "s secret x \nc configMap y \nd persistentVolumeClaim z true\n"
                                 "w persistentVolumeClaim z false\ne emptyDir  \nm emptyDir Memory 1Gi"},
                     id="volumes; a claim is only read unless somebody says otherwise"),
        pytest.param({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "z"}},
                                  {"name": "e", "emptyDir": {}}],
                      "volumeMounts": [{"name": "d", "mountPath": "/d"},
                                       {"name": "e", "mountPath": "/e", "subPath": "a/b"}]},
                     {"volumes": "d persistentVolumeClaim z true\ne emptyDir  ",
                      "volume-mounts": "d /d true \ne /e false a/b"}, id="mounts are read-only where the volume is"),
        pytest.param({"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}, {"image-pull-secrets": "a\nb"},
                     id="registry"),
        pytest.param({"priorityClassName": "high", "runtimeClassName": "gvisor"},
                     {"priority-class": "high", "runtime-class": "gvisor"}, id="classes"),
        pytest.param({"terminationGracePeriodSeconds": 0, "enableServiceLinks": False},
                     {"termination-grace-period": "0", "enable-service-links": "false"}, id="zero and false count"),
    ],
)  # fmt: skip
def test_asked(spec: dict[str, Any], expected: dict[str, str]) -> None:
    assert asked(**spec) == expected


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"priorityClassName": "a b"}, "spec.priorityClassName has a blank in it"),
        (
            {"volumeMounts": [{"name": "d", "mountPath": "/a\n/b"}]},
            "spec.volumeMounts[0].mountPath has a blank in it",
        ),
        ({"env": [reference("A B")]}, "spec.env[0].name has a blank in it"),
        (
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {}}}]},
            "spec.env[0].valueFrom.configMapKeyRef is missing",
        ),
        ({"probes": {"readiness": "/x"}}, "spec.probes.readiness is a text, not an object"),
        ({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, "spec.volumes[0].emptyDir is missing"),
    ],
)
def test_a_form_that_no_pod_can_have_is_refused_by_its_field(spec: dict[str, Any], problem: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        asked(**spec)
    assert str(caught.value) == problem
    body = {
        "metadata": {"namespace": "models", "name": "churn", "uid": "u"},
        "spec": {"type": "Causal", "bento": {"tag": "a:1"}, **spec},
    }
    assert parse_model(body).invalid == problem


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {},
            {
                "readiness-probe": "/v1/readyz http HTTP 5 10 5 1 12",
                "liveness-probe": "/v1/livez http HTTP 10 10 20 1 6",
            },
        ),
        (
            {"probes": {"startup": {}, "readiness": {"httpGet": {"path": "/mine"}}}},
            {
                "startup-probe": "/v1/readyz http HTTP 0 5 5 1 120",
                "readiness-probe": "/mine http HTTP 5 10 5 1 12",
                "liveness-probe": "/v1/livez http HTTP 10 10 20 1 6",
            },
        ),
    ],
)
def test_with_a_path_prefix_the_probes_are_below_it_unless_the_spec_says_where(
    spec: dict[str, Any], expected: dict[str, str]
) -> None:
    found = pod_annotations.policy_annotations(pod_fields.encode(Fields(spec)), "/v1")
    assert found == {pod_annotations.PREFIX + name: value for name, value in expected.items()}


def test_which_fields_need_the_policy() -> None:
    spec = {"nodeSelector": {"a": "b"}, "env": [reference("A")], "probes": {"startup": {}}}
    assert pod_annotations.needing_policy(pod_fields.encode(Fields(spec))) == ("env", "probes")
    assert pod_annotations.needing_policy("") == ()


@pytest.mark.parametrize(
    ("annotations", "is_bare"),
    [
        ({}, False),
        ({"other": "x"}, False),
        ({pod_annotations.PREFIX + "env": "x"}, True),
        ({pod_annotations.PREFIX + "env": "x", pod_annotations.GIVEN: "v1"}, False),
    ],
)
def test_a_pod_that_lacks_what_it_asks_for(annotations: dict[str, str], is_bare: bool) -> None:
    assert pod_annotations.is_bare(annotations) is is_bare
