"""A dashboard as a page for a picture: its panels with the answers of Prometheus as lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from support.monitoring.boards import Board, Panel

WIDTH, HEIGHT = 560, 150
"""Of a panel's drawing."""
LEFT, TOP, BOTTOM = 80, 8, 22
"""Room for the numbers beside it, and for the times below it."""
PANEL_HEIGHT = 234
COLOURS = ("#1f6fb4", "#d1600b", "#2b8a3e", "#b3261e", "#6f42a8", "#7a5230", "#c2418a", "#4b5563")
MOST_IN_LEGEND = 6
STYLE = """
body { font: 13px/1.35 "DejaVu Sans", sans-serif; margin: 16px; width: 1188px; color: #1b1f24; background: #fff }
h1 { font-size: 19px; margin: 0 } p { margin: 2px 0 12px; color: #57606a }
main { display: grid; grid-template-columns: 1fr 1fr; gap: 12px }
section { border: 1px solid #d0d7de; border-radius: 4px; padding: 8px; height: 216px; overflow: hidden }
h2 { font-size: 14px; margin: 0 0 4px } .number { font-size: 44px; text-align: center; margin-top: 56px }
.number small { display: block; font-size: 13px; color: #57606a }
ul { margin: 2px 0 0; padding: 0 }
li { list-style: none; display: inline-block; margin-right: 14px; font-size: 12px }
i { display: inline-block; width: 12px; height: 3px; margin: 0 5px 3px 0 }
text { font: 11px "DejaVu Sans", sans-serif; fill: #57606a }
polyline { fill: none; stroke-width: 1.6 }
line { stroke: #c9d0d8 }
"""


@dataclass(frozen=True)
class Curve:
    """One series: its name in the legend, and its values by time."""

    name: str
    points: tuple[tuple[float, float], ...]


def page(board: Board, curves: Mapping[str, Sequence[Curve]], span: tuple[float, float]) -> str:
    """Return the page. `curves`: those of each panel, by its title. `span`: begin and end of all time axes."""
    panels = "".join(_panel(panel, curves[panel.title], span) for panel in board.panels)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(board.title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(board.title)}</h1><p>Drawn without Grafana, from the answers of a real "
        f"Prometheus beside the local cluster.</p><main>{panels}</main></html>"
    )


def legend(template: str, labels: Mapping[str, str]) -> str:
    """`{{model}} p95` -> `churn p95`; without a template all labels."""
    if not template:
        return " ".join(value for name, value in sorted(labels.items()) if name != "__name__")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template)


def in_unit(value: float, unit: str) -> str:
    """Return the value with its unit, as Grafana names units: 0.25 percentunit -> 25 %"""
    match unit:
        case "percentunit":
            return f"{_figure(value * 100)} %"
        case "s":
            return f"{_figure(value * 1000)} ms" if abs(value) < 1 else f"{_figure(value)} s"
        case "bytes" | "Bps":
            large = abs(value) >= 1 << 20
            number, named = (value / 2**20, "MiB") if large else (value / 2**10, "KiB")
            return f"{_figure(number)} {named}" + "/s" * (unit == "Bps")
        case "reqps" | "ops":
            return f"{_figure(value)}/s"
    return _figure(value)


def _figure(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _panel(panel: Panel, curves: Sequence[Curve], span: tuple[float, float]) -> str:
    body = _numbers(panel, curves) if panel.is_number else _lines(panel, curves, span)
    return f"<section><h2>{escape(panel.title)}</h2>{body}</section>"


def _numbers(panel: Panel, curves: Sequence[Curve]) -> str:
    """Return the last value of each curve, as large text."""
    shown = (
        f"{in_unit(each.points[-1][1], panel.unit)}<small>{escape(each.name)}</small>" for each in curves[:1]
    )
    return f'<div class="number">{"".join(shown)}</div>'


def _lines(panel: Panel, curves: Sequence[Curve], span: tuple[float, float]) -> str:
    values = [value for curve in curves for _, value in curve.points]
    low, high = min(0.0, *values), max(values)
    high = high if high > low else low + 1
    begin, end = span

    def place(time: float, value: float) -> str:
        x = LEFT + (time - begin) / (end - begin) * (WIDTH - LEFT)
        return f"{x:.1f},{TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM):.1f}"

    drawn = "".join(
        f'<polyline stroke="{colour}" points="{" ".join(place(*point) for point in curve.points)}"/>'
        for curve, colour in zip(curves, _colours(), strict=False)
    )
    axes = _axes(low, high, begin, end, panel.unit)
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{axes}{drawn}</svg>{_legend(curves)}'


def _axes(low: float, high: float, begin: float, end: float, unit: str) -> str:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)
        said = in_unit(low + share * (high - low), unit)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{said}</text>')
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x, moment = LEFT + share * (WIDTH - LEFT), datetime.fromtimestamp(begin + share * (end - begin), UTC)
        lines.append(f'<text x="{x}" y="{HEIGHT - 5}" text-anchor="{anchor}">{moment:%H:%M:%S}</text>')
    return "".join(lines)


def _legend(curves: Sequence[Curve]) -> str:
    items = [
        f'<li><i style="background:{colour}"></i>{escape(curve.name)}</li>'
        for curve, colour in zip(curves, _colours(), strict=False)
        if curve.name
    ]
    more = len(items) - MOST_IN_LEGEND
    return f"<ul>{''.join(items[:MOST_IN_LEGEND])}{f'<li>and {more} more</li>' if more > 0 else ''}</ul>"


def _colours() -> Iterator[str]:
    while True:
        yield from COLOURS
