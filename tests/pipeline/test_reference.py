"""docs/reference/e2i-pipeline.md names every step, option, key and exit code."""

from __future__ import annotations

import re
from pathlib import Path

import click

from e2i.cli.pipeline import pipeline
from e2i.pipeline import errors
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.project import Data, Deploy, Drift, FeatureDeclaration, Project, Threshold
from e2i.pipeline.step_order import NAMES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "e2i-pipeline.md"


def table(heading: str) -> str:
    """Return the text between a heading and the next one."""
    return PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_every_step_has_its_line_in_order() -> None:
    assert tuple(re.findall(r"^\| `([a-z]+)` \|", table("Steps"), re.MULTILINE)) == NAMES


def test_every_option_is_named_with_the_commands_that_take_it() -> None:
    rows = re.findall(r"^\| `(--[a-z-]+)[^`]*` \| ([^|]+) \|", table("Options"), re.MULTILINE)
    same = ""
    documented: dict[str, set[str]] = {}
    for option, commands in rows:
        same = commands if "the same" not in commands else same
        documented[option] = set(re.findall(r"`([a-z]+)`", same))
    taken: dict[str, set[str]] = {}
    for name, command in pipeline.commands.items():
        for option in command.params if name != "demo" else ():
            assert isinstance(option, click.Option)
            taken.setdefault(option.opts[0], set()).add(name)
    assert set(taken) == set(documented)
    for option in set(taken) - {"--project", "--force"}:
        assert taken[option] == documented[option], option


def test_every_key_of_the_project_is_named() -> None:
    text = table("project.yaml")
    for model in (Project, Data, Drift, Deploy, Threshold, FeatureDeclaration):
        for name in model.model_fields:
            assert re.search(rf"\b{name}\b", text), name


def test_every_exit_code_is_named() -> None:
    codes = {
        fault.code
        for fault in vars(errors).values()
        if isinstance(fault, type) and issubclass(fault, PipelineError)
    }
    documented = {int(code) for code in re.findall(r"^\| (\d) \|", table("Exit codes"), re.MULTILINE)}
    assert documented == codes | {0, 2}
