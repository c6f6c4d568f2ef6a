"""What the client asks the API server for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.rawserver import http, ok, running

from e2i.kube import ApiError, Resource

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
OPTIONS = {"kind": "DeleteOptions", "apiVersion": "v1"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param({}, {}, id="as the server does by default"),
        pytest.param({"uid": "u1"}, {"preconditions": {"uid": "u1"}}, id="one object only"),
        pytest.param({"grace_seconds": 0}, {"gracePeriodSeconds": 0}, id="at once"),
        pytest.param({"propagation": "Orphan"}, {"propagationPolicy": "Orphan"}, id="without its children"),
    ],
)
async def test_a_deletion_has_the_options_that_were_asked_for(
    given: dict[str, Any], sent: dict[str, Any]
) -> None:
    async with running(lambda _: ok({})) as (server, kube):
        await kube.delete(WIDGETS, "models", "churn", **given)
    (request,) = server.requests
    assert request.method == "DELETE"
    assert json.loads(request.body) == OPTIONS | sent


@pytest.mark.parametrize(("previous", "sent"), [(False, None), (True, "true")])
async def test_a_log_is_of_the_present_run_unless_the_one_before_is_asked_for(
    previous: bool, sent: str | None
) -> None:
    async with running(lambda _: http("200 OK", "words")) as (server, kube):
        assert await kube.log("models", "churn-1", "main", lines=20, limit=4000, previous=previous) == "words"
    query = server.requests[0].query
    assert query.get("previous") == sent
    assert (query["container"], query["tailLines"], query["limitBytes"]) == ("main", "20", "4000")


async def test_each_request_is_counted_once_with_its_status() -> None:
    asked: list[tuple[str, int]] = []
    answers = [ok({}), http("409 Conflict", "{}"), http("200 OK", "no JSON"), b""]
    async with running(lambda _: answers.pop(0)) as (_, kube):
        kube.count(lambda method, status: asked.append((method, status)))
        await kube.request("GET", "/version")
        for _ in range(2):
            with pytest.raises(ApiError):
                await kube.request("PATCH", "/version", body={})
        with pytest.raises(ApiError):
            await kube.request("POST", "/version")
    assert asked == [("GET", 200), ("PATCH", 409), ("PATCH", 200), ("POST", 0)]
