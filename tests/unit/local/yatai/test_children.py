"""What a BentoDeployment's options do to its children, one option at a time."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.local.yatai import children
from e2i.local.yatai.pod_template import Unreconcilable


def an_owner(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "plain", "namespace": "models", "uid": "u1", "labels": {"meta": "no"}},
        "spec": {"bento": "fraud-v1", **spec},
    }


def a_bento(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "fraud-v1"}, "spec": {"tag": "fraud:v1", "image": "r/fraud:v1", **spec}}


def pod(owner: dict[str, Any], bento: dict[str, Any] | None = None) -> dict[str, Any]:
    template: dict[str, Any] = children.deployment(owner, bento or a_bento())["spec"]["template"]
    return template


def main_of(owner: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = pod(owner)["spec"]["containers"][0]
    return container


def test_replicas_are_never_set() -> None:
    assert "replicas" not in children.deployment(an_owner(), a_bento())["spec"]


@pytest.mark.parametrize(
    ("annotation", "field", "value"),
    [
        ("yatai.ai/enable-container-privileged", "privileged", True),
        ("yatai.ai/enable-container-ptrace", "capabilities", {"add": ["SYS_PTRACE"]}),
        ("yatai.ai/run-container-as-root", "runAsUser", 0),
    ],
)
def test_an_annotation_grants_privilege_to_the_container(annotation: str, field: str, value: Any) -> None:
    assert main_of(an_owner(annotations={annotation: "true"}))["securityContext"] == {field: value}
    assert "securityContext" not in main_of(an_owner(annotations={annotation: "yes"}))


@pytest.mark.parametrize(
    ("annotation", "field"),
    [
        ("yatai.ai/enable-host-ipc", "hostIPC"),
        ("yatai.ai/enable-host-network", "hostNetwork"),
        ("yatai.ai/enable-host-pid", "hostPID"),
        ("yatai.ai/enable-debug-mode", "shareProcessNamespace"),
    ],
)
def test_an_annotation_opens_the_pod_to_the_host(annotation: str, field: str) -> None:
    assert pod(an_owner(annotations={annotation: "true"}))["spec"][field] is True
    assert field not in pod(an_owner())["spec"]


@pytest.mark.parametrize(
    ("name", "surge", "unavailable"),
    [
        ("RollingUpdate", "25%", "25%"),
        ("RampedSlowRollout", 1, 0),
        ("BestEffortControlledRollout", 0, "20%"),
        ("NoSuchThing", "25%", "25%"),
    ],
)
def test_the_strategy_is_named_by_an_annotation(name: str, surge: object, unavailable: object) -> None:
    owner = an_owner(annotations={"yatai.ai/deployment-strategy": name})
    found = children.deployment(owner, a_bento())["spec"]["strategy"]
    assert found == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }


def test_recreate_has_no_steps() -> None:
    owner = an_owner(annotations={"yatai.ai/deployment-strategy": "Recreate"})
    assert children.deployment(owner, a_bento())["spec"]["strategy"] == {"type": "Recreate"}


def test_users_variables_come_first_and_may_replace_yatais() -> None:
    envs = [{"name": "YATAI_BENTO_DEPLOYMENT_NAME", "value": "mine"}, {"name": "EMPTY", "value": ""}]
    assert main_of(an_owner(envs=envs))["env"] == [
        {"name": "YATAI_BENTO_DEPLOYMENT_NAME", "value": "mine"},
        {"name": "EMPTY"},
        {"name": "PORT", "value": "3000"},
        {"name": "YATAI_T_DEPLOYMENT_UID", "value": "u1"},
        {"name": "YATAI_BENTO_DEPLOYMENT_NAMESPACE", "value": "models"},
    ]


@pytest.mark.parametrize(
    ("spec", "bento", "sentence"),
    [
        ({"envs": [{"name": "PORT", "value": "http"}]}, {}, "invalid port value http"),
        (
            {"resources": {"limits": {"memory": "1 Gi"}}},
            {},
            "failed to get resources config: parse limits memory",
        ),
        ({"resources": {"requests": {"custom": {"a/b": "x"}}}}, {}, "parse requests a/b quantity"),
        ({}, {"context": {"bentomlVersion": "main"}}, "invalid bentoml version main"),
    ],
)
def test_what_cannot_be_made_is_named(spec: dict[str, Any], bento: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Unreconcilable, match=sentence):
        children.deployment(an_owner(**spec), a_bento(**bento))


@pytest.mark.parametrize("version", ["1.4.8", "1.4.0rc1", "1.4.39.post1.dev2", "1!2.0+local.1", "v1.0"])
def test_python_versions_are_taken(version: str) -> None:
    assert pod(an_owner(), a_bento(context={"bentomlVersion": version}))


def test_a_tag_without_a_colon_gives_an_empty_version() -> None:
    labels = children.service(an_owner(), a_bento(tag="fraud"))["metadata"]["labels"]
    assert (labels["yatai.ai/bento-repository"], labels["yatai.ai/bento-version"]) == ("fraud", "")


def test_without_a_memory_limit_shared_memory_is_64_mi() -> None:
    volumes = pod(an_owner(resources={"limits": {"memory": "0"}}))["spec"]["volumes"]
    assert volumes[0]["emptyDir"]["sizeLimit"] == "64Mi"


def test_a_metric_that_the_api_will_refuse_is_passed_on() -> None:
    target = {"type": "AverageValue", "averageValue": "lots"}
    metric = {"type": "Resource", "resource": {"name": "memory", "target": target}}
    owner = an_owner(autoscaling={"minReplicas": 1, "maxReplicas": 2, "metrics": [metric]})
    assert children.autoscaler(owner, a_bento())["spec"]["metrics"] == [metric]
