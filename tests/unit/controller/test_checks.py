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
            "spec.rollout.verify[0].path is not a plain path such as /predict, without host, query or spaces: "
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
