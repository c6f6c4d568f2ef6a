"""What a team does with its own models, and what the callers of another team's models notice of it: nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from support.gateways import CUSTOMER, LEAVES, GatewayLab, interface, model, schema

from e2i.gateway.core.access import key_digest, parse_access
from e2i.gateway.core.interface import parse_interface
from e2i.gateway.core.schema_cost import MOST_PATTERNS, NotBounded, cost_of

BODY = {"input_data": CUSTOMER}
RISK = {"X-Api-Key": "risk-key"}
ACCESS = parse_access({"keys": [{"name": "risk", "sha256": key_digest("risk-key"), "models": ["risk/*"]}]})


async def lab(*of_others: Any, **interfaces: Any) -> GatewayLab:
    """The model risk/churn, whose callers have a key for the namespace risk, and models of another team."""
    return await GatewayLab([model("churn", "risk"), *of_others], interfaces, access=ACCESS).known()


async def test_a_model_of_the_same_name_takes_the_name_from_nobody_who_may_not_ask_it() -> None:
    found = await lab(model("churn", "evil"))
    for path in ("/churn/predict", "/api/predict?model=churn", "/api/predict"):
        assert (await found.post(path, BODY, RISK)).json == LEAVES
    assert {sent.model for sent in found.upstream.sent} == {"risk/churn"}
    shown = (await found.get("/api/models", **RISK)).json["models"]
    assert [(each["name"], each["model"]) for each in shown] == [("churn", "risk/churn")]
    assert "/api/models/churn/predict" in (await found.get("/openapi.json", **RISK)).json["paths"]
    assert (await found.get("/v2/models/churn/ready", **RISK)).status == 200


async def test_of_a_model_of_others_it_is_only_told_that_it_may_not_be_asked() -> None:
    found = await lab(model("ltv", "evil"), model("ltv", "other"))
    answer = await found.post("/ltv/predict", BODY, RISK)
    assert (answer.status, answer.json["reason"]) == (403, "NotPermitted")
    assert "evil" not in answer.text


async def test_a_model_in_a_bento_gets_no_requests_by_the_name_of_one_of_another_namespace() -> None:
    found = await GatewayLab([model("pair", "evil")], {"pair": interface("/risk.gone", "/other")}).known()
    assert (await found.post("/risk.gone/predict", BODY)).status == 404
    assert (await found.post("/other/predict", BODY)).status == 200
    assert [sent.path for sent in found.upstream.sent] == ["/other/predict"]


async def test_a_model_in_a_bento_keeps_its_name_for_those_who_may_ask_it() -> None:
    found = await lab(model("scores", "evil"), churn=interface("/scores", "/other"))
    assert (await found.post("/scores/predict", BODY, RISK)).status == 200
    assert [(sent.model, sent.path) for sent in found.upstream.sent] == [("risk/churn", "/scores/predict")]


async def test_the_metrics_name_all_models_so_only_a_key_of_all_shows_them() -> None:
    found = await lab(model("secret", "evil"))
    answer = await found.get("/metrics", **RISK)
    assert (answer.status, answer.json["reason"], "evil" in answer.text) == (403, "NotPermitted", False)
    everything = await GatewayLab([model("secret", "evil")]).known()
    await everything.post("/secret/predict", BODY)
    assert "evil/secret" in (await everything.get("/metrics")).text


def doubling(times: int) -> dict[str, Any]:
    """Each part looks twice at what the next one looks at."""
    parts: dict[str, Any] = {
        f"a{number}": {"allOf": [{"$ref": f"#/$defs/a{number + 1}"}] * 2} for number in range(times)
    }
    return {"$defs": {**parts, f"a{times}": {"type": "object"}}, "$ref": "#/$defs/a0"}


ENDLESS: dict[str, Any] = {
    "$defs": {"a": {"anyOf": [{"properties": {"x": {"$ref": "#/$defs/a"}}}] * 2}},
    "$ref": "#/$defs/a",
}
HOSTILE = {
    "doubled sixty times": doubling(60),
    "recursive": ENDLESS,
    "recursive in its own address": {"$defs": {"a": {}}, "allOf": [{**ENDLESS, "$id": "urn:a"}]},
    "dynamic": {"$dynamicAnchor": "a", "properties": {"x": {"$dynamicRef": "#a"}}},
    "many patterns": {"patternProperties": {f"\\w{{300}}{n}": {} for n in range(MOST_PATTERNS + 1)}},
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
async def test_a_schema_that_may_take_for_ever_checks_nothing(hostile: dict[str, Any]) -> None:
    route = parse_interface({"routes": [{"route": "/predict", "input": hostile}]}).routes["/predict"]
    assert route.check is None or route.cost > 10**15
    before = time.thread_time()
    assert route.require_valid(b'{"x": {"x": {}}}') == {"x": {"x": {}}}
    assert time.thread_time() - before < 10


def test_a_schema_nested_deeper_than_any_model_s_checks_nothing() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"not": deep}
    with pytest.raises(NotBounded, match="nested"):
        cost_of(deep)


@pytest.mark.parametrize(
    ("part", "cost"),
    [
        ({}, 1),
        ({"type": "number"}, 1),
        ({"enum": ["a", "b"]}, 3),
        ({"properties": {"a": {}, "b": {"enum": ["x"]}}}, 3),
        ({"items": {"anyOf": [{}, {}]}}, 4),
        ({"prefixItems": [{}, {"not": {}}], "contains": {}}, 4),
        ({"patternProperties": {"a": {}, "b": {}}, "additionalProperties": {}}, 4),
        (doubling(3), 30),
    ],
)
def test_the_cost_of_a_schema_is_how_many_look_at_one_value(part: dict[str, Any], cost: int) -> None:
    assert cost_of(part) == cost


async def test_the_schema_of_a_packaged_model_is_checked_as_before() -> None:
    route = parse_interface(schema()).routes["/predict_batch"]
    assert route.check is not None
    assert 0 < route.cost < 20
