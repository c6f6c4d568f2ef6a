"""The pictures of the dashboards: each is there and small, and its page says how it was drawn."""

from __future__ import annotations

import re

import pytest
from deploy.programs import PROJECT
from support.monitoring.board_of_stack import STACK
from support.monitoring.boards import BOARDS
from support.monitoring.panels import Board, Form, Level, Panel
from support.monitoring.picture_page import page
from support.monitoring.picture_panels import Curve, Span, drawn, in_unit, legend

PICTURES = PROJECT / "docs" / "pictures"
LARGEST = 60_000
PAGES = dict.fromkeys(BOARDS, "monitoring.md") | {STACK: "stack.md"}
SPAN = Span(0.0, 60.0, 10.0)


@pytest.mark.parametrize("board", PAGES, ids=lambda board: board.uid)
def test_each_dashboard_has_a_small_picture_in_the_page(board: Board) -> None:
    """If not: the pages have the command."""
    assert 0 < (PICTURES / f"{board.uid}.png").stat().st_size <= LARGEST
    assert f"(../pictures/{board.uid}.png)" in (PROJECT / "docs" / "howto" / PAGES[board]).read_text()


@pytest.mark.parametrize("board", PAGES, ids=lambda board: board.uid)
def test_the_page_has_every_panel_and_says_that_grafana_had_no_part_in_it(board: Board) -> None:
    curve = Curve("<churn>", ((1.0, 0.0), (2.0, 0.5)))
    text = page(board, {panel.title: [curve] for panel in board.panels}, SPAN)
    assert "Drawn without Grafana" in text
    assert text.count("<section ") == len(board.panels)
    assert "<churn>" not in text


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.251, "percentunit", "25.1 %"),
        (0.0123, "s", "12.3 ms"),
        (75.0, "s", "75 s"),
        (3 << 20, "bytes", "3 MiB"),
        (3 << 10, "Bps", "3 KiB/s"),
        (0.0, "Bps", "0 B/s"),
        (9.5, "reqps", "9.5/s"),
        (4.0, "short", "4"),
        (1200.0, "short", "1200"),
    ],
)
def test_values_have_their_unit(value: float, unit: str, shown: str) -> None:
    assert in_unit(value, unit) == shown


def test_a_legend_is_filled_in_with_labels() -> None:
    labels = {"__name__": "x", "model": "churn", "reason": "Ready"}
    assert legend("{{model}} p95 {{absent}}", labels) == "churn p95 "
    assert legend("", labels) == "churn Ready"


def test_a_line_has_a_gap_where_nothing_was_there() -> None:
    curve = Curve("churn", ((0.0, 1.0), (10.0, 1.0), (40.0, 1.0), (50.0, 1.0)))
    assert drawn(Panel("Ready", ()), [curve], SPAN).count("<polyline") == 2


def test_a_count_jumps_and_has_no_half_on_its_scale() -> None:
    curve = Curve("Served", ((0.0, 0.0), (10.0, 1.0)))
    text = drawn(Panel("Releases", (), is_count=True), [curve], SPAN)
    (points,) = re.findall('points="([^"]*)"', text)
    assert len(points.split()) == 3, "along, and up"
    assert ">0.5<" not in text


def test_states_are_coloured_while_they_last_and_say_what_they_mean() -> None:
    levels = (Level(0, "green", "closed"), Level(1, "orange", "half open"), Level(2, "red", "open"))
    panel = Panel("Circuits", (), form=Form.STATES, levels=levels)
    curve = Curve("churn", tuple((at * 10.0, 0.0 if at < 3 else 2.0) for at in range(6)))
    text = drawn(panel, [curve], SPAN)
    assert text.count("<rect") == 2
    assert re.findall('<text class="in"[^>]*>([^<]*)<', text) == ["closed", "open"]


def test_a_state_without_a_word_is_named_by_its_bounds() -> None:
    panel = Panel("Watches", (), "s", form=Form.STATES, levels=(Level(0, "green"), Level(600, "red")))
    curve = Curve("Pod", ((0.0, 5.0), (10.0, 30.0), (20.0, 700.0), (30.0, 710.0), (40.0, 720.0)))
    said = re.findall('<text class="in"[^>]*>([^<]*)<', drawn(panel, [curve], SPAN))
    assert said == ["&lt; 600 s", "600 s+"], "the age changes, what it means does not"


def test_a_table_names_what_is_there() -> None:
    panel = Panel("Not Ready", (), form=Form.TABLE, columns=("model", "reason"))
    text = drawn(panel, [Curve("", ((0.0, 0.0),), {"model": "churn", "reason": "<BuildFailed>"})], SPAN)
    assert '<td class="model">churn</td>' in text
    assert "&lt;BuildFailed&gt;" in text
