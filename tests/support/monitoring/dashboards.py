"""The dashboards as Grafana imports them. tests/support/reference.py writes their JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from support.monitoring.boards import CHOSEN, Board, Panel

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH, HALF = 24, 12
HEIGHT = 8


def dashboard_text(chosen: Board) -> str:
    """Return the dashboard as Grafana imports it."""
    made = (
        board.Dashboard(chosen.title)
        .uid(chosen.uid)
        .tags(["e2i"])
        .refresh("30s")
        .time("now-3h", "now")
        .with_variable(board.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_variable("namespace", "label_values(e2i_model_ready, namespace)"))
        .with_variable(_variable("model", 'label_values(e2i_model_ready{namespace=~"$namespace"}, model)'))
    )
    for panel in chosen.panels:
        made = made.with_panel(_panel(panel))
    body = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    body["annotations"]["list"] = list(_annotations())
    for panel in body["panels"]:
        # The SDK writes null where nothing was chosen.
        panel["options"] = panel["options"] or {}
    return json.dumps(body, indent=2, sort_keys=True) + "\n"


def _variable(name: str, query: str) -> board.QueryVariable:
    return (
        board.QueryVariable(name)
        .label(name)
        .datasource(SOURCE)
        .query(query)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _annotations() -> Iterator[dict[str, Any]]:
    """Return the marks in all panels; the SDK does not know that a value can be the time of one."""
    serving = f'e2i_release_info{{{CHOSEN},role="serving"}}'
    rolled_back = f"e2i_model_rolled_back_timestamp_seconds{{{CHOSEN}}} * 1000"
    for name, expr, colour, by_value in (
        ("Switches", f"{serving} unless {serving} offset 1m", "blue", False),
        ("Rollbacks", rolled_back, "red", True),
    ):
        yield {
            "name": name,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "enable": True,
            "expr": expr,
            "iconColor": colour,
            "step": "60s",
            "titleFormat": f"{name}: {{{{model}}}} {{{{release}}}}",
            "useValueForTime": by_value,
        }


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    made = (stat.Panel() if panel.is_number else timeseries.Panel()).title(panel.title).unit(panel.unit)
    made = made.datasource(SOURCE).span(HALF).height(HEIGHT)
    for number, (expr, legend) in enumerate(panel.queries):
        query = prometheus.Dataquery().expr(expr).ref_id(chr(ord("A") + number))
        made = made.with_target(query.legend_format(legend) if legend else query)
    return made
