"""Draws the dashboards from the answers of a Prometheus with traffic, by a browser.

    PYTHONPATH=tests .venv/bin/python -m support.monitoring.pictures http://127.0.0.1:21008 --minutes 15

A panel without a series is an error: a picture of it would promise nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image
from support.monitoring.board_of_stack import STACK
from support.monitoring.boards import BOARDS
from support.monitoring.panels import LEAST_STEP, Board, Form, Panel, asked
from support.monitoring.picture_page import height, page
from support.monitoring.picture_panels import Curve, Span, legend

PROJECT = Path(__file__).resolve().parents[3]
BROWSER = "chromium"
WIDTH, AROUND = 1220, 86
"""Of the picture, and the height of what is around the panels."""
POINTS = 150
SHADES = 128
"""Colours of the picture: lines and text need no more, and the file is a third."""


class EmptyPanel(Exception):
    """A panel's query gives no series."""


def curves(url: str, panel: Panel, span: Span) -> list[Curve]:
    """Ask Prometheus for the panel's queries, over the span or at its end."""
    found = [curve for query, named in panel.queries for curve in _answers(url, panel, query, named, span)]
    if not found:
        raise EmptyPanel(f"{panel.title}: no series in that time for {panel.queries[0][0]}")
    return found


def _answers(url: str, panel: Panel, query: str, named: str, span: Span) -> list[Curve]:
    is_present = panel.form in {Form.NUMBER, Form.TABLE}
    given = {"query": asked(query, span.step)}
    if is_present:
        given["time"] = f"{span.end}"
    else:
        given |= {"start": f"{span.begin}", "end": f"{span.end}", "step": f"{span.step}"}
    address = f"{url}/api/v1/query{'' if is_present else '_range'}?{urllib.parse.urlencode(given)}"
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - the address is the caller's
        series: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    made = (
        Curve(
            legend(named, each["metric"]),
            tuple(
                (float(at), float(value))
                for at, value in ([each["value"]] if is_present else each["values"])
                if value != "NaN"
            ),
            each["metric"],
        )
        for each in series
    )
    return [curve for curve in made if curve.points]


def draw(url: str, board: Board, minutes: float, into: Path) -> Path:
    """Draw one dashboard; return the picture."""
    step = max(LEAST_STEP, minutes * 60 / POINTS)
    end = time.time() // step * step
    span = Span(end - minutes * 60, end, step)
    html = page(board, {panel.title: curves(url, panel, span) for panel in board.panels}, span)
    picture = into / f"{board.uid}.png"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(html)
        # It runs as root in containers, where its sandbox cannot be made; the page is our own.
        argv = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        argv += [
            f"--user-data-dir={folder}/profile",
            f"--window-size={WIDTH},{AROUND + height(board)}",
            f"--screenshot={picture}",
        ]
        subprocess.run([*argv, file.as_uri()], check=True, capture_output=True, timeout=120)
    with Image.open(picture) as drawn:
        drawn.convert("RGB").quantize(SHADES, Image.Quantize.FASTOCTREE).save(picture, optimize=True)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument(
        "--board", default="", help="a part of its uid, e2i-stack too; those of the operator without"
    )
    parser.add_argument("--into", type=Path, default=PROJECT / "docs" / "pictures")
    given = parser.parse_args()
    for board in [each for each in (*BOARDS, STACK) if given.board in each.uid] if given.board else BOARDS:
        try:
            print(draw(given.url, board, given.minutes, given.into))  # noqa: T201
        except EmptyPanel as error:
            sys.exit(f"{board.title}: {error}")


if __name__ == "__main__":
    main()
