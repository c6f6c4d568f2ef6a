"""Two models in one bento, built, exported, unpacked and served by the real BentoML as a pod serves it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from bentos.runtime import built, made
from support.bentoserver import START_SECONDS, bento_server, wait_for

from e2i_bento.card import BACKGROUND_FILE, CARD_FILE, read_card, write_card

SIGNED = {"model": "ltv_model:0.3.0", "bento": "pair:1.0.0"}
FAR = made.CUSTOMER | {"charge": 1.7e308}


@pytest.fixture(scope="module")
def bento(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built.pair(tmp_path_factory.mktemp("bento") / "unpacked")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving") / "log"


@pytest.fixture(scope="module")
def url(bento: Path, log: Path) -> Iterator[str]:
    """Address of the served bento, once it is ready; it captures every input."""
    home = log.parent / "home"
    with bento_server(".", home, folder=bento, log=log, E2I_CAPTURE_SHARE="1") as server:
        wait_for(f"{server.url}/readyz")
        yield server.url


def post(url: str, body: Any) -> httpx.Response:
    return httpx.post(url, json=body, timeout=60)


def test_each_model_answers_under_its_name_and_signs_its_answers(url: str) -> None:
    leaves = post(f"{url}/churn_model/predict", {"input_data": made.CUSTOMER}).json()
    value = post(f"{url}/ltv_model/predict", {"input_data": made.CUSTOMER}).json()
    assert (leaves["label"], leaves["model"], leaves["bento"]) == (
        "leaves",
        "churn_model:1.2.0",
        "pair:1.0.0",
    )
    assert value == {"value": pytest.approx(288), **SIGNED}


def test_the_first_model_answers_without_its_name_too(url: str) -> None:
    answers = [
        post(f"{url}{route}", {"input_data": made.CUSTOMER}).json()
        for route in ("/predict", "/churn_model/predict")
    ]
    assert answers[0] == answers[1]


def test_a_batch_is_answered_in_its_order(url: str) -> None:
    rows = [made.CUSTOMER | {"charge": charge} for charge in (10.0, 20.0, 30.0)]
    answers = post(f"{url}/ltv_model/predict_batch", {"input_data": rows}).json()
    assert [answer["value"] for answer in answers] == pytest.approx([33, 63, 93])
    assert {answer["model"] for answer in answers} == {"ltv_model:0.3.0"}


def test_an_explanation_adds_up(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    answer = post(f"{url}/ltv_model/explain", {"input_data": made.CUSTOMER})
    while answer.status_code == 503 and time.monotonic() < deadline:
        assert "being prepared" in answer.json()["error"]
        answer = post(f"{url}/ltv_model/explain", {"input_data": made.CUSTOMER})
    found = answer.json()
    assert found["base_value"] + sum(found["contributions"].values()) == pytest.approx(found["value"])
    assert found["model"] == "ltv_model:0.3.0"


@pytest.mark.parametrize(
    ("route", "body", "place"),
    [
        ("/predict", {"input_data": made.CUSTOMER | {"charge": "3"}}, ["input_data", "charge"]),
        ("/predict", {"input_data": made.CUSTOMER | {"more": 1}}, ["input_data", "more"]),
        ("/predict", {}, ["input_data"]),
        (
            "/predict_batch",
            {"input_data": [made.CUSTOMER, {**made.CUSTOMER, "autopay": 1}]},
            ["input_data", 1, "autopay"],
        ),
        ("/predict_batch", {"input_data": []}, ["input_data"]),
        (
            "/ltv_model/explain",
            {"input_data": made.CUSTOMER | {"contract": "weekly"}},
            ["input_data", "contract"],
        ),
    ],
)
def test_a_wrong_body_is_refused_with_its_place(url: str, route: str, body: Any, place: list[Any]) -> None:
    answer = post(f"{url}{route}", body)
    assert answer.status_code == 400
    assert [detail["loc"] for detail in answer.json()["detail"]] == [place]


def test_a_prediction_that_is_not_finite_is_an_error_with_a_sentence_and_counted(url: str) -> None:
    before = counted(url, 'e2i_prediction_not_finite_total{model="ltv_model"')
    answer = post(f"{url}/ltv_model/predict", {"input_data": FAR})
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("row 0: the model's value is inf, not a finite number")
    assert counted(url, 'e2i_prediction_not_finite_total{model="ltv_model"') == before + 1


def test_the_service_is_healthy(url: str) -> None:
    answer = post(f"{url}/health", {})
    models = {"churn_model:1.2.0": "ready", "ltv_model:0.3.0": "ready"}
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy", "models": models})


def test_model_info_is_the_card_without_training_data(url: str) -> None:
    info = post(f"{url}/model_info", {}).json()
    assert info["ltv_model"]["version"] == "0.3.0"
    assert info["ltv_model"]["features"][0]["maximum"] == 1200
    assert "golden" not in info["ltv_model"]
    assert "reference" not in json.dumps(info)


def test_the_documentation_shows_each_models_own_fields(url: str) -> None:
    schema = httpx.get(f"{url}/schema.json").json()
    routes = {route["route"]: route for route in schema["routes"]}
    properties = routes["/ltv_model/predict"]["input"]["properties"]["input_data"]["properties"]
    assert properties["contract"]["enum"] == ["monthly", "yearly"]
    document = httpx.get(f"{url}/docs.json").json()
    assert "/churn_model/predict_batch" in document["paths"]
    assert "ChurnModelAnswer" in document["components"]["schemas"] or "leaves" in json.dumps(document)


def test_predictions_are_counted_for_prometheus(url: str) -> None:
    series = 'bentoml_model_predict_total{label="leaves",model="churn_model",version="1.2.0"}'
    before = counted(url, series)
    post(f"{url}/predict_batch", {"input_data": [made.CUSTOMER] * 3})
    assert counted(url, series) == before + 3


def test_captured_inputs_are_lines_of_the_log(url: str, log: Path) -> None:
    post(f"{url}/ltv_model/predict", {"input_data": made.CUSTOMER | {"charge": 77.0}})
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"e2i"')]
    (line,) = [line for line in lines if line["input"]["charge"] == 77.0]
    assert (line["model"], line["answer"]) == ("ltv_model:0.3.0", {"value": pytest.approx(234)})


def test_models_that_are_not_as_trained_keep_the_service_unready_and_say_why(
    bento: Path, tmp_path: Path
) -> None:
    other = tmp_path / "bento"
    shutil.copytree(bento, other)
    churn, ltv = other / "models/churn_model/1.2.0", other / "models/ltv_model/0.3.0"
    (churn / "model.joblib").write_bytes(b"damaged")
    card = read_card(ltv)
    write_card(
        card.model_copy(update={"golden": (card.golden[0].model_copy(update={"output": {"value": 1.0}}),)}),
        ltv,
    )
    log = tmp_path / "log"
    with bento_server(".", tmp_path / "home", folder=other, log=log) as server:
        wait_for(f"{server.url}/readyz", 503)
        answer = post(f"{server.url}/health", {})
        refused = post(f"{server.url}/churn_model/predict", {"input_data": made.CUSTOMER})
    models = answer.json()["models"]
    assert (answer.status_code, answer.json()["status"], refused.status_code) == (503, "unhealthy", 503)
    assert "model.joblib has the digest" in models["churn_model:1.2.0"]
    assert "golden input 0: value is 288.0, after training it was 1.0" in models["ltv_model:0.3.0"]
    assert "ltv_model:0.3.0 stays unready: golden input 0" in log.read_text()


def test_the_card_and_background_travel_inside_the_bento(bento: Path) -> None:
    names = {file.name for file in (bento / "models/churn_model/1.2.0").iterdir()}
    assert {CARD_FILE, BACKGROUND_FILE, "model.joblib"} <= names


def counted(url: str, series: str) -> float:
    lines = httpx.get(f"{url}/metrics", timeout=10).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))
