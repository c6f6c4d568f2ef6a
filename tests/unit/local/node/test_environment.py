from __future__ import annotations

import base64
from typing import Any

import pytest

from e2i.local.node.environment import (
    MissingValueError,
    Sources,
    container_env,
    expand,
    field,
    object_data,
    references,
)


def sources(**objects: dict[str, bytes] | None) -> Sources:
    metadata = {
        "name": "churn-1",
        "namespace": "models",
        "uid": "u1",
        "labels": {"app": "churn", "tier": 'a"b'},
        "annotations": {"e2i.dev/x": "y"},
    }
    found: Any = {tuple(key.split("_", 1)): value for key, value in objects.items()}
    return Sources(
        pod={"metadata": metadata, "spec": {"nodeName": "local", "containers": []}},
        pod_address="127.97.0.2",
        host_address="127.0.0.1",
        allocatable={"cpu": "2", "memory": "4Gi"},
        objects=found,
    )


def env_of(*env: dict[str, Any], envFrom: list[dict[str, Any]] | None = None) -> dict[str, Any]:  # noqa: N803
    resources = {"limits": {"cpu": "500m"}, "requests": {"memory": "1Gi"}}
    return {"name": "main", "env": list(env), "envFrom": envFrom or [], "resources": resources}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$(A)/$(B)", "1/2"),
        ("$(NONE)", "$(NONE)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("cost $5 $", "cost $5 $"),
        ("$(A", "$(A"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, result: str) -> None:
    assert expand(text, {"A": "1"}, {"A": "shadowed", "B": "2"}) == result


def test_a_variable_may_use_those_before_it_and_those_of_services() -> None:
    container = env_of(
        {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)$(WEB_PORT)"}, {"name": "C"}
    )
    assert container_env(container, sources(), {"WEB_PORT": "9"}) == {"A": "1", "B": "1$(C)9", "C": ""}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "churn-1"),
        ("metadata.labels['app']", "churn"),
        ("metadata.annotations['e2i.dev/x']", "y"),
        ("metadata.annotations['none']", ""),
        ("metadata.labels", 'app="churn"\ntier="a\\"b"'),
        ("spec.nodeName", "local"),
        ("spec.serviceAccountName", ""),
        ("status.podIP", "127.97.0.2"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_a_field_of_the_pod_becomes_a_value(path: str, value: str) -> None:
    assert field(path, sources()) == value


@pytest.mark.parametrize(
    ("resource", "divisor", "value"),
    [
        ("limits.cpu", "1m", "500"),
        ("limits.memory", "1Gi", "4"),
        ("requests.memory", "1Mi", "1024"),
        ("requests.cpu", "1m", "0"),
    ],
)
def test_a_limit_that_is_not_set_is_what_the_node_has(resource: str, divisor: str, value: str) -> None:
    reference = {"resourceFieldRef": {"resource": resource, "divisor": divisor}}
    assert container_env(env_of({"name": "A", "valueFrom": reference}), sources(), {}) == {"A": value}


def secret_key(key: str, **more: Any) -> dict[str, Any]:
    return {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": key, **more}}}


@pytest.mark.parametrize(
    ("entry", "data", "message"),
    [
        pytest.param(secret_key("k"), None, 'secret "s" not found', id="no such Secret"),
        pytest.param(secret_key("k"), {}, "couldn't find key k in Secret models/s", id="no such key"),
    ],
)
def test_a_missing_source_is_named(
    entry: dict[str, Any], data: dict[str, bytes] | None, message: str
) -> None:
    with pytest.raises(MissingValueError, match=message):
        container_env(env_of(entry), sources(secret_s=data), {})


def test_an_optional_source_that_is_missing_sets_nothing() -> None:
    container = env_of(
        secret_key("k", optional=True), envFrom=[{"configMapRef": {"name": "m", "optional": True}}]
    )
    assert container_env(container, sources(secret_s=None, configMap_m=None), {}) == {}


def test_whole_objects_come_first_and_with_their_prefix() -> None:
    whole = [{"prefix": "P_", "configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}}]
    container = env_of({"name": "B", "value": "$(P_A)"}, envFrom=whole)
    found = container_env(container, sources(configMap_m={"A": b"1"}, secret_s={"B": b"2"}), {})
    assert found == {"P_A": "1", "B": "1"}
    assert references(container) == {("configMap", "m"), ("secret", "s")}


def test_data_of_both_kinds_is_bytes() -> None:
    assert object_data("secret", {"data": {"k": base64.b64encode(b"\xff").decode()}}) == {"k": b"\xff"}
    assert object_data("configMap", {"data": {"k": "v"}}) == {"k": b"v"}
    assert object_data("secret", None) is None
