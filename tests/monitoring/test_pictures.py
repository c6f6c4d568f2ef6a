"""The pictures of the dashboards: each is there and small, and its page says how it was drawn."""

from __future__ import annotations

import pytest
from deploy.programs import PROJECT
from support.monitoring.boards import BOARDS, Board
from support.monitoring.picture_page import Curve, in_unit, legend, page

PICTURES = PROJECT / "docs" / "pictures"
LARGEST = 60_000


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_each_dashboard_has_a_small_picture_in_the_page(board: Board) -> None:
    """If not: docs/howto/monitoring.md has the command."""
    assert 0 < (PICTURES / f"{board.uid}.png").stat().st_size <= LARGEST
    assert f"(../pictures/{board.uid}.png)" in (PROJECT / "docs" / "howto" / "monitoring.md").read_text()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_page_has_every_panel_and_says_that_grafana_had_no_part_in_it(board: Board) -> None:
    curve = Curve("<churn>", ((1.0, 0.0), (2.0, 0.5)))
    text = page(board, {panel.title: [curve] for panel in board.panels}, (0.0, 60.0))
    assert "Drawn without Grafana" in text
    assert text.count("<section>") == len(board.panels)
    assert "<churn>" not in text


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.251, "percentunit", "25.1 %"),
        (0.0123, "s", "12.3 ms"),
        (75.0, "s", "75 s"),
        (3 << 20, "bytes", "3 MiB"),
        (3 << 10, "Bps", "3 KiB/s"),
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
