"""Argo CD's view of a model: health and actions in Lua, with tests in the format of Argo CD's own repository."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import yaml
from support import argocd_lua
from support.argocd_config import CONFIG_MAP, config_map
from support.argocd_lua import ACTIONS, FOLDER, Body, read_yaml

HEALTH_TESTS = read_yaml(FOLDER / "health_test.yaml")["tests"]
ACTION_TESTS = read_yaml(ACTIONS / "action_test.yaml")
STEPS = ("retry-at", "promote-at")
NEVER = "0001-01-01T00:00:00Z"
"""What Argo CD's own tests put in place of the time at which an action was chosen."""


def path_of(test: Body) -> str:
    return str(test["inputPath"])


@pytest.mark.parametrize("test", HEALTH_TESTS, ids=path_of)
def test_health(test: Body) -> None:
    assert argocd_lua.health(read_yaml(FOLDER / test["inputPath"])) == test["healthStatus"]


def test_each_model_of_the_test_data_has_a_health() -> None:
    assert {test["inputPath"] for test in HEALTH_TESTS} == {
        f"testdata/{file.name}" for file in (FOLDER / "testdata").iterdir()
    }


@pytest.mark.parametrize("test", ACTION_TESTS["discoveryTests"], ids=path_of)
def test_actions_that_can_be_chosen(test: Body) -> None:
    found = argocd_lua.run(ACTIONS / "discovery.lua", read_yaml(ACTIONS / test["inputPath"]))
    assert found == {action.pop("name"): action for action in copy.deepcopy(test["result"])}


@pytest.mark.parametrize("test", ACTION_TESTS["actionTests"], ids=lambda test: test["action"])
def test_action(test: Body) -> None:
    model = read_yaml(ACTIONS / test["inputPath"])
    wanted = argocd_lua.act(model, test["action"])
    assert at_no_time(wanted) == read_yaml(ACTIONS / test["expectedOutputPath"])


@pytest.mark.parametrize("action", ["retry", "promote", "pause"])
def test_an_action_on_a_model_without_annotations_adds_one_and_leaves_the_rest(action: str) -> None:
    model = read_yaml(FOLDER / "testdata" / "suspended_canaryAwaitsPromotion.yaml")
    assert "annotations" not in model["metadata"]
    wanted = argocd_lua.act(model, action)
    (added,) = wanted["metadata"].pop("annotations")
    assert added.startswith("serving.e2i.dev/")
    assert wanted == model


def test_to_resume_what_is_not_paused_changes_nothing() -> None:
    model = read_yaml(FOLDER / "testdata" / "healthy.yaml")
    assert argocd_lua.act(model, "resume") == model


def test_the_patch_of_argocd_cm_holds_the_scripts() -> None:
    patch = yaml.safe_load(CONFIG_MAP.read_text())
    assert patch == config_map()
    actions = yaml.safe_load(patch["data"]["resource.customizations.actions.serving.e2i.dev_E2IModel"])
    offered = argocd_lua.actions(read_yaml(FOLDER / "testdata" / "healthy.yaml"))
    assert {each["name"] for each in actions["definitions"]} == set(offered)


def at_no_time(model: Body) -> Body:
    annotations: dict[str, Any] = model["metadata"]["annotations"]
    for step in STEPS:
        if chosen := annotations.get(f"serving.e2i.dev/{step}"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", chosen)
            annotations[f"serving.e2i.dev/{step}"] = NEVER
    return model
