"""The templates for retraining in docs/howto/drift.md: the namespace of the operator takes their pods."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.controller.test_retraining import drifted

from e2i.controller.core.retraining import Body, parse_template, training

PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "drift.md"


@pytest.mark.parametrize("kind", ["Job", "Workflow"])
def test_the_pods_of_the_pages_template_fit_the_restricted_profile(kind: str) -> None:
    pod, containers = pod_of(training(template_of_the_page(kind), drifted(), "e2i-system"))
    assert {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}.items() <= pod.items()
    for name, settings in containers.items():
        assert settings == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}, name


def template_of_the_page(kind: str) -> Body:
    blocks = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))
    maps = (each for each in blocks if each.get("kind") == "ConfigMap")
    templates = (parse_template(each["data"]["template.yaml"]) for each in maps)
    return next(each for each in templates if each["kind"] == kind)


def pod_of(made: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The security context of the pod, and those of its containers; Argo itself adds `init` and `wait`."""
    if made["kind"] == "Job":
        pod = made["spec"]["template"]["spec"]
        return pod["securityContext"], {each["name"]: each["securityContext"] for each in pod["containers"]}
    pod, patch = made["spec"], yaml.safe_load(made["spec"]["podSpecPatch"])
    own = {"main": pod["templates"][0]["container"]["securityContext"]}
    patched = {
        each["name"]: each["securityContext"] for each in (*patch["initContainers"], *patch["containers"])
    }
    assert patched.keys() == {"init", "wait"}
    return pod["securityContext"], own | patched
