"""The OpenAPI document: each model with its own schemas, and references that lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from support.gateways import CUSTOMER, GatewayLab, interface, model


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            else:
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


async def test_each_route_of_each_model_is_there_with_what_it_takes() -> None:
    both = interface("", "/churn_model", "/ltv_model")
    lab = await GatewayLab([model(), model("pair")], {"pair": both}).known()
    document = (await lab.get("/openapi.json")).json
    listed = {path for path in document["paths"] if path.startswith("/api/models/")}
    listed.remove("/api/models/{name}/schema.json")
    routes = ("predict", "predict_batch", "explain")
    own = {
        f"/api/models/{name}/{route}" for name in ("churn", "churn_model", "ltv_model") for route in routes
    }
    assert listed == own | {f"/api/models/pair{path}" for path in both.routes}
    found = document["components"]["schemas"]["churn.predict.input"]
    assert jsonschema_rs.is_valid(found, {"input_data": CUSTOMER})
    assert not jsonschema_rs.is_valid(found, {"input_data": {}})


async def test_every_reference_leads_to_a_schema() -> None:
    lab = await GatewayLab([model(), model("ltv")]).known()
    document = (await lab.get("/openapi.json")).json
    found = {each.removeprefix("#/components/schemas/") for each in references(document)}
    assert found == set(document["components"]["schemas"])


async def test_the_definitions_of_a_schema_are_its_own() -> None:
    nested = {"$ref": "#/$defs/Row", "$defs": {"Row": {"type": "object"}}}
    lab = await GatewayLab([model()], {"churn": interface(row=nested)}).known()
    schemas = (await lab.get("/openapi.json")).json["components"]["schemas"]
    assert schemas["churn.predict.input"]["$id"] == "urn:e2i:churn:predict:input"


async def test_the_page_needs_nothing_from_elsewhere() -> None:
    answer = await (await GatewayLab([model()]).known()).get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "http" not in answer.text
