"""spec.rollout.verify and spec.rollout.contract, parsed; what is wrong in them is said by place and value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from e2i.controller.core.verification.checks import (
    Check,
    CheckInvalid,
    Contract,
    Expectation,
    Verification,
    Wanted,
    parse_verification,
)
from e2i.controller.core.verification.headers import Header, SecretKey

DEEP = "[" * 65 + "]" * 65


def expecting(**expect: Any) -> dict[str, Any]:
    return {"verify": [{"path": "/predict", "expect": expect}]}


def test_without_verify_and_contract_there_is_nothing_to_ask() -> None:
    assert parse_verification({}) == Verification(checks=(), contract=None)


def test_a_check_that_names_only_a_path_is_a_post_that_expects_200() -> None:
    parsed = parse_verification({"verify": [{"path": "/predict"}]})
    assert parsed.checks == (
        Check(
            place="spec.rollout.verify[0]",
            name="",
            method="POST",
            path="/predict",
            body=None,
            timeout=5,
            retries=2,
            expect=Expectation(status=200, tolerance=Decimal(0), fields=()),
        ),
    )


def test_everything_that_is_said_is_kept() -> None:
    raw = {
        "name": "known customer",
        "method": "POST",
        "path": "/predict",
        "body": '{"features": [1, 2.50]}',
        "timeoutSeconds": 9,
        "retries": 0,
        "expect": {
            "status": 201,
            "body": "null",
            "subset": '{"p": 0.5}',
            "tolerance": "0.01",
            "fields": [
                {"jsonPath": "$.p[*]", "minimum": "0", "maximum": "1.5"},
                {"jsonPath": "$['a b'][-1]", "equals": '"stay"'},
            ],
        },
    }
    check = parse_verification({"verify": [raw]}).checks[0]
    assert (check.name, check.body, check.timeout, check.retries) == (
        "known customer",
        '{"features": [1, 2.50]}',
        9,
        0,
    )
    assert check.expect.status == 201
    assert check.expect.body == Wanted(None)
    assert check.expect.subset == Wanted({"p": Decimal("0.5")})
    assert check.expect.tolerance == Decimal("0.01")
    rules = [(rule.path, rule.equals, rule.minimum, rule.maximum) for rule in check.expect.fields]
    assert rules == [("$.p[*]", None, 0, Decimal("1.5")), ("$['a b'][-1]", Wanted("stay"), None, None)]


def test_a_contract_keeps_the_paths_that_it_names() -> None:
    raw = {"labels": ["stay", "leave"], "labelPath": "$.y", "lowerPath": "$.ci[0]"}
    assert parse_verification({"contract": raw}).contract == Contract(
        labels=frozenset({"stay", "leave"}), paths={"label": "$.y", "lower": "$.ci[0]"}
    )


def test_a_check_is_called_by_its_place_and_its_name() -> None:
    checks = parse_verification(
        {"verify": [{"path": "/a"}, {"path": "/b", "name": "b", "method": "GET"}]}
    ).checks
    assert [check.title for check in checks] == [
        "spec.rollout.verify[0], POST /a",
        "spec.rollout.verify[1] (b), GET /b",
    ]


@pytest.mark.parametrize(
    ("rollout", "message"),
    [
        pytest.param(
            {"verify": [{"path": "/a"}, {"path": "/b", "body": "{x}"}]},
            "spec.rollout.verify[1].body is not JSON (Expecting property name enclosed in double quotes at "
            "character 2): {x}; correct it",
            id="a body is not JSON",
        ),
        pytest.param(
            {"verify": [{"path": "/b", "body": ""}]},
            "spec.rollout.verify[0].body is not JSON (Expecting value at character 1): ; correct it",
            id="a body is empty",
        ),
        pytest.param(
            expecting(body='{"p": [NaN]}'),
            "spec.rollout.verify[0].expect.body is not JSON (NaN or an infinity at $.p[0]): "
            '{"p": [NaN]}; correct it',
            id="NaN is expected",
        ),
        pytest.param(
            expecting(subset="1e999"),
            "spec.rollout.verify[0].expect.subset is not JSON (NaN or an infinity at $): 1e999; correct it",
            id="a number is beyond all numbers",
        ),
        pytest.param(
            expecting(body=DEEP),
            f"spec.rollout.verify[0].expect.body is not JSON (nested deeper than 64 levels): {'[' * 65}]",
            id="a text is nested too deep",
        ),
        pytest.param(
            expecting(tolerance="-0.1"),
            "spec.rollout.verify[0].expect.tolerance is below zero: -0.1; correct it",
            id="a tolerance is negative",
        ),
        pytest.param(
            expecting(tolerance="NaN"),
            "spec.rollout.verify[0].expect.tolerance is not a decimal number such as 0.5: NaN; correct it",
            id="a tolerance is no number",
        ),
        pytest.param(
            expecting(fields=[{"jsonPath": "$.a", "minimum": "2", "maximum": "1"}]),
            "spec.rollout.verify[0].expect.fields[0].minimum 2 is above maximum 1; correct one of them",
            id="a range is empty",
        ),
        pytest.param(
            expecting(fields=[{"jsonPath": "$[?@.a > 1]", "equals": "1"}]),
            "spec.rollout.verify[0].expect.fields[0].jsonPath only keys, indices and [*] can be asked for, for "
            "instance $.items[*].value: $[?@.a > 1]; correct it",
            id="a path has a filter",
        ),
        pytest.param(
            expecting(fields=[{"jsonPath": "$[01]", "equals": "1"}]),
            "spec.rollout.verify[0].expect.fields[0].jsonPath only keys, indices and [*] can be asked for, for "
            "instance $.items[*].value: $[01]; correct it",
            id="a path has an index that the standard forbids",
        ),
        pytest.param(
            {"contract": {"labelPath": "$..label"}},
            "spec.rollout.contract.labelPath only keys",
            id="a path searches",
        ),
        pytest.param(
            {"verify": [{"path": "//elsewhere/predict"}]},
            "spec.rollout.verify[0].path is not a path such as /predict or /predict?verbose=true, without host, "
            "fragment or spaces: "
            "//elsewhere/predict; correct it",
            id="a path names a host",
        ),
    ],
)
def test_what_means_nothing_is_named_with_its_place_and_value(rollout: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckInvalid) as caught:
        parse_verification(rollout)
    assert str(caught.value).startswith(message)


def test_a_message_shows_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(CheckInvalid) as caught:
        parse_verification(expecting(body="x" * 16384))
    assert len(str(caught.value)) < 250


def requesting(**fields: Any) -> dict[str, Any]:
    return {"verify": [{"path": "/predict", **fields}]}


TOKEN = {"secretKeyRef": {"name": "churn", "key": "token"}}
BEARER = {"name": "Authorization", "value": "Bearer ", "valueFrom": TOKEN}


def test_headers_a_form_a_query_and_no_prediction_are_kept() -> None:
    (parsed,) = parse_verification(
        requesting(
            path="/predict?verbose=true&x=a%20b",
            headers=[
                {"name": "X-Team", "value": "churn"},
                BEARER,
            ],
            form=[{"name": "x", "value": "1"}, {"name": "y"}],
            prediction=False,
        )
    ).checks
    assert parsed.path == "/predict?verbose=true&x=a%20b"
    secret = SecretKey(name="churn", key="token")
    assert parsed.headers == (
        Header(name="X-Team", value="churn"),
        Header(name="Authorization", value="Bearer ", secret=secret),
    )
    assert (parsed.form, parsed.prediction) == ((("x", "1"), ("y", "")), False)


def test_the_values_of_secrets_are_put_behind_what_stands_there() -> None:
    parsed = parse_verification(
        requesting(
            headers=[
                BEARER,
                {"name": "Cookie", "value": "session=abcdef"},
                {"name": "X-Team", "value": "longer than 8"},
            ]
        )
    )
    assert parsed.secrets == {SecretKey(name="churn", key="token")}
    assert parsed.confidential == ("session=abcdef",)
    sent = parsed.with_values({SecretKey(name="churn", key="token"): "hunter22"})
    assert sent.checks[0].headers[0].value == "Bearer hunter22"
    assert sent.secrets == frozenset()
    assert "hunter22" not in repr(parsed)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        pytest.param({"value": "x"}, "headers[0].name is missing", id="no name"),
        pytest.param(
            {"name": "Host", "value": "x"}, "is no header that a check may send: 'Host'", id="our own"
        ),
        pytest.param({"name": "X Y", "value": "x"}, "is no header that a check may send", id="a space"),
        pytest.param(
            {"name": "X", "value": "a\r\nY: b"}, "has a character that no header may have", id="two headers"
        ),
        pytest.param({"name": "X", "valueFrom": {}}, "valueFrom.secretKeyRef is missing", id="from nowhere"),
        pytest.param(
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "a"}}}, "key is missing", id="no key"
        ),
    ],
)
def test_a_header_that_cannot_be_sent_is_named(header: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckInvalid) as raised:
        parse_verification(requesting(headers=[header]))
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "path", ["/predict#top", "//host/predict", "/a b", "/predict?a=b#c", "predict", "/a\\b"]
)
def test_a_path_that_is_none_is_named(path: str) -> None:
    with pytest.raises(CheckInvalid, match="is not a path such as /predict"):
        parse_verification(requesting(path=path))
