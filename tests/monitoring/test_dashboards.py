"""The dashboards as Grafana reads them: what it would show otherwise than it is meant, without saying so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.monitoring.board_of_stack import STACK
from support.monitoring.boards import BOARDS
from support.monitoring.dashboards import dashboard_text
from support.monitoring.panels import asked

MADE: dict[str, dict[str, Any]] = {board.uid: json.loads(dashboard_text(board)) for board in (*BOARDS, STACK)}
SHARED = ("process_", "rest_client_", "leader_election_")
"""Metrics that other programs have too, under the same names and without a label that tells them apart."""


@pytest.fixture(params=MADE)
def made(request: pytest.FixtureRequest) -> dict[str, Any]:
    return MADE[request.param]


def panels(form: str) -> Iterator[dict[str, Any]]:
    return (panel for board in MADE.values() for panel in board["panels"] if panel["type"] == form)


def queries(board: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_a_choice_begins_with_all_and_is_asked_for_again(made: dict[str, Any]) -> None:
    """Without `current` Grafana takes the first value alone; without `refresh` some versions ask for none."""
    for variable in made["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["current"]["value"] == ["$__all"]
            assert variable["refresh"] == 2


def test_models_can_be_chosen_where_that_changes_something(made: dict[str, Any]) -> None:
    names = {variable["name"] for variable in made["templating"]["list"]}
    used = set(re.findall(r"\$(namespace|model)", json.dumps(queries(made))))
    assert names == used | {"datasource"}


def test_there_is_nothing_that_grafanas_schema_does_not_know(made: dict[str, Any]) -> None:
    """The SDK writes it; decision 62 says by what all of the JSON was read."""
    assert "style" not in made
    assert not any(
        {"id", "auto", "auto_min", "auto_count"} & variable.keys() for variable in made["templating"]["list"]
    )
    assert all(panel["options"] for panel in made["panels"])


def test_a_number_has_colours_of_its_own() -> None:
    """Without them Grafana shows 80 models that are Ready in red, and a budget that is overdrawn in green."""
    assert all(len(panel["fieldConfig"]["defaults"]["thresholds"]["steps"]) >= 1 for panel in panels("stat"))
    budgets = [panel for panel in panels("stat") if "Budget" in panel["title"]]
    assert [panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["color"] for panel in budgets] == [
        "red"
    ] * 2


def test_numbers_and_tables_show_the_present() -> None:
    for panel in (*panels("stat"), *panels("table")):
        assert all(target["instant"] and not target["range"] for target in panel["targets"])


def test_a_rate_has_enough_points_however_far_one_looks_back(made: dict[str, Any]) -> None:
    for panel in made["panels"]:
        for target in panel["targets"]:
            if "rate(" in target["expr"]:
                assert re.search(r"\[(\$__rate_interval|1h)\]", target["expr"])
                assert panel["interval"] == "30s"


def test_what_is_counted_in_an_hour_is_a_whole_number(made: dict[str, Any]) -> None:
    assert all("round(increase(" in query for query in queries(made) if "increase(" in query)


def test_a_metric_that_others_have_too_is_that_of_the_operator(made: dict[str, Any]) -> None:
    for query in queries(made):
        if any(name in query for name in SHARED):
            assert "and on (instance) e2i_build_info" in query


def test_a_mark_is_found_by_old_and_new_versions(made: dict[str, Any]) -> None:
    """Older ones read `expr` of the annotation, newer ones its target."""
    for mark in made["annotations"]["list"]:
        assert mark["target"]["expr"] == mark["expr"]


def test_a_restarted_operator_makes_no_marks(made: dict[str, Any]) -> None:
    """Its series have another pod then, and no model was switched."""
    for mark in made["annotations"]["list"]:
        read = re.findall(r"(max by \(namespace, model, release\) \()?\be2i_", mark["expr"])
        assert all(read)


def test_every_panel_says_what_a_reader_learns(made: dict[str, Any]) -> None:
    assert all(panel["description"].endswith(".") for panel in made["panels"])
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])


def test_dashboards_lead_to_each_other_and_a_model_that_is_not_ready_to_its_own(made: dict[str, Any]) -> None:
    for link in made["links"]:
        assert (link["type"], link["tags"], link["includeVars"]) == ("dashboards", made["tags"], True)
    for address in re.findall(r'"/d/([a-z0-9-]+)', json.dumps(made)):
        assert address in MADE
    assert "/d/e2i-model?" in json.dumps(MADE["e2i-overview"])


def test_the_dashboard_of_the_stack_alone_has_no_links_and_no_marks() -> None:
    """Beside it there is no other to lead to, and no operator that tells of switches."""
    apart = [uid for uid, made in MADE.items() if not made["links"] and not made["annotations"]["list"]]
    assert apart == ["e2i-stack"]
    assert "e2i_" not in json.dumps(queries(MADE["e2i-stack"]))


@pytest.mark.parametrize(("step", "window"), [(30.0, "120s"), (600.0, "630s")])
def test_a_window_grows_with_the_distance_of_the_points(step: float, window: str) -> None:
    assert asked("rate(x[$__rate_interval])", step) == f"rate(x[{window}])"
