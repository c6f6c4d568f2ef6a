"""A dashboard as a page for a picture: its panels with the answers of Prometheus. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from support.monitoring.panels import Board
from support.monitoring.picture_panels import Curve, Span, drawn

PANEL_HEIGHT, BETWEEN = 272, 12
COLUMNS = 24
"""Of the grid in which a panel has its width."""
STYLE = f"""
body {{ font: 13px/1.35 "DejaVu Sans", sans-serif; margin: 16px; width: 1188px; color: #1b1f24; background: #fff }}
h1 {{ font-size: 19px; margin: 0 }} p {{ margin: 2px 0 12px; color: #57606a }}
main {{ display: grid; grid-template-columns: repeat({COLUMNS}, 1fr); column-gap: 0; row-gap: {BETWEEN}px }}
section {{ border: 1px solid #d0d7de; border-radius: 4px; padding: 8px; margin: 0 {BETWEEN // 2}px;
  height: {PANEL_HEIGHT - 18}px; overflow: hidden }}
h2 {{ font-size: 14px; margin: 0 0 4px }}
.number {{ font-size: 44px; text-align: center; margin-top: 60px; display: flex; justify-content: space-evenly }}
.number small {{ display: block; font-size: 13px; color: #57606a }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: 4px 8px; border-bottom: 1px solid #d0d7de }}
td.model {{ color: #0a58ca; text-decoration: underline }}
ul {{ margin: 2px 0 0; padding: 0 }}
li {{ list-style: none; display: inline-block; margin-right: 14px; font-size: 12px }}
i {{ display: inline-block; width: 12px; height: 3px; margin: 0 5px 3px 0 }}
text {{ font: 11px "DejaVu Sans", sans-serif; fill: #57606a }} text.in {{ fill: #fff }}
polyline {{ fill: none; stroke-width: 1.6 }}
line {{ stroke: #c9d0d8 }}
"""


def page(board: Board, curves: Mapping[str, Sequence[Curve]], span: Span) -> str:
    """Return the page. `curves`: those of each panel, by its title."""
    panels = "".join(
        f'<section style="grid-column: span {panel.width}"><h2>{escape(panel.title)}</h2>'
        f"{drawn(panel, curves[panel.title], span)}</section>"
        for panel in board.panels
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(board.title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(board.title)}</h1><p>Drawn without Grafana, from the answers of a real "
        f"Prometheus beside the local cluster.</p><main>{panels}</main></html>"
    )


def height(board: Board) -> int:
    """Return the height of the panels and what is between them."""
    rows = -(-sum(panel.width for panel in board.panels) // COLUMNS)
    return rows * (PANEL_HEIGHT + BETWEEN)
