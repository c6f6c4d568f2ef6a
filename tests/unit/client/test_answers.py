"""Each kind of answer becomes a prediction, or an error that names the model, what happened and the next step."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2i.client import (
    Answer,
    BadInput,
    ClientError,
    Endpoint,
    Identity,
    InputProblem,
    ModelFailed,
    ModelNotFound,
    NotReady,
    Overloaded,
    Refused,
)
from e2i.client.answers import error_of, prediction_of

ENDPOINT = Endpoint(
    model="churn",
    url="http://churn:3000",
    serving=Identity("bbb", "sha256:2", "churn:2"),
    releases={"churn:1": Identity("aaa", "sha256:1", "churn:1")},
)


def answer(status: int, body: Any, **headers: str) -> Answer:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, text)


def error(status: int, body: Any, **headers: str) -> ClientError:
    return error_of(answer(status, body, **headers), ENDPOINT, "/predict")


def test_a_prediction_knows_model_and_release_by_the_bento_that_answered() -> None:
    found = prediction_of(answer(200, {"value": 3, "model": "churn:7", "bento": "churn:1"}), ENDPOINT, 0.5)
    assert (found.model, found.release, found.digest, found.seconds) == ("churn:7", "aaa", "sha256:1", 0.5)
    assert found.value["value"] == 3


def test_a_batch_of_predictions_does_too() -> None:
    found = prediction_of(answer(200, [{"value": 3, "bento": "churn:1"}, {"value": 4}]), ENDPOINT, 0.5)
    assert found.release == "aaa"


def test_an_answer_that_says_nothing_of_itself_is_of_the_release_that_serves() -> None:
    assert prediction_of(answer(200, [0, 1]), ENDPOINT, 0.5).release == "bbb"


def test_what_a_gateway_says_in_its_headers_counts_most() -> None:
    said = answer(200, {"bento": "churn:1"}, X_E2I_Release="ccc", X_E2I_Digest="sha256:3")
    found = prediction_of(said, ENDPOINT, 0.5)
    assert (found.release, found.digest) == ("ccc", "sha256:3")


def test_without_a_cluster_nothing_is_said_of_the_release() -> None:
    plain = Endpoint(model="churn", url="http://churn:3000")
    assert prediction_of(answer(200, 1), plain, 0.1).release == ""


def test_no_json_is_an_error_that_asks_for_the_address() -> None:
    with pytest.raises(ModelFailed, match="churn answered no JSON: '<html>'"):
        prediction_of(answer(200, b"<html>"), ENDPOINT, 0.1)


def test_wrong_fields_of_an_input_are_named() -> None:
    body = {
        "error": "2 validation errors for Input",
        "detail": [
            {"loc": ["input_data", "tenure_months"], "msg": "Input should be a valid integer"},
            {"loc": ["input_data", 3, "charge"], "msg": "Field required"},
        ],
    }
    found = error(400, body)
    assert isinstance(found, BadInput)
    assert found.field == "tenure_months"
    assert found.problems[1] == InputProblem("3.charge", "Field required")
    assert "tenure_months: Input should be a valid integer; 3.charge: Field required" in found.message


def test_a_missing_wrapper_is_named_itself() -> None:
    found = error(400, {"detail": [{"loc": ["input_data"], "msg": "Field required"}]})
    assert isinstance(found, BadInput)
    assert found.field == "input_data"


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "says"),
    [
        (400, "no detail", {}, BadInput, "refuses the input: '\"no detail\"'"),
        (400, [{"error": "bad thing"}], {}, BadInput, "refuses the input: bad thing"),
        (401, {"error": "no key"}, {}, Refused, "refused the request (401): no key"),
        (404, {"error": "Not found"}, {}, ModelNotFound, "has no route /predict at http://churn:3000"),
        (413, b"", {}, Refused, "(413): an empty answer"),
        (429, {"error": "Too many requests"}, {}, Overloaded, "Ask again in a moment"),
        (500, {"error": "it broke."}, {}, ModelFailed, "could not answer (500): it broke. Look at"),
        (503, {"error": "it is being loaded"}, {}, NotReady, "is not ready: it is being loaded"),
        (503, {"error": "212 wait"}, {"Retry_After": "4"}, Overloaded, "Ask again in 4 s"),
        (504, {"error": "too slow"}, {}, ModelFailed, "(504)"),
    ],
)
def test_each_status_is_an_error_of_its_kind(
    status: int, body: Any, headers: dict[str, str], kind: type[ClientError], says: str
) -> None:
    found = error(status, body, **headers)
    assert type(found) is kind
    assert says in found.message
    assert found.model == "churn"
    assert found.message.startswith("churn ")


def test_overload_says_when_to_come_back() -> None:
    found = error(503, {"error": "x"}, Retry_After="4")
    assert isinstance(found, Overloaded)
    assert found.retry_after == 4.0
