"""One answer against one golden prediction."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.verification.answer_check import Answer, judge
from e2i.controller.core.verification.checks import Check, Contract, parse_verification

KINDS = ("Classification", "Regression", "Causal")


def check(**expect: Any) -> Check:
    return parse_verification({"verify": [{"path": "/predict", "expect": expect}]}).checks[0]


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, body.encode() if isinstance(body, str) else json.dumps(body).encode())


def verdict(found: Answer, kind: str = "Classification", **expect: Any) -> Problem | None:
    return judge(check(**expect), None, kind, found)


def said(problem: Problem | None) -> tuple[str, str]:
    """(reason, the sentence about the difference)"""
    assert problem is not None
    assert problem.stalled
    sentence = problem.message.removeprefix("spec.rollout.verify[0], POST /predict: ")
    return problem.reason.name, sentence.split(". ")[0]


@pytest.mark.parametrize(
    ("found", "expect"),
    [
        pytest.param(answer({"label": "stay"}), {}, id="nothing but a 200 is expected"),
        pytest.param(
            answer({"a": 1, "b": [None]}), {"body": '{"b": [null], "a": 1.0}'}, id="equal, in any order"
        ),
        pytest.param(
            answer("[0.31]"), {"body": "[0.30]", "tolerance": "0.01"}, id="exactly at the tolerance"
        ),
        pytest.param(
            answer("[12345678901234567890]"), {"body": "[12345678901234567890]"}, id="a long integer"
        ),
        pytest.param(answer({"a": {"b": 1, "c": 2}, "d": 3}), {"subset": '{"a": {"b": 1}}'}, id="a subset"),
        pytest.param(answer([{"a": 1, "b": 2}]), {"subset": '[{"a": 1}]'}, id="a subset in a list"),
        pytest.param(
            answer({"p": [0, 1, 0.5]}),
            {"fields": [{"jsonPath": "$.p[*]", "minimum": "0", "maximum": "1"}]},
            id="a range with its ends",
        ),
        pytest.param(
            answer({"p": 0.5}),
            {"tolerance": "0.1", "fields": [{"jsonPath": "$.p", "equals": "0.45"}]},
            id="a field within the tolerance",
        ),
        pytest.param(
            answer({"p": None}), {"fields": [{"jsonPath": "$.p", "equals": "null"}]}, id="null on purpose"
        ),
        pytest.param(answer("refused", 400), {"status": 400}, id="a refusal is expected, whatever its words"),
        pytest.param(
            answer({"e": 1}, 422), {"status": 422, "subset": '{"e": 1}'}, id="a refusal with its words"
        ),
        pytest.param(answer("", 503), {"status": 503}, id="a failure is expected"),
        pytest.param(
            Answer(200, b"stay", media_type="text/plain"), {"body": '"stay"'}, id="a plain text is a string"
        ),
        pytest.param(
            Answer(200, b'{"a": 1}', media_type="text/plain"),
            {"body": '{"a": 1}'},
            id="JSON that is called plain text",
        ),
    ],
)
def test_an_answer_as_expected_is_no_trouble(found: Answer, expect: dict[str, Any]) -> None:
    assert verdict(found, **expect) is None


FAILED, ERROR, NAN = "VerificationFailed", "VerificationError", "PredictionNotFinite"


@pytest.mark.parametrize(
    ("found", "expect", "reason", "sentence"),
    [
        pytest.param(
            answer({"label": "leave"}), {"body": '{"label": "stay"}'}, FAILED,
            '$.label should be "stay", but is "leave"', id="another text",
        ),
        pytest.param(
            answer({"a": True}), {"body": '{"a": 1}'}, FAILED,
            "$.a should be 1, but is true", id="true is no number",
        ),
        pytest.param(
            answer({"a": 1}), {"body": '{"a": true}'}, FAILED,
            "$.a should be true, but is 1", id="a number is not true",
        ),
        pytest.param(
            answer("[0.3101]"), {"body": "[0.3]", "tolerance": "0.01"}, FAILED,
            "$[0] should be 0.3 (± 0.01), but is 0.3101", id="just beyond the tolerance",
        ),
        pytest.param(
            answer({"a": 1, "b c": 2}), {"body": '{"a": 1}'}, FAILED,
            "$['b c'] should be absent, but is 2", id="a key too many",
        ),
        pytest.param(
            answer({"a": {}}), {"subset": '{"a": {"b": 1}}'}, FAILED,
            "$.a.b should be 1, but is missing", id="a key too few",
        ),
        pytest.param(
            answer([1, 2]), {"subset": "[1]"}, FAILED,
            "$ should be 1 long: [1], but is 2 long: [1, 2]", id="a list of another length",
        ),
        pytest.param(
            answer("[]"), {"body": "{}"}, FAILED, "$ should be {}, but is []", id="a list instead of an object",
        ),
        pytest.param(
            answer({"p": 1.5}), {"fields": [{"jsonPath": "$.p", "minimum": "0", "maximum": "1"}]}, FAILED,
            "$.p should be a number of at least 0 and at most 1, but is 1.5", id="above the range",
        ),
        pytest.param(
            answer({"p": "high"}), {"fields": [{"jsonPath": "$.p", "minimum": "0"}]}, FAILED,
            '$.p should be a number of at least 0, but is "high"', id="a text where a range is asked for",
        ),
        pytest.param(
            answer({"q": 1}), {"fields": [{"jsonPath": "$.p[*]", "maximum": "1"}]}, FAILED,
            "$.p[*] should be a number of at most 1, but is missing", id="a path that finds nothing, for a range",
        ),
        pytest.param(
            answer({"q": 1}), {"fields": [{"jsonPath": "$.p", "equals": '"x"'}]}, FAILED,
            '$.p should be "x", but is missing', id="a path that finds nothing, for a value",
        ),
        pytest.param(
            answer({"p": [1, None]}), {"body": '{"p": [1, 2]}'}, NAN,
            "$.p[1] should be 2, but is null", id="null where a number is expected",
        ),
        pytest.param(
            answer({"p": "nan"}), {"subset": '{"p": 2}'}, NAN,
            '$.p should be 2, but is "nan"', id="NaN as text where a number is expected",
        ),
        pytest.param(
            answer('{"a": {"b": [1, NaN]}}'), {}, NAN,
            "$.a.b[1] should be a finite number, but is NaN", id="NaN anywhere",
        ),
        pytest.param(
            answer('{"label": "leave", "x": -Infinity}'), {"body": '{"label": "stay"}'}, NAN,
            "$.x should be a finite number, but is -Infinity", id="an infinity counts before a wrong answer",
        ),
        pytest.param(
            answer("not found", 404), {}, FAILED,
            "the status should be 200, but is 404: not found", id="another status",
        ),
        pytest.param(
            Answer(302, b""), {}, FAILED,
            "the status should be 200, but is 302: a redirect, which is not followed", id="a redirect",
        ),
        pytest.param(
            answer("boom", 500), {}, ERROR, "the status should be 200, but is 500: boom", id="an error of the server",
        ),
        pytest.param(
            answer("<html>"), {}, ERROR,
            "the answer should be JSON, but is not (Expecting value at character 1): <html>", id="no JSON",
        ),
        pytest.param(
            answer(""), {}, ERROR,
            "the answer should be JSON, but is not (Expecting value at character 1): nothing", id="an empty answer",
        ),
        pytest.param(
            Answer(200, b'{"a": "\xff"}'), {}, ERROR,
            'the answer should be JSON, but is not (no UTF-8 at byte 8): {"a": "\ufffd"}', id="no UTF-8",
        ),
        pytest.param(
            Answer(200, b"[1]", truncated=True), {}, ERROR,
            "the answer should be JSON, but is not (longer than 3 bytes): [1]", id="an answer that was cut",
        ),
        pytest.param(
            answer("[" * 5000 + "]" * 5000), {}, ERROR,
            f"the answer should be JSON, but is not (nested deeper than 64 levels): {'[' * 163}…",
            id="nested too deep",
        ),
        pytest.param(
            Answer(200, b"leave", media_type="text/plain"), {"body": '"stay"'}, FAILED,
            '$ should be "stay", but is "leave"', id="another plain text",
        ),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_told_by_place_expectation_and_value(
    found: Answer, expect: dict[str, Any], reason: str, sentence: str
) -> None:
    assert said(verdict(found, **expect)) == (reason, sentence)


def test_the_message_ends_with_what_to_do() -> None:
    problem = verdict(answer({"label": "leave"}), body='{"label": "stay"}')
    assert problem == Problem(
        reason=Reason.VerificationFailed,
        message='spec.rollout.verify[0], POST /predict: $.label should be "stay", but is "leave". If the answer is '
        "right, correct spec.rollout.verify[0].expect; if not, release a bento that gives the expected one.",
        stalled=True,
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "Name a route of the bento in spec.rollout.verify[0].path"),
        (405, "Name a route of the bento in spec.rollout.verify[0].path"),
        (400, "Correct spec.rollout.verify[0].body, or release a bento that takes it."),
        (422, "Correct spec.rollout.verify[0].body, or release a bento that takes it."),
    ],
)
def test_a_status_that_blames_the_request_leads_to_the_request(status: int, words: str) -> None:
    problem = verdict(answer("no", status))
    assert problem is not None
    assert words in problem.message
    assert "expect" not in problem.message
    wanted_refusal = verdict(answer("no", status), status=401)
    assert wanted_refusal is not None
    assert "correct spec.rollout.verify[0].expect" in wanted_refusal.message


def test_a_contract_is_asked_of_good_answers_only() -> None:
    contract = Contract(paths={"label": "$.label"})
    refusal = judge(
        check(status=400, subset='{"error": "no"}'), contract, "Classification", answer({"error": "no"}, 400)
    )
    success = judge(check(), contract, "Classification", answer({"error": "no"}))
    assert refusal is None
    assert said(success) == (
        "ContractBroken",
        "$.label should be there, as the contract says, but is missing",
    )


def test_no_secret_is_in_the_message() -> None:
    secret = "hunter2-hunter2"
    found = answer({"echo": f"you sent {secret}", "x": "AKIAABCDEFGHIJKLMNOP"})
    problem = judge(check(body='"y"'), None, "Regression", found, (secret,))
    assert problem is not None
    assert "hunter2" not in problem.message
    assert "AKIAABCDEF" not in problem.message
    assert "you sent ***" in problem.message


def test_a_secret_in_the_path_is_hidden_too() -> None:
    asked = parse_verification({"verify": [{"path": "/hunter2-hunter2/predict"}]}).checks[0]
    problem = judge(asked, None, "Regression", answer("", 404), ("hunter2-hunter2",))
    assert problem is not None
    assert "POST /***/predict: the status" in problem.message


def test_a_message_is_bounded_whatever_came_and_whatever_was_expected() -> None:
    name = "n" * 63
    raw = {"name": name, "path": "/" + "p" * 255, "expect": {"body": json.dumps({"k" * 9000: "w" * 5000})}}
    asked = parse_verification({"verify": [raw]}).checks[0]
    problem = judge(asked, None, "Causal", answer({"k" * 9000: "v" * 900_000}))
    assert problem is not None
    assert len(problem.message) <= 1024
    assert problem.message.isprintable()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["label", "probabilities", "probability", "prediction", "value", "effect", "ate"])
            | st.sampled_from(["lower", "upper", "interval", "predictions"])
            | st.text(),
            inner,
        )
    ),
    max_leaves=12,
)


@given(anything, st.sampled_from(KINDS), st.booleans())
def test_whatever_json_a_model_answers_there_is_a_verdict(found: Any, kind: str, named: bool) -> None:
    paths = {"label": "$", "probabilities": "$", "value": "$", "effect": "$", "lower": "$", "upper": "$"}
    contract = Contract(labels=frozenset({"stay"}), paths=paths if named else {})
    asked = check(subset=json.dumps({"label": 1}), fields=[{"jsonPath": "$[*]", "minimum": "0"}])
    assert judge(asked, contract, kind, answer(found)) is not None
    for loose in (check(), check(body='["x"]')):
        judge(loose, contract, kind, answer(found))


@given(
    st.binary(),
    st.integers(100, 599),
    st.booleans(),
    st.sampled_from(["application/json", "text/plain", "x"]),
)
def test_whatever_bytes_a_server_sends_there_is_a_verdict(
    body: bytes, status: int, truncated: bool, media_type: str
) -> None:
    judge(check(), None, "Classification", Answer(status, body, truncated, media_type))


PNG = Answer(200, b"\x89PNG\r\n\x1a\n", media_type="image/png")


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(PNG, id="an image"),
        pytest.param(Answer(200, b"a b ", media_type="text/event-stream"), id="a stream"),
        pytest.param(
            Answer(200, b"x" * 9, truncated=True, media_type="application/octet-stream"), id="a long file"
        ),
        pytest.param(Answer(204, b"", media_type="application/octet-stream"), id="nothing"),
    ],
)
def test_a_check_of_the_status_alone_may_be_answered_by_anything(found: Answer) -> None:
    assert verdict(found, status=found.status) is None


@pytest.mark.parametrize(
    ("found", "contract", "expect"),
    [
        pytest.param(answer("{cut"), None, {}, id="what is called JSON has to be"),
        pytest.param(PNG, None, {"subset": "{}"}, id="content is expected"),
        pytest.param(PNG, Contract(paths={"label": "$.label"}), {}, id="the contract names a part"),
    ],
)
def test_json_is_asked_for_where_it_is_judged(
    found: Answer, contract: Contract | None, expect: dict[str, Any]
) -> None:
    problem = judge(check(**expect), contract, "Classification", found)
    assert problem
    assert problem.reason is Reason.VerificationError


def no_prediction(**expect: Any) -> Check:
    raw = {"path": "/v1/ping", "method": "GET", "prediction": False, "expect": expect}
    return parse_verification({"verify": [raw]}).checks[0]


def test_the_contract_says_nothing_about_an_answer_that_is_no_prediction() -> None:
    pong = answer({"name": "price", "values": ["low", "high"]})
    assert judge(no_prediction(), None, "Regression", pong) is None
    assert judge(no_prediction(subset='{"name": "price"}'), None, "Regression", pong) is None
    broken = judge(check(), None, "Regression", pong)
    assert broken
    assert broken.reason is Reason.ContractBroken
    assert "write spec.rollout.verify[0].prediction: false" in broken.message


def test_an_answer_that_is_no_prediction_is_still_compared() -> None:
    problem = judge(no_prediction(body='"pong"'), None, "Regression", answer('"ping"'))
    assert problem
    assert problem.reason is Reason.VerificationFailed


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"labels": ["a", "b"], "probabilities": {"a": 0.91, "b": 0.84}}, "$.probabilities[*]"),
        ([{"label": "a", "probabilities": {"a": 0.91, "b": 0.84}}], "$[*].probabilities[*]"),
    ],
)
def test_probabilities_of_several_labels_are_told_what_to_write(body: Any, path: str) -> None:
    problem = verdict(answer(body))
    assert problem
    assert f"If several labels may hold at once, write probabilitiesPath: {path} into" in problem.message
    assert judge(check(), Contract(paths={"probabilities": path}), "Classification", answer(body)) is None


ROWS = {"rows": [{"price": 3.5}, {"price": None}, {"price": 4}]}
LOST = "a finite number, as in other items of the list, but is null"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param(ROWS, "$.rows[1].price", id="in objects of a list"),
        pytest.param([{"score": [1, 2]}, {"score": [1, None]}], "$[1].score[1]", id="in a list of lists"),
        pytest.param({"scores": [0.5, None]}, "$.scores[1]", id="in a list of numbers"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_null_among_the_numbers_of_a_list_is_a_lost_number_under_any_name(
    kind: str, body: Any, place: str
) -> None:
    assert said(verdict(answer(body), kind)) == ("PredictionNotFinite", f"{place} should be {LOST}")


@pytest.mark.parametrize(
    ("body", "expect"),
    [
        pytest.param(ROWS, {"subset": '{"rows": [{}, {"price": null}, {}]}'}, id="expected in a subset"),
        pytest.param(ROWS, {"body": json.dumps(ROWS)}, id="expected in the body"),
        pytest.param(
            ROWS, {"fields": [{"jsonPath": "$.rows[1].price", "equals": "null"}]}, id="expected in a field"
        ),
        pytest.param([{"note": "a"}, {"note": None}], {}, id="among texts"),
        pytest.param([{"note": 1}, {"note": None}, {"note": "a"}], {}, id="among numbers and texts"),
        pytest.param([{"next": None}, {"next": None}], {}, id="nothing but nulls"),
        pytest.param({"price": 3, "discount": None}, {}, id="in another place"),
    ],
)
def test_other_nulls_are_right(body: Any, expect: dict[str, Any]) -> None:
    assert verdict(answer(body), "Regression", **expect) is None


def test_only_a_prediction_loses_numbers() -> None:
    assert judge(no_prediction(subset='{"rows": []}'), None, "Regression", answer({"rows": []})) is None
    listed = no_prediction(fields=[{"jsonPath": "$.rows[0].price", "equals": "3.5"}])
    assert judge(listed, None, "Regression", answer(ROWS)) is None


def test_a_status_that_says_error_is_no_prediction() -> None:
    problem = verdict(answer({"status": "Error", "message": "feature store unreachable"}), "Regression")
    assert said(problem) == (
        "VerificationFailed",
        '$.status should be absent from a prediction, but is "Error"',
    )
    assert problem is not None
    assert 'Its $.message is "feature store unreachable"' in problem.message
    assert verdict(answer({"status": "ok", "price": 3}), "Regression") is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_with_status_200_is_no_prediction(kind: str) -> None:
    problem = verdict(answer({"error": "feature store unreachable", "took_ms": 3}), kind)
    assert said(problem) == (
        "VerificationFailed",
        '$.error should be absent from a prediction, but is "feature store unreachable"',
    )
    assert problem is not None
    assert "write what it must have into spec.rollout.verify[0].expect" in problem.message


@pytest.mark.parametrize(
    ("body", "expect"),
    [
        pytest.param({"error": None, "took_ms": 3}, {}, id="an error that is null"),
        pytest.param({"errors": [], "price": 3}, {}, id="no errors"),
        pytest.param({"error": 0.3, "value": 3}, {}, id="the error of an estimate, beside the value"),
        pytest.param({"error": "none"}, {"subset": '{"error": "none"}'}, id="one that is expected"),
        pytest.param({"message": "ok", "price": 3}, {}, id="words that may belong to a prediction"),
    ],
)
def test_what_is_no_error_is_let_pass(body: Any, expect: dict[str, Any]) -> None:
    assert verdict(answer(body), "Regression", **expect) is None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(
            {"value": None, "error": "no connection"}, 'Its $.error is "no connection". ', id="error"
        ),
        pytest.param({"message": "cold cache"}, 'Its $.message is "cold cache". ', id="message"),
        pytest.param({"value": 3}, "", id="none"),
        pytest.param([3], "", id="a list"),
    ],
)
def test_what_an_answer_says_of_its_own_error_is_in_the_message(body: Any, told: str) -> None:
    problem = verdict(answer(body), "Regression", subset='{"value": 20}')
    assert problem is not None
    assert (told or "Its $") in problem.message if told else "Its $" not in problem.message


def test_no_secret_is_in_what_an_answer_says_of_its_error() -> None:
    found = answer({"error": "denied for hunter2-hunter2"})
    problem = judge(check(subset='{"value": 1}'), None, "Regression", found, ("hunter2-hunter2",))
    assert problem is not None
    assert "denied for ***" in problem.message
