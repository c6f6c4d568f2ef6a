"""The CI templates are valid, and every command in them exists with the options that it is given."""

from __future__ import annotations

import json
import re
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import jsonschema_rs
import pytest
import yaml

from e2i.cli.pipeline import pipeline

TEMPLATES = Path(__file__).resolve().parents[2] / "bentos" / "pipeline" / "ci"
SCHEMAS = {"github-actions.yaml": "github-workflows.json", "gitlab-ci.yaml": "gitlab-ci.json"}


class AsTheServicesRead(yaml.SafeLoader):
    """Loads YAML 1.2: `on` is a string, not a boolean."""

    yaml_implicit_resolvers: ClassVar = {
        key: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


AsTheServicesRead.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def read(name: str) -> Any:
    return yaml.load((TEMPLATES / name).read_text(), AsTheServicesRead)  # noqa: S506 - a SafeLoader


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_a_template_keeps_to_the_published_schema(name: str, schema: str) -> None:
    published = files("check_jsonschema") / "builtin_schemas" / "vendor" / schema
    found = json.loads(published.read_text())
    assert list(jsonschema_rs.iter_errors(found, read(name))) == []


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_a_mistake_in_a_template_would_be_noticed(name: str, schema: str) -> None:
    published = files("check_jsonschema") / "builtin_schemas" / "vendor" / schema
    found = json.loads(published.read_text())
    wrong = read(name)
    jobs = wrong.get("jobs", wrong)
    jobs["judge"]["script" if "script" in jobs["judge"] else "steps"] = 7
    assert not jsonschema_rs.is_valid(found, wrong)


def commands(name: str) -> list[list[str]]:
    """Return each `e2i pipeline ...` command of a template, split into words."""
    lines = re.findall(r"e2i pipeline [^\n&]*", (TEMPLATES / name).read_text())
    return [shlex.split(line)[2:] for line in lines]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_command_of_a_template_exists_and_takes_its_options(name: str) -> None:
    found = commands(name)
    assert len(found) >= 10
    for words in found:
        command = pipeline.commands[words[0]]
        command.make_context(words[0], words[1:])


def test_both_templates_go_through_the_same_steps() -> None:
    one, other = (commands(name) for name in SCHEMAS)
    assert one == other


@pytest.mark.parametrize("name", SCHEMAS)
def test_nothing_leaves_ci_before_the_gate(name: str) -> None:
    steps = [words[0] for words in commands(name)]
    assert steps.index("gate") < min(steps.index(step) for step in ("register", "build", "push", "deploy"))
