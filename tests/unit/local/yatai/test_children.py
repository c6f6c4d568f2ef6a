"""What a BentoDeployment's options do to its children, one option at a time."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.local.yatai import children
from e2i.local.yatai.errors import ReconcileError
from e2i.local.yatai.parts import Part, parts_of


def an_owner(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "plain", "namespace": "models", "uid": "u1", "labels": {"meta": "no"}},
        "spec": {"bento": "fraud-v1", **spec},
    }


def a_bento(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "fraud-v1"}, "spec": {"tag": "fraud:v1", "image": "r/fraud:v1", **spec}}


def pod(owner: dict[str, Any], bento: dict[str, Any] | None = None) -> dict[str, Any]:
    template: dict[str, Any] = children.deployment(Part(owner, bento or a_bento()))["spec"]["template"]
    return template


def main_of(owner: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = pod(owner)["spec"]["containers"][0]
    return container


def test_replicas_are_never_set() -> None:
    assert "replicas" not in children.deployment(Part(an_owner(), a_bento()))["spec"]


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
    found = children.deployment(Part(owner, a_bento()))["spec"]["strategy"]
    assert found == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }


def test_recreate_has_no_steps() -> None:
    owner = an_owner(annotations={"yatai.ai/deployment-strategy": "Recreate"})
    assert children.deployment(Part(owner, a_bento()))["spec"]["strategy"] == {"type": "Recreate"}


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
    with pytest.raises(ReconcileError, match=sentence):
        children.deployment(Part(an_owner(**spec), a_bento(**bento)))


@pytest.mark.parametrize("version", ["1.4.8", "1.4.0rc1", "1.4.39.post1.dev2", "1!2.0+local.1", "v1.0"])
def test_python_versions_are_taken(version: str) -> None:
    assert pod(an_owner(), a_bento(context={"bentomlVersion": version}))


def test_a_tag_without_a_colon_gives_an_empty_version() -> None:
    labels = children.service(Part(an_owner(), a_bento(tag="fraud")))["metadata"]["labels"]
    assert (labels["yatai.ai/bento-repository"], labels["yatai.ai/bento-version"]) == ("fraud", "")


def test_without_a_memory_limit_shared_memory_is_64_mi() -> None:
    volumes = pod(an_owner(resources={"limits": {"memory": "0"}}))["spec"]["volumes"]
    assert volumes[0]["emptyDir"]["sizeLimit"] == "64Mi"


def test_a_metric_that_the_api_will_refuse_is_passed_on() -> None:
    target = {"type": "AverageValue", "averageValue": "lots"}
    metric = {"type": "Resource", "resource": {"name": "memory", "target": target}}
    owner = an_owner(autoscaling={"minReplicas": 1, "maxReplicas": 2, "metrics": [metric]})
    assert children.autoscaler(Part(owner, a_bento()))["spec"]["metrics"] == [metric]


CLF, PRE = {"name": "clf", "runnableType": "Sklearn"}, {"name": "pre"}


def with_runners(**spec: Any) -> list[Part]:
    return parts_of(an_owner(**spec), a_bento(tag="old:v1", runners=[CLF, PRE]))


def template_of(part: Part) -> dict[str, Any]:
    template: dict[str, Any] = children.deployment(part)["spec"]["template"]
    return template


def test_runners_are_made_before_the_api_servers_that_need_them() -> None:
    assert [part.name for part in with_runners()] == ["plain-runner-0", "plain-runner-1", "plain"]
    assert [part.name for part in parts_of(an_owner(), a_bento())] == ["plain"]


def test_the_service_of_a_runner_is_named_by_a_hash_and_not_longer_than_a_name_may_be() -> None:
    digest = "93b694528c463d762a95470f63157c58"
    assert with_runners()[0].service_name == f"plain-runner-{digest}"
    long = {"metadata": {"name": "a" * 40, "namespace": "models", "uid": "u"}, "spec": {"bento": "b"}}
    cut = parts_of(long, a_bento(tag="old:v1", runners=[CLF]))[0].service_name
    assert cut.startswith("runner-")
    assert len(cut) == 39


def test_no_service_takes_the_pods_of_another_part() -> None:
    """Not even when the user gives all pods the same labels."""
    parts = with_runners(labels={"mine": "yes"}, extraPodMetadata={"labels": {"also": "mine"}})
    for part in parts:
        selector = children.service(part)["spec"]["selector"].items()
        taken = [other for other in parts if selector <= template_of(other)["metadata"]["labels"].items()]
        assert taken == [part]


def test_the_api_servers_are_told_where_the_runners_are_and_asked_for_them() -> None:
    first, second, api = with_runners()
    main = template_of(api)["spec"]["containers"][0]
    told = f'{{"clf":"tcp://{first.service_name}:3000","pre":"tcp://{second.service_name}:3000"}}'
    assert f"--runner-map '{told}'" in main["args"][0]
    asked = main["readinessProbe"]["exec"]["command"][2]
    for server in ("localhost", first.service_name, second.service_name):
        assert f"urlopen('http://{server}:3000/readyz')" in asked


def test_a_runner_gets_the_resources_of_the_deployment_but_not_its_variables_and_size() -> None:
    resources = {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}
    runner = with_runners(
        resources=resources,
        envs=[{"name": "A", "value": "b"}],
        autoscaling={"minReplicas": 3, "maxReplicas": 3},
        annotations={"yatai.ai/run-container-as-root": "true"},
    )[0]
    main = template_of(runner)["spec"]["containers"][0]
    assert main["resources"]["requests"]["cpu"] == "2"
    assert "A" not in {variable["name"] for variable in main["env"]}
    assert "securityContext" not in main
    assert children.autoscaler(runner)["spec"]["minReplicas"] == 1


def test_a_runner_with_options_of_its_own_gets_none_of_the_deployment() -> None:
    mine = {
        "name": "clf",
        "envs": [{"name": "A", "value": "runner"}],
        "autoscaling": {"minReplicas": 2, "maxReplicas": 4},
        "labels": {"part": "runner"},
    }
    runner, other, api = with_runners(
        runners=[mine], labels={"part": "all"}, resources={"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}
    )
    main = template_of(runner)["spec"]["containers"][0]
    assert main["env"][0] == {"name": "A", "value": "runner"}
    assert main["resources"]["requests"]["cpu"] == "300m"
    assert children.autoscaler(runner)["spec"]["maxReplicas"] == 4
    assert [part.labels["part"] for part in (runner, other, api)] == ["runner", "all", "all"]
