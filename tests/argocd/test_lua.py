"""Argo CD's own Lua gives the same answers as the one of the quick tests: both run the tests in Argo CD's format."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.argocd import ARGOCD, ask_lua
from support.argocd_lua import ACTIONS, FOLDER, Body, read_yaml

from e2i.local.toolchain import ensure_built

HEALTH_TESTS = read_yaml(FOLDER / "health_test.yaml")["tests"]
ACTION_TESTS = read_yaml(ACTIONS / "action_test.yaml")
NEVER = "0001-01-01T00:00:00Z"
SHOWN = ("displayName", "iconClass", "name")


@pytest.fixture(scope="module", autouse=True)
def program(say: Callable[[str], None]) -> None:
    ensure_built((ARGOCD,), say)


def path_of(test: Body) -> str:
    return str(test["inputPath"])


@pytest.mark.parametrize("test", HEALTH_TESTS, ids=path_of)
def test_health(test: Body) -> None:
    assert ask_lua(read_yaml(FOLDER / test["inputPath"]))["health"] == test["healthStatus"]


@pytest.mark.parametrize("test", ACTION_TESTS["discoveryTests"], ids=path_of)
def test_actions_that_can_be_chosen(test: Body) -> None:
    found = ask_lua(read_yaml(ACTIONS / test["inputPath"]))["actions"]
    shown = [{**{key: each[key] for key in SHOWN}, "disabled": each.get("disabled", False)} for each in found]
    assert sorted(shown, key=lambda each: each["name"]) == test["result"]


@pytest.mark.parametrize("test", ACTION_TESTS["actionTests"], ids=lambda test: test["action"])
def test_action(test: Body) -> None:
    wanted = ask_lua(read_yaml(ACTIONS / test["inputPath"]), test["action"])["wanted"]
    assert _at_no_time(wanted) == _read(ACTIONS / test["expectedOutputPath"])


def _read(file: Path) -> Body:
    model: Body = read_yaml(file)
    return model


def _at_no_time(model: Body) -> Body:
    annotations = model["metadata"]["annotations"]
    for key, value in annotations.items():
        if key.endswith("-at"):
            assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)
            annotations[key] = NEVER
    return model
