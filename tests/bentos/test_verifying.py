"""Golden predictions of a real BentoML server: the forms in which it answers are understood."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.bentoserver import bento_server, wait_for

from e2i.controller.core.verification.checks import parse_verification
from e2i.controller.edge.prediction_client import verify


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the service in forms.py, served from its source, once it is ready."""
    home = tmp_path_factory.mktemp("bentoml")
    with bento_server("forms:Forms", home, folder=Path(__file__).parent) as server:
        wait_for(f"{server.url}/readyz")
        yield server.url


async def found(url: str, path: str, share: float, **expect: Any) -> str | None:
    """The reason for which the release would not be verified, or None."""
    check = {"path": f"/{path}", "body": f'{{"share": {share}}}', "retries": 0, "expect": expect}
    verification = parse_verification({"verify": [check], "contract": {"labels": ["stay", "leave"]}})
    problem = await verify(url, verification, "Classification")
    return None if problem is None else f"{problem.reason.name}: {problem.http}"


async def test_an_object_with_probabilities_is_understood(url: str) -> None:
    expected = '{"label": "stay", "probabilities": {"stay": 0.7, "leave": 0.3}}'
    assert await found(url, "an_object", 0.7, body=expected, tolerance="0.001") is None


async def test_rows_of_probabilities_are_understood(url: str) -> None:
    assert await found(url, "rows", 0.25, fields=[{"jsonPath": "$[0][0]", "equals": "0.25"}]) is None


async def test_a_label_that_is_a_plain_text_is_understood(url: str) -> None:
    assert await found(url, "a_text", 0.7, body='"stay"') is None


async def test_nan_is_found_where_bentoml_writes_null_for_it(url: str) -> None:
    assert await found(url, "an_object", -1) == (
        'PredictionNotFinite: POST /an_object -> 200: {"label":"stay","probabilities":{"stay":null,"leave":null}}'
    )


async def test_nan_is_found_where_bentoml_writes_nan(url: str) -> None:
    assert await found(url, "a_list", 0.7) == "PredictionNotFinite: POST /a_list -> 200: [0.7, NaN]"


async def test_an_exception_in_the_model_is_a_failure_of_the_release(url: str) -> None:
    verdict = await found(url, "a_failure", 0.7, status=201)
    assert verdict is not None
    assert verdict.startswith("VerificationError: POST /a_failure -> 500: ")


async def test_a_body_that_the_model_refuses_is_told(url: str) -> None:
    check = {"path": "/an_object", "body": "{}"}
    problem = await verify(url, parse_verification({"verify": [check]}), "Classification")
    assert problem is not None
    assert problem.reason.name == "VerificationFailed"
    assert "the status should be 200, but is 400" in problem.message
    assert "Field required" in problem.http
