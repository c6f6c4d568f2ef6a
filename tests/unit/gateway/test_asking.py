"""Requests to models: which model gets them, what reaches it, and what is refused before."""

from __future__ import annotations

import asyncio

import pytest
from multidict import CIMultiDict
from support.gateways import CUSTOMER, LEAVES, GatewayLab, Given, interface, model, refused, schema

from e2i.gateway.core.interface import parse_interface
from e2i.gateway.core.models import State
from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.core.routing import MOST_NAMES

BODY = {"input_data": CUSTOMER}


@pytest.mark.parametrize(
    "path",
    [
        "/api/predict",
        "/predict",
        "/api/predict?model=churn",
        "/api/predict?model=models.churn",
        "/api/models/churn/predict",
        "/churn/predict",
    ],
)
async def test_a_model_answers_at_each_of_its_paths(path: str) -> None:
    lab = await GatewayLab([model()]).known()
    answer = await lab.post(path, BODY)
    assert (answer.status, answer.json) == (200, LEAVES)
    (sent,) = lab.upstream.sent
    assert (sent.model, sent.path, sent.body) == ("models/churn", "/predict", BODY)


async def test_an_error_repeats_what_was_asked_in_its_own_letters() -> None:
    lab = await GatewayLab([model()]).known()
    named = await lab.post("/api/predict", {"model": "größe", **BODY})
    assert "größe" in named.text
    lone = await lab.post("/api/predict", {"model": "\ud800", **BODY})
    assert (lone.status, lone.json["reason"]) == (404, "ModelUnknown"), "half a letter is JSON too"


async def test_the_body_may_name_the_model_and_the_model_does_not_get_the_name() -> None:
    lab = await GatewayLab([model(), model("ltv")]).known()
    await lab.post("/api/explain", {"model": "ltv", **BODY})
    (sent,) = lab.upstream.sent
    assert (sent.model, sent.path, sent.body) == ("models/ltv", "/explain", BODY)


async def test_with_several_models_a_request_has_to_name_one() -> None:
    lab = await GatewayLab([model(), model("ltv")]).known()
    answer = await lab.post("/api/predict", BODY)
    assert (answer.status, answer.json["field"]) == (400, "model")
    assert "there are churn, ltv" in answer.json["error"]


async def test_of_many_models_a_few_are_named_and_the_others_counted() -> None:
    lab = await GatewayLab([model(f"model-{number}") for number in range(MOST_NAMES + 2)]).known()
    answer = await lab.post("/api/predict", BODY)
    assert answer.json["error"].endswith(" and 2 more, which GET /api/models lists")


async def test_a_name_in_two_namespaces_needs_its_namespace() -> None:
    lab = await GatewayLab([model(), model(namespace="risk")]).known()
    answer = await lab.post("/churn/predict", BODY)
    assert (answer.status, answer.json["reason"]) == (409, "ModelAmbiguous")
    assert "models.churn, risk.churn" in answer.json["error"]
    await lab.post("/risk.churn/predict", BODY)
    assert lab.upstream.sent[0].model == "risk/churn"


async def test_a_model_of_a_bento_with_several_is_found_by_its_own_name() -> None:
    both = interface("", "/churn_model", "/ltv_model")
    lab = await GatewayLab([model("pair"), model("other")], {"pair": both}).known()
    await lab.post("/api/predict?model=ltv_model", BODY)
    await lab.post("/churn_model/explain", BODY)
    assert [(sent.model, sent.path) for sent in lab.upstream.sent] == [
        ("models/pair", "/ltv_model/predict"),
        ("models/pair", "/churn_model/explain"),
    ]


async def test_a_model_that_is_not_there_and_a_route_that_it_has_not() -> None:
    lab = await GatewayLab([model()]).known()
    unknown = await lab.post("/api/predict?model=chrun", BODY)
    assert (unknown.status, unknown.json["reason"]) == (404, "ModelUnknown")
    route = await lab.post("/churn/forecast", BODY)
    assert (route.status, route.json["reason"]) == (404, "RouteUnknown")
    assert "explain, predict, predict_batch" in route.json["error"]
    wrong = await lab.get("/churn/predict")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert not lab.upstream.sent


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "input_data", "Field required"),
        (CUSTOMER, "input_data", "Field required"),
        ({"input_data": {**CUSTOMER, "charge": "95"}}, "input_data.charge", 'not of type "number"'),
        ({"input_data": {**CUSTOMER, "more": 1}}, "input_data.more", "no such field"),
        ({"input_data": {**CUSTOMER, "contract": "secret"}}, "input_data.contract", "monthly"),
        (b"{", "the body", "not JSON"),
        (b'{"input_data": NaN}', "the body", "NaN"),
        (b"[" * 100_000, "the body", "not JSON"),
    ],
)
async def test_a_wrong_body_is_refused_with_its_field_and_without_its_values(
    body: object, field: str, words: str
) -> None:
    lab = await GatewayLab([model()], most_body=1_000_000).known()
    answer = await lab.post("/api/predict", body)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert words in answer.json["error"]
    assert "secret" not in answer.text
    assert not lab.upstream.sent


async def test_a_compressed_body_is_refused_before_it_is_read() -> None:
    lab = await GatewayLab([model()]).known()
    answer = await lab.post("/api/predict", b"\x1f\x8b", {"Content-Encoding": "gzip"})
    assert (answer.status, answer.json["reason"]) == (415, "EncodingNotSupported")
    assert "'gzip'" in answer.json["error"]
    assert (await lab.post("/api/predict", BODY, {"Content-Encoding": "identity"})).status == 200


async def test_all_wrong_fields_are_listed_in_the_form_of_bentoml() -> None:
    lab = await GatewayLab([model()]).known()
    answer = await lab.post("/api/predict", {"input_data": {"tenure_months": -1, "charge": 1}})
    places = [tuple(each["loc"]) for each in answer.json["detail"]]
    assert sorted(places) == [("input_data", "contract"), ("input_data", "tenure_months")]


async def test_nobody_is_refused_by_what_an_earlier_release_took() -> None:
    lab = await GatewayLab([model()]).known()
    lab.interfaces["churn"] = interface(row={"type": "object", "required": ["age"]})
    lab.seconds += 2
    answer = await lab.post("/api/predict", {"input_data": {"age": 40}})
    assert answer.status == 200
    assert lab.reads == ["models/churn"] * 2


async def test_many_wrong_bodies_read_the_schema_once_a_second() -> None:
    lab = await GatewayLab([model()]).known()
    lab.seconds += 2
    answers = await asyncio.gather(*(lab.post("/api/predict", {}) for _ in range(20)))
    assert {answer.status for answer in answers} == {400}
    assert len(lab.reads) == 2


@pytest.mark.parametrize("several", [True, False])
async def test_during_a_canary_the_releases_judge_bodies_themselves(several: bool) -> None:
    lab = await GatewayLab([model(several=several)]).known()
    answer = await lab.post("/api/predict", {"input_data": {"of": "the canary"}})
    assert answer.status == (200 if several else 400)


@pytest.mark.parametrize(
    "found",
    [
        None,
        parse_interface({"routes": [{"route": "/predict", "input": {"type": "tensor"}}]}),
        parse_interface({"routes": [{"route": "/predict", "input": {"$ref": "http://127.0.0.1:9/secret"}}]}),
    ],
    ids=["old style", "a type of BentoML's own", "a reference to elsewhere"],
)
async def test_what_cannot_be_checked_here_the_model_judges(found: object) -> None:
    lab = await GatewayLab([model()], {"churn": found}).known()  # type: ignore[dict-item]
    assert (await lab.post("/api/predict", {"anything": 1})).status == 200


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.Down, "does not serve now: the pods are gone"),
        (State.Parked, "is parked"),
        (State.Starting, "has not served yet"),
    ],
)
async def test_of_a_model_that_is_down_the_answer_says_what_it_served_last(state: State, words: str) -> None:
    lab = await GatewayLab([model(state=state, message="the pods are gone")]).known()
    answer = await lab.post("/api/predict", BODY)
    # Without Retry-After, which would mean that it has too many requests.
    assert (answer.status, "retry-after" in answer.headers) == (503, False)
    assert words in answer.json["error"]
    assert answer.json["model"] == "models/churn"
    assert answer.json["lastServed"]["release"] == "churn-1"
    assert answer.json["lastServed"]["bento"] == "churn:1.0.0"
    assert not lab.upstream.sent


async def test_the_answer_of_a_model_comes_back_as_it_is_whatever_its_status() -> None:
    lab = await GatewayLab([model()]).known()
    headers = CIMultiDict({"Content-Type": "text/plain", "Retry-After": "7", "Server": "BentoML"})
    lab.upstream.answer = lambda sent: Given(503, b"later", headers)
    answer = await lab.post("/api/predict", BODY)
    assert (answer.status, answer.text) == (503, "later")
    assert (answer.headers["content-type"], answer.headers["retry-after"]) == ("text/plain", "7")
    assert "server" not in answer.headers


async def test_the_release_is_said_only_if_the_answer_itself_names_its_bento() -> None:
    lab = await GatewayLab([model()]).known()
    answer = await lab.post("/api/predict", BODY)
    assert (answer.headers["x-e2i-release"], answer.headers["x-e2i-digest"]) == ("churn-1", "sha256:1")
    # The address has moved on, and the E2IModel does not say so yet.
    lab.upstream.answer = lambda sent: Given(body=b'{"bento": "churn:2.0.0"}')
    assert "x-e2i-release" not in (await lab.post("/api/predict", BODY)).headers


async def test_json_that_curl_calls_a_form_reaches_the_model_as_json() -> None:
    lab = await GatewayLab([model(), model("old")], {"old": None}).known()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    await lab.post("/churn/predict", BODY, form)
    # Of a model that does not say what it takes nothing is known.
    await lab.post("/old/predict", BODY, form)
    assert [sent.headers["Content-Type"] for sent in lab.upstream.sent] == [
        "application/json",
        *form.values(),
    ]


async def test_a_request_keeps_its_id_and_gets_one_if_it_has_none() -> None:
    lab = await GatewayLab([model()]).known()
    own = await lab.post("/api/predict", BODY, {"X-Request-Id": "order-7"})
    assert own.headers["x-request-id"] == lab.upstream.sent[0].headers["X-Request-Id"] == "order-7"
    made = await lab.post("/api/predict", {}, {"X-Request-Id": "two\nlines"})
    assert made.json["requestId"] == made.headers["x-request-id"] != "two\nlines"


@pytest.mark.parametrize(("given", "deadline"), [(None, 60.0), ("250", 0.25), ("999999", 60.0)])
async def test_a_deadline_is_passed_on(given: str | None, deadline: float) -> None:
    lab = await GatewayLab([model()]).known()
    headers = {"x-envoy-upstream-rq-timeout-ms": given} if given else {}
    await lab.post("/api/predict", BODY, headers)
    assert lab.upstream.sent[0].deadline == deadline


@pytest.mark.parametrize("given", ["soon", "0", "-1", "nan", "1e9"])
async def test_a_deadline_that_is_none_is_refused(given: str) -> None:
    lab = await GatewayLab([model()]).known()
    answer = await lab.post("/api/predict", BODY, {"x-envoy-upstream-rq-timeout-ms": given})
    assert (answer.status, answer.json["field"]) == (400, "x-envoy-upstream-rq-timeout-ms")


async def test_a_model_that_hangs_takes_its_own_share_and_no_other_models() -> None:
    lab = await GatewayLab([model(), model("ltv")], most_requests=3).known()
    lab.upstream.hold = hold = asyncio.Semaphore(0)
    waiting = [asyncio.create_task(lab.post("/churn/predict", BODY)) for _ in range(3)]
    for _ in waiting:
        await lab.upstream.arrived.acquire()
    more = await lab.post("/churn/predict", BODY)
    assert (more.status, more.json["reason"]) == (503, "ModelOverloaded")
    other = asyncio.create_task(lab.post("/ltv/predict", BODY))
    await lab.upstream.arrived.acquire()
    lab.upstream.hold = None
    for _ in range(4):
        hold.release()
    assert [(await each).status for each in (*waiting, other)] == [200] * 4
    assert (await lab.post("/churn/predict", BODY)).status == 200


async def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    lab = await GatewayLab([model()], most_body=100).known()
    answer = await lab.post("/api/predict", b"x" * 101)
    assert (answer.status, answer.json["reason"]) == (413, "BodyTooLarge")
    assert answer.headers["connection"] == "close"
    assert (await lab.post("/api/predict", b"{}" + b" " * 98)).status == 400


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    lab = await GatewayLab([model()], timeout=0.01).known()
    answer = await lab.call("POST", "/api/predict", b"{12345}", {}, stops=True)
    assert (answer.status, answer.json["reason"]) == (504, "DeadlineExceeded")


async def test_a_failure_of_the_gateway_is_an_answer_without_its_inside() -> None:
    lab = await GatewayLab([model()]).known()

    def broken(sent: object) -> Given:
        raise ZeroDivisionError("secret")

    lab.upstream.answer = broken
    answer = await lab.post("/api/predict", BODY)
    assert answer.status == 500
    assert "secret" not in answer.text


async def test_answers_are_counted_by_known_names_alone() -> None:
    lab = await GatewayLab([model(), model("ltv")]).known()
    lab.upstream.answer = refused(Refused(Reason.ModelFailed, "it is gone"))
    await lab.post("/churn/predict", BODY)
    await lab.post("/churn/made-up", BODY)
    await lab.post("/made-up/predict", BODY)
    text = (await lab.get("/metrics")).text
    assert 'e2i_gateway_requests_total{code="502",model="models/churn",route="predict"} 1.0' in text
    assert 'e2i_gateway_requests_total{code="404",model="models/churn",route="other"} 1.0' in text
    assert 'e2i_gateway_refused_total{reason="ModelUnknown"} 1.0' in text
    assert 'e2i_gateway_models{state="Serving"} 2.0' in text
    assert "made-up" not in text
    lab.directory.remove(("models", "churn"))
    assert 'model="models/churn"' not in (await lab.get("/metrics")).text


async def test_the_schema_of_a_model_is_that_of_its_bento_below_its_own_path() -> None:
    both = interface("", "/churn_model", "/ltv_model")
    lab = await GatewayLab([model(), model("pair")], {"pair": both}).known()
    for path in ("/api/models/churn/schema.json", "/churn/schema.json", "/ltv_model/schema.json"):
        answer = await lab.get(path)
        assert answer.status == 200
        read = parse_interface(answer.json)
        assert read == interface()
        assert read.routes["/predict"].input == interface().routes["/predict"].input
    assert (await lab.post("/api/models/churn/schema.json", {})).status == 405


async def test_a_schema_that_is_not_known_is_not_there() -> None:
    lab = await GatewayLab([model()], {"churn": None}).known()
    answer = await lab.get("/churn/schema.json")
    assert (answer.status, answer.json["reason"]) == (404, "RouteUnknown")
    assert "the model judges it" in answer.json["error"]
    assert (await lab.get("/chrun/schema.json")).json["reason"] == "ModelUnknown"


async def test_the_circuit_of_each_model_is_a_series() -> None:
    lab = await GatewayLab([model(), model("ltv", namespace="")]).known()
    lab.circuits = {("models", "churn"): "open", ("", "ltv"): "half_open"}
    text = (await lab.get("/metrics")).text
    assert 'e2i_gateway_circuit_state{model="models/churn"} 2.0' in text
    assert 'e2i_gateway_circuit_state{model="ltv"} 1.0' in text


def test_the_schema_of_these_tests_is_one() -> None:
    assert set(parse_interface(schema()).routes) == {"/predict", "/predict_batch", "/explain"}
