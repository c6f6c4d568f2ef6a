"""The Open Inference Protocol: tensors to rows, and answers to tensors."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from support.gateways import LEAVES, GatewayLab, Given, interface, model

from e2i.gateway.core.models import State


def tensor(name: str, datatype: str, *values: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(values)], "data": list(values)} | more


ROWS = [
    tensor("tenure_months", "INT64", 3, 4),
    tensor("charge", "FP64", 95.0, 20.5, shape=[2, 1], data=[[95.0], [20.5]]),
    tensor("contract", "BYTES", "monthly", "yearly"),
]
STAYS = LEAVES | {"label": "stays", "probabilities": {"leaves": 0.2, "stays": 0.8}}


async def lab() -> GatewayLab:
    found = await GatewayLab([model()]).known()
    found.upstream.answer = lambda sent: Given(body=json.dumps([LEAVES, STAYS]).encode())
    return found


async def infer(gateway: GatewayLab, **request: Any) -> Any:
    return await gateway.post("/v2/models/churn/infer", request)


async def test_each_element_is_a_row_of_one_batch() -> None:
    gateway = await lab()
    answer = await infer(gateway, id="7", inputs=ROWS)
    (sent,) = gateway.upstream.sent
    assert sent.path == "/predict_batch"
    assert sent.body["input_data"] == [
        {"tenure_months": 3, "charge": 95.0, "contract": "monthly"},
        {"tenure_months": 4, "charge": 20.5, "contract": "yearly"},
    ]
    assert answer.status == 200
    assert answer.json == {
        "id": "7",
        "model_name": "churn",
        "model_version": "1.0.0",
        "parameters": {"model": "churn:1.0.0", "bento": "churn:1.0.0"},
        "outputs": [
            tensor("label", "BYTES", "leaves", "stays"),
            tensor("probabilities.leaves", "FP64", 0.9, 0.2),
            tensor("probabilities.stays", "FP64", 0.1, 0.8),
        ],
    }


async def test_the_caller_gets_the_outputs_that_it_wants() -> None:
    answer = await infer(await lab(), inputs=ROWS, outputs=[{"name": "label"}])
    assert [each["name"] for each in answer.json["outputs"]] == ["label"]
    answer = await infer(await lab(), inputs=ROWS, outputs=[{"name": "score"}])
    assert (answer.status, answer.json["field"]) == (400, "outputs")
    assert "it answers label, probabilities.leaves" in answer.json["error"]


async def test_inputs_may_be_binary() -> None:
    gateway = await lab()
    texts = b"".join(struct.pack("<I", len(text)) + text for text in (b"monthly", b"yearly"))
    parts = [struct.pack("<2q", 3, 4), struct.pack("<2d", 95.0, 20.5), texts]
    inputs = [
        {key: value for key, value in each.items() if key != "data"}
        | {"parameters": {"binary_data_size": len(part)}}
        for each, part in zip(ROWS, parts, strict=True)
    ]
    head = json.dumps({"inputs": inputs}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = await gateway.post("/v2/models/churn/infer", head + b"".join(parts), headers)
    assert answer.status == 200
    assert gateway.upstream.sent[0].body["input_data"][1] == {
        "tenure_months": 4,
        "charge": 20.5,
        "contract": "yearly",
    }


@pytest.mark.parametrize(
    ("inputs", "field", "words"),
    [
        ([], "inputs", "the list is empty"),
        ({}, "inputs", "no list of inputs"),
        ([{"datatype": "INT64"}], "inputs", "has no name"),
        ([tensor("age", "INT64", 3)], "inputs.age", "has no such feature; it has tenure_months, charge"),
        ([tensor("charge", "FP128", 3)], "inputs.charge", "datatype 'FP128' is none of BOOL"),
        ([tensor("charge", "FP64", 3, shape=[2])], "inputs.charge", "asks for 2 values, and there are 1"),
        ([tensor("charge", "FP64", 3, shape=[1, 2])], "inputs.charge", "is no column"),
        ([tensor("charge", "FP64", 3, shape="1")], "inputs.charge", "shape must be a list of sizes"),
        ([tensor("charge", "FP64")], "inputs", "they have no row"),
        ([tensor("charge", "FP64", 3)] * 2, "inputs.charge", "it is there twice"),
        ([*ROWS[:2], tensor("contract", "BYTES", "monthly")], "inputs", "different numbers of rows"),
        (
            [tensor("charge", "FP64", 3, parameters={"binary_data_size": 8})],
            "inputs.charge",
            "more than the body has",
        ),
    ],
)
async def test_tensors_that_are_no_rows(inputs: Any, field: str, words: str) -> None:
    gateway = await lab()
    answer = await infer(gateway, inputs=inputs)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert words in answer.json["error"]
    assert not gateway.upstream.sent


@pytest.mark.parametrize("length", ["-1", "9999", "x"])
async def test_a_length_that_the_body_has_not(length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    answer = await (await lab()).post("/v2/models/churn/infer", {"inputs": ROWS}, headers)
    assert (answer.status, answer.json["field"]) == (400, "inference-header-content-length")


async def test_a_row_that_the_model_does_not_take_is_refused_with_its_place() -> None:
    gateway = await lab()
    answer = await infer(gateway, inputs=ROWS[:2])
    assert (answer.status, answer.json["field"]) == (400, "input_data.0.contract")
    # NaN is how binary numbers say that there is none.
    number = tensor("charge", "FP64", shape=[2], parameters={"binary_data_size": 16})
    head = json.dumps({"inputs": [ROWS[0], ROWS[2], {k: v for k, v in number.items() if k != "data"}]})
    headers = {"Inference-Header-Content-Length": str(len(head))}
    body = head.encode() + struct.pack("<2d", 1.0, float("nan"))
    answer = await gateway.post("/v2/models/churn/infer", body, headers)
    assert (answer.status, answer.json["field"]) == (400, "input_data.1.charge")
    assert not gateway.upstream.sent


async def test_what_the_model_says_of_the_rows_comes_back() -> None:
    gateway = await lab()
    gateway.upstream.answer = lambda sent: Given(503, b'{"error": "it starts"}')
    answer = await infer(gateway, inputs=ROWS)
    assert (answer.status, answer.json) == (503, {"error": "it starts"})


async def test_an_answer_that_is_no_table_is_the_models_failure() -> None:
    gateway = await lab()
    for body in (b"3", b"<html>", b"[{}]", b'[{"a": [1]}, {"a": [2]}]'):
        gateway.upstream.answer = lambda sent, body=body: Given(body=body)  # type: ignore[misc]
        answer = await infer(gateway, inputs=ROWS)
        assert (answer.status, answer.json["reason"]) == (502, "ModelFailed")


async def test_metadata_names_inputs_and_outputs() -> None:
    gateway = await lab()
    assert (await gateway.get("/v2")).json["name"] == "e2i-gateway"
    answer = (await gateway.get("/v2/models/churn/versions/1.0.0")).json
    assert {each["name"]: each["datatype"] for each in answer["inputs"]} == {
        "tenure_months": "INT64",
        "charge": "FP64",
        "contract": "BYTES",
        "region": "BYTES",
    }
    assert {each["name"]: each["datatype"] for each in answer["outputs"]} == {
        "label": "BYTES",
        "probabilities.leaves": "FP64",
        "probabilities.stays": "FP64",
    }
    assert answer["versions"] == ["1.0.0"]
    other = await gateway.get("/v2/models/churn/versions/2.0.0")
    assert (other.status, other.json["reason"]) == (404, "ModelUnknown")


async def test_readiness_is_the_models() -> None:
    gateway = await GatewayLab([model(), model("ltv", state=State.Down)]).known()
    assert (await gateway.get("/v2/models/churn/ready")).json == {"name": "churn", "ready": True}
    assert (await gateway.get("/v2/models/ltv/ready")).status == 503
    assert (await gateway.get("/v2/models/other/ready")).status == 404


async def test_a_model_that_takes_no_table_says_where_to_ask_it() -> None:
    gateway = await GatewayLab([model()], {"churn": interface(row={"type": "string"})}).known()
    answer = await infer(gateway, inputs=ROWS)
    assert answer.status == 400
    assert "ask it at /api/models/churn/predict" in answer.json["error"]
