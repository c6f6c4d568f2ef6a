"""What the dashboard of the stack shows, and when its alerts fire: on played series, by Prometheus' own promtool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.programs import PROJECT, Program, built
from support.monitoring.board_of_stack import STACK
from support.monitoring.panels import asked

from e2i.local.toolchain import PROMTOOL

RULES = PROJECT / "bentos" / "stack" / "rules.yaml"
SHOWN = {panel.title: asked(panel.queries[0][0]) for panel in STACK.panels}
REQUESTS = "bentoml_service_request_total"
SECONDS = "bentoml_service_request_duration_seconds_bucket"
IN_PROGRESS = "bentoml_service_request_in_progress"
PARTS = 1_000_000
"""In which values are compared, as whole numbers: promtool knows no tolerance that would do."""
UP = {"a": 1, "b": 0, "new": 1}
"""One with callers, one that is down, and one that nobody has called yet, but its probes."""


@pytest.fixture(scope="session")
def promtool(say: Callable[[str], None]) -> Program:
    return built(PROMTOOL, say)


def played(failed: float, slow: float) -> dict[str, str]:
    """100 requests in each quarter of a minute, so many of them failed and slow; ten times as many probes."""
    steady = {
        **{f'up{{job="models",service="{name}",bento="{name}:1"}}': f"{up}x80" for name, up in UP.items()},
        f'{IN_PROGRESS}{{service="a",endpoint="/predict"}}': "3x80",
        f'{IN_PROGRESS}{{service="a",endpoint="/metrics"}}': "1x80",
    }
    counted = {
        f'{REQUESTS}{{service="a",endpoint="/predict",http_response_code="200"}}': 100 - failed,
        f'{REQUESTS}{{service="a",endpoint="/readyz",http_response_code="200"}}': 1000,
        f'{REQUESTS}{{service="new",endpoint="/readyz",http_response_code="200"}}': 1000,
        f'{SECONDS}{{service="a",endpoint="/predict",le="0.1"}}': 100 - slow,
        f'{SECONDS}{{service="a",endpoint="/predict",le="0.5"}}': 100,
        f'{SECONDS}{{service="a",endpoint="/predict",le="+Inf"}}': 100,
        f'{SECONDS}{{service="a",endpoint="/readyz",le="0.1"}}': 1000,
        f'{SECONDS}{{service="a",endpoint="/readyz",le="+Inf"}}': 1000,
    }
    if failed:
        counted[f'{REQUESTS}{{service="a",endpoint="/predict",http_response_code="500"}}'] = failed
    return steady | {series: f"0+{more}x80" for series, more in counted.items()}


def looked_at(
    name: str, series: dict[str, str], shown: dict[str, dict[str, float]], minutes: int = 20
) -> dict[str, Any]:
    """Series each 15 seconds, and what panels have to show of them: values by labels."""
    return {
        "name": name,
        "interval": "15s",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"round({PARTS} * ({SHOWN[title]}))",
                "eval_time": f"{minutes}m",
                "exp_samples": [
                    {"labels": labels, "value": round(PARTS * value)} for labels, value in values.items()
                ],
            }
            for title, values in shown.items()
        ],
    }


def by_service(**values: float) -> dict[str, float]:
    return {f'{{service="{name}"}}': value for name, value in values.items()}


def situations() -> Iterator[dict[str, Any]]:
    high_latency = '{alertname="HighLatency",service="a"}'
    high_error_rate = '{alertname="HighErrorRate",service="a"}'
    yield looked_at(
        "nothing fails: zeros instead of empty panels, and no alert",
        played(failed=0, slow=0),
        {
            "Services": by_service(**UP),
            "Requests": by_service(a=100 / 15, b=0, new=0),
            "Failed requests": by_service(a=0, b=0, new=0),
            "Requests in progress": by_service(a=3, b=0, new=0),
            "50 % of requests take less than": by_service(a=0.05),
            "95 % of requests take less than": by_service(a=0.095),
            "99 % of requests take less than": by_service(a=0.099),
            "Alerts that fire": {},
        },
    )
    yield looked_at(
        "just below both bounds",
        played(failed=0.9, slow=4.9),
        {"Failed requests": by_service(a=0.009, b=0, new=0), "Alerts that fire": {}},
    )
    above = played(failed=1.1, slow=52.5)
    yield looked_at(
        "above both: probes, quick and without errors, do not hide it",
        above,
        {
            "Failed requests": by_service(a=0.011, b=0, new=0),
            "95 % of requests take less than": by_service(a=0.1 + 0.4 * 47.5 / 52.5),
            "Alerts that fire": {high_latency: 1, high_error_rate: 1},
        },
    )
    yield looked_at("errors are told first", above, {"Alerts that fire": {high_error_rate: 1}}, minutes=4)


def test_the_dashboard_and_the_alerts_say_what_happens(promtool: Program, tmp_path: Path) -> None:
    body = {"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [*situations()]}
    file = tmp_path / "stack.yaml"
    file.write_text(yaml.safe_dump(body, sort_keys=False))
    promtool("check", "rules", "--lint-fatal", RULES)
    promtool("test", "rules", file)
