"""The description of a stack: what is accepted, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from e2i.stack.description import Stack, read_stack
from e2i.stack.errors import StackError
from e2i.stack.layout import DESCRIPTION

SERVICE = {
    "port": 3001,
    "template": "classification",
    "projects": ["churn"],
    "limits": {"cpu": "2", "memory": "4Gi"},
    "reserved": {"cpu": "500m", "memory": "1Gi"},
    "startPeriod": 30,
}
CONTENT = {
    "version": "1.0.0",
    "services": {"classification-service": SERVICE},
    "prometheus": {"port": 9090, "image": "prometheus:v3"},
    "grafana": {"port": 3100, "image": "grafana:12"},
}


def read(folder: Path, content: Any) -> Stack:
    file = folder / "stack.yaml"
    file.write_text(yaml.safe_dump(content))
    return read_stack(file)


def with_service(**changes: Any) -> Any:
    return CONTENT | {"services": {"classification-service": SERVICE | changes}}


def test_the_stack_of_the_runbook_has_its_ports() -> None:
    assert read_stack(DESCRIPTION).ports == {
        "classification-service": 3001,
        "regression-service": 3002,
        "causal-service": 3003,
        "prometheus": 9090,
        "grafana": 3100,
    }


def test_a_bento_is_named_like_its_template(tmp_path: Path) -> None:
    stack = read(tmp_path, CONTENT)
    assert stack.tag(stack.services["classification-service"]) == "classification:1.0.0"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (with_service(port=80), "services.classification-service.port"),
        (with_service(port=9090), "port 9090 is given twice"),
        (with_service(projects=[]), "services.classification-service.projects"),
        (with_service(limits={"cpu": "two", "memory": "4Gi"}), "services.classification-service.limits.cpu"),
        (with_service(replicas=2), "services.classification-service.replicas"),
        (CONTENT | {"services": {}}, "services"),
        ("classification", "the file"),
    ],
)
def test_a_wrong_field_is_named_with_its_value(tmp_path: Path, content: Any, sentence: str) -> None:
    with pytest.raises(StackError) as error:
        read(tmp_path, content)
    assert sentence in str(error.value)


def test_a_file_that_is_missing_or_no_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"nowhere\.yaml does not exist"):
        read_stack(tmp_path / "nowhere.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("services: [")
    with pytest.raises(StackError, match=r"broken\.yaml is not YAML"):
        read_stack(broken)
