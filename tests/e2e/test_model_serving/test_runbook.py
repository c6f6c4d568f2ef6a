"""The requests of the runbook, sent to a running stack: `make stack`, or docker compose.

BENTOML_SERVICE_URL=http://localhost:3001 PROMETHEUS_URL=http://localhost:9090 pytest tests/e2e/test_model_serving
"""

from __future__ import annotations

import math
import os
from functools import partial
from typing import Any

import httpx
import pytest
from support.monitoring.board_of_stack import NONE, STACK
from support.monitoring.panels import asked
from support.prometheus import ask

from e2i.polling import poll

from .conftest import Addresses

# Without a running stack one has to be started, with six models to train.
pytestmark = [] if os.environ.get("BENTOML_SERVICE_URL") else [pytest.mark.deep]

CUSTOMER = {
    "tenure_months": 3,
    "monthly_charge": 95.0,
    "support_calls": 8,
    "contract": "month_to_month",
    "autopay": False,
}


def post(stack: Addresses, path: str, body: Any) -> httpx.Response:
    return httpx.post(f"{stack.service}{path}", json=body, timeout=30)


def test_the_service_says_that_it_is_alive_and_ready(stack: Addresses) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        assert httpx.get(f"{stack.service}{path}", timeout=30).status_code == 200, path


def test_the_detailed_health_names_every_model(stack: Addresses) -> None:
    answer = post(stack, "/health", {}).json()
    assert answer["status"] == "healthy"
    assert {tag.split(":")[0]: state for tag, state in answer["models"].items()} == {
        "churn_model": "ready",
        "conversion_model": "ready",
    }


def test_each_model_says_what_it_is(stack: Addresses) -> None:
    assert set(post(stack, "/model_info", {}).json()) == {"churn_model", "conversion_model"}


def test_the_generic_route_is_that_of_the_first_model(stack: Addresses) -> None:
    body = {"input_data": CUSTOMER}
    answers = [post(stack, path, body).json() for path in ("/predict", "/churn_model/predict")]
    assert answers[0] == answers[1]
    assert answers[0]["label"] in ("leaves", "stays")


def test_an_explanation_adds_up_to_what_it_explains(stack: Addresses) -> None:
    answer = post(stack, "/churn_model/explain", {"input_data": CUSTOMER}).json()
    total = answer["base_value"] + sum(answer["contributions"].values())
    assert total == pytest.approx(answer["value"], abs=1e-6)


def test_a_body_without_input_data_is_refused_and_the_field_is_named(stack: Addresses) -> None:
    answer = post(stack, "/churn_model/predict", CUSTOMER)
    assert answer.status_code == 400
    assert "input_data" in answer.text


def test_an_unknown_model_is_not_found(stack: Addresses) -> None:
    assert post(stack, "/nobodys_model/predict", {"input_data": CUSTOMER}).status_code == 404


def test_prometheus_counts_the_requests_by_route_and_status(stack: Addresses) -> None:
    if not stack.prometheus:
        pytest.skip("PROMETHEUS_URL is not set")
    assert post(stack, "/churn_model/predict", {"input_data": CUSTOMER}).status_code == 200
    query = 'bentoml_service_request_total{endpoint="/churn_model/predict", http_response_code="200"}'
    url = f"{stack.prometheus}/api/v1/query"

    def counted() -> list[Any]:
        found: list[Any] = httpx.get(url, params={"query": query}, timeout=30).json()["data"]["result"]
        return found

    assert poll(lambda: bool(counted()), within=120, every=1)


def test_the_dashboard_shows_the_service_in_every_panel(stack: Addresses) -> None:
    """tests/monitoring/test_board_of_stack.py has alerts and failed requests, which there are not in a sound stack."""
    if not stack.prometheus:
        pytest.skip("PROMETHEUS_URL is not set")
    shown = {panel.title: panel.queries[0][0] for panel in STACK.panels}
    failed = shown.pop("Failed requests")
    del shown["Alerts that fire"]

    def has_data(query: str) -> bool:
        assert post(stack, "/churn_model/predict", {"input_data": CUSTOMER}).status_code == 200
        # Without what stands there where nothing was counted: that would also hide a wrong name of a metric.
        return "classification-service" in values(stack, query.removesuffix(NONE))

    for title, query in shown.items():
        assert poll(partial(has_data, query), within=120, every=1), f"{title}: {query}"
    assert values(stack, failed).keys() == values(stack, shown["Services"]).keys()


def values(stack: Addresses, query: str) -> dict[str, float]:
    """What the panel shows of each service; it shows nothing where the answer is no number."""
    found = {
        each["metric"]["service"]: float(each["value"][1]) for each in ask(stack.prometheus, asked(query))
    }
    return {service: value for service, value in found.items() if not math.isnan(value)}
