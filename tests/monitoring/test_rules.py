"""The rules, by Prometheus' own promtool: each alert fires, is silent just below its bound, and resolves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.programs import PROJECT, Program, built
from support.monitoring import rules
from support.monitoring.alert_cases import ABSENT, Case, Values, cases
from support.monitoring.alerts import Alert, alerts
from support.monitoring.windows import seconds

from e2i.controller.core.metrics.catalog import METRICS
from e2i.gateway.edge.metrics import LABELS
from e2i.local.toolchain import PROMTOOL

RULES = PROJECT / "manifests" / "monitoring" / "rules.yaml"
RUNBOOK = PROJECT / "docs" / "runbook" / "alerts.md"
NAMES = sorted({alert.name for alert in alerts()})


@pytest.fixture(scope="session")
def promtool(say: Callable[[str], None]) -> Program:
    return built(PROMTOOL, say)


def test_the_rules_can_be_read(promtool: Program) -> None:
    promtool("check", "rules", "--lint-fatal", RULES)


def test_every_alert_does_what_it_should(promtool: Program, tmp_path: Path) -> None:
    """With the alert's own rules alone: all rules for each case would take minutes."""
    files = []
    for number, case in enumerate(cases()):
        alone = tmp_path / f"{number}-rules.yaml"
        alone.write_text(yaml.safe_dump({"groups": [{"name": "alone", "rules": rules_for(case)}]}))
        body = {"rule_files": [str(alone)], "evaluation_interval": case.every, "tests": [*looks_at(case)]}
        files.append(tmp_path / f"{number}-{case.alert}.yaml")
        files[-1].write_text(yaml.safe_dump(body, sort_keys=False))
    promtool("test", "rules", *files)


def rules_for(case: Case) -> list[dict[str, Any]]:
    """The alert's rule, and those before it that it needs."""
    recorded, told = (group["rules"] for group in yaml.safe_load(RULES.read_text())["groups"])
    found = [rule for rule in told if rule["alert"] == case.alert and is_meant(rule["labels"], case)]
    assert len(found) == 1
    for rule in reversed(recorded):
        if any(re.search(rf"{rule['record']}\b", each["expr"]) for each in found):
            found.insert(0, rule)
    return found


def is_meant(labels: Mapping[str, str], case: Case) -> bool:
    window = labels.get("long_window")
    return window is None or case.labels == f'long_window="{window}"'


def looks_at(case: Case) -> Iterator[dict[str, Any]]:
    """It fires, but not before its time; is silent just below; resolves; and without its series."""
    (alert,) = {each for each in alerts() if each.name == case.alert and is_meant(dict(each.labels), case)}
    end, last = case.steps, 2 * case.steps + 1
    hold = steps_of(alert, case)
    early = [(hold - 1, 0)] if hold > 1 else []
    yield one_test(
        f"{case.alert} fires, and resolves", case, case.bad, case.good, [*early, (end, 1), (last, 0)]
    )
    yield one_test(f"{case.alert} is silent just below its bound", case, case.good, case.good, [(end, 0)])
    nothing = {"up": "1"}
    fires = int(case.fires_when_absent)
    yield one_test(f"{case.alert} without its series", case, nothing, nothing, [(end, fires)])


def steps_of(alert: Alert, case: Case) -> int:
    """The samples during which it is pending, for sure."""
    return seconds(alert.hold[1:]) // seconds(case.every) if alert.hold else 0


def one_test(
    name: str, case: Case, first: Values, then: Values, looks: list[tuple[int, int]]
) -> dict[str, Any]:
    alert = f'ALERTS{{alertname="{case.alert}",alertstate="firing"{"," * bool(case.labels)}{case.labels}}}'
    step = seconds(case.every)
    return {
        "name": name,
        "interval": case.every,
        "input_series": [
            {
                "series": series,
                "values": f"{notation(value, case.steps)} {notation(then[series], case.steps)}",
            }
            for series, value in first.items()
        ],
        "promql_expr_test": [
            {
                "expr": f"count({alert}) or vector(0)",
                "eval_time": f"{at * step}s",
                "exp_samples": [{"labels": "{}", "value": firing}],
            }
            for at, firing in looks
        ],
    }


def notation(value: str, steps: int) -> str:
    """3 -> 3x59, +3 -> 0+3x59"""
    return f"{'0' * value.startswith('+')}{value}x{steps if value != ABSENT else steps + 1}"


def test_each_alert_has_a_case() -> None:
    assert {case.alert for case in cases()} == set(NAMES)


def test_each_alert_fires_for_its_real_reason_in_a_live_test() -> None:
    text = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*live*.py"))
    assert set(re.findall(r'"(E2I[A-Z][a-z]\w+)"', text)) == set(NAMES)


def test_the_files_are_those_of_the_tables() -> None:
    """If not: tests/support/reference.py --write"""
    assert RULES.read_text() == rules.rules_text()


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_its_page_in_the_runbook(name: str) -> None:
    _, _, section = RUNBOOK.read_text().partition(f"\n## {name}\n")
    section = section.partition("\n## ")[0]
    for part in ("**Meaning.**", "**Impact.**", "**Diagnosis.**", "**Mitigation.**"):
        assert part in section, f"{name} has no {part} in {RUNBOOK.name}"


def test_each_alert_leads_to_its_page() -> None:
    for group in rules.groups()["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                assert rule["annotations"]["runbook_url"].endswith(f"alerts.md#{rule['alert'].lower()}")
                assert rule["labels"]["severity"] in ("critical", "warning")


def test_every_metric_of_a_rule_is_one_of_the_operator_or_of_bentoml() -> None:
    text = RULES.read_text()
    known = {metric.name for metric in METRICS} | {"bentoml_service_request_total"}
    known |= {"bentoml_service_request_duration_seconds_bucket", "e2i_captured_rows_total"}
    known |= {f"{name}{end}" for name in LABELS for end in ("", "_total")}
    used = set(
        re.findall(r"\b(?:e2i|controller_runtime|workqueue|leader_election|bentoml|rest_client)_\w+\b", text)
    )
    recorded = {name.partition(":")[2].partition(":")[0] for name in re.findall(r"\w+:\w+:\w+", text)}
    assert used - recorded <= known
