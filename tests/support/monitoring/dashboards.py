"""The dashboards as Grafana imports them. tests/support/reference.py writes their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from support.monitoring.panels import CHOSEN, LEAST_STEP, Board, Form, Panel

PanelBuilder = stat.Panel | timeseries.Panel | statetimeline.Panel | table.Panel

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT = 8
_NEWER = {"percentChangeColorMode": "standard", "showPercentChange": False, "wideLayout": True}
"""Options of a number that newer schemas ask for, with their defaults; the SDK does not know them."""
TO_MODEL = (
    "/d/e2i-model?${datasource:queryparam}&${__url_time_range}"
    "&var-namespace=${__data.fields.namespace}&var-model=${__data.fields.model}"
)


def dashboard_text(chosen: Board) -> str:
    """Return the dashboard as Grafana imports it."""
    made = (
        board.Dashboard(chosen.title)
        .uid(chosen.uid)
        .tags(["e2i"])
        .readonly()
        .refresh("30s")
        .time("now-3h", "now")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(board.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    if not chosen.stands_alone:
        made = made.link(
            board.DashboardLink("Dashboards of e2i")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["e2i"])
            .include_vars(True)
            .keep_time(True)
        )
    if chosen.is_by_model:
        made = made.with_variable(_variable("namespace", "label_values(e2i_model_ready, namespace)"))
        known = 'label_values(e2i_model_ready{namespace=~"$namespace"}, model)'
        made = made.with_variable(_variable("model", known))
    for number, panel in enumerate(chosen.panels, start=1):
        made = made.with_panel(_panel(panel).id(number))
    body = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    marks = () if chosen.stands_alone else _annotations(f"{CHOSEN}," if chosen.is_by_model else "")
    body["annotations"]["list"] = list(marks)
    body.setdefault("links", [])
    for panel in body["panels"]:
        if panel["type"] == Form.NUMBER.value:
            panel["options"] |= _NEWER
    # The SDK writes what Grafana's schema does not know there.
    del body["style"]
    for variable in body["templating"]["list"]:
        for name in ("id", "auto", "auto_min", "auto_count"):
            del variable[name]
    return json.dumps(body, indent=2, sort_keys=True) + "\n"


def _variable(name: str, query: str) -> board.QueryVariable:
    """A choice of label values: all at first, and asked for anew, because without that Grafana asks never."""
    return (
        board.QueryVariable(name)
        .label(name)
        .datasource(SOURCE)
        .query(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _annotations(selector: str) -> Iterator[dict[str, Any]]:
    """Return the marks in all panels; the SDK does not know that a value can be the time of one.

    Labels of the operator's pod are left out: a restarted operator switches nothing. A switch is seen from the release
    before it, so a first release, or an operator that was away, has no mark.
    """
    serving = f'max by (namespace, model, release) (e2i_release_info{{{selector}role="serving"}})'
    before = serving.replace("})", "} offset 1m)")
    switches = f"{serving} unless {before} and on (namespace, model) {before}"
    rolled_back = f"e2i_model_rolled_back_timestamp_seconds{{{selector.rstrip(',')}}}"
    rollbacks = f"max by (namespace, model, release) ({rolled_back}) * 1000"
    for name, expr, colour, by_value in (
        ("Switches", switches, "blue", False),
        ("Rollbacks", rollbacks, "red", True),
    ):
        yield {
            "name": name,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "enable": True,
            "expr": expr,
            "iconColor": colour,
            "step": "60s",
            # Newer versions ask what is in `target`, older ones what is beside it.
            "target": {"refId": "Anno", "expr": expr, "interval": "60s", "range": True},
            "titleFormat": f"{name}: {{{{model}}}} {{{{release}}}}",
            "useValueForTime": by_value,
        }


def _panel(panel: Panel) -> PanelBuilder:
    made = _FORMS[panel.form](panel).title(panel.title).description(panel.about).unit(panel.unit)
    made = made.datasource(SOURCE).span(panel.width).height(HEIGHT).interval(f"{LEAST_STEP}s")
    if panel.empty:
        made = made.no_value(panel.empty)
    for number, (expr, legend) in enumerate(panel.queries):
        query = prometheus.Dataquery().expr(expr).ref_id(chr(ord("A") + number)).datasource(SOURCE)
        query = query.instant() if panel.form in {Form.NUMBER, Form.TABLE} else query.range()
        if panel.form is Form.TABLE:
            query = query.format(PromQueryFormat.TABLE)
        made = made.with_target(query.legend_format(legend) if legend else query)
    return made


def _lines(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .axis_soft_min(0)
        .fill_opacity(0)
        .legend(_legend(is_shown=True))
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI))
    )
    if panel.is_count:
        made = made.decimals(0).line_interpolation(options.LineInterpolation.STEP_AFTER)
    return made


def _number(panel: Panel) -> stat.Panel:
    """Return the present value, in the colour of its level: Grafana's own default is red from 80 on."""
    return (
        stat.Panel()
        .thresholds(_thresholds(panel))
        .color_scheme(board.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .graph_mode(options.BigValueGraphMode.NONE)
        .color_mode(options.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )


def _states(panel: Panel) -> statetimeline.Panel:
    made = (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(options.VisibilityMode.AUTO)
        .row_height(0.8)
        .legend(_legend(is_shown=False))
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.SINGLE))
    )
    if panel.levels and not panel.levels[0].meaning:
        by_value = board.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)
        return made.thresholds(_thresholds(panel)).color_scheme(by_value)
    fixed = board.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(panel.colour)
    made = made.color_scheme(fixed).decimals(0)
    if panel.levels:
        said = {
            f"{each.least:g}": model.ValueMappingResult(text=each.meaning, color=each.colour, index=number)
            for number, each in enumerate(panel.levels)
        }
        made = made.mappings([model.ValueMap(options=said)])
    for name, colour in panel.colours:
        value = {"mode": "fixed", "fixedColor": colour}
        made = made.override_by_name(name, [model.DynamicConfigValue(id_val="color", value=value)])
    return made


def _table(panel: Panel) -> table.Panel:
    """Return the labels in the order of the columns; the name of a model leads to its dashboard."""
    order = {name: number for number, name in enumerate(panel.columns)}
    chosen = {"excludeByName": {"Time": True, "Value": True}, "indexByName": order, "renameByName": {}}
    link = [{"title": "Its dashboard", "url": TO_MODEL}]
    return (
        table.Panel()
        .show_header(True)
        .with_transformation(model.DataTransformerConfig(id_val="organize", options=chosen))
        .override_by_name("model", [model.DynamicConfigValue(id_val="links", value=link)])
    )


_FORMS: dict[Form, Callable[[Panel], PanelBuilder]] = {
    Form.LINES: _lines,
    Form.NUMBER: _number,
    Form.STATES: _states,
    Form.TABLE: _table,
}


def _legend(*, is_shown: bool) -> common.VizLegendOptions:
    made = common.VizLegendOptions().display_mode(options.LegendDisplayMode.LIST)
    return made.placement(options.LegendPlacement.BOTTOM).show_legend(is_shown).calcs([])


def _thresholds(panel: Panel) -> board.ThresholdsConfig:
    """Return the levels; Grafana wants the first to have no lower end."""
    ends = [None if number == 0 else each.least for number, each in enumerate(panel.levels)]
    steps = [
        model.Threshold(value=end, color=each.colour) for end, each in zip(ends, panel.levels, strict=True)
    ]
    return board.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
