"""Keys: who comes in, what each may ask, and how often."""

from __future__ import annotations

from typing import Any

import pytest
from support.gateways import CUSTOMER, GatewayLab, model

from e2i.gateway.core.access import Access, BadAccess, key_digest, parse_access
from e2i.gateway.core.rate_limit import Bucket, Rate, take

BODY = {"input_data": CUSTOMER}
SHOP = {"name": "shop", "sha256": key_digest("shop-key"), "models": ["churn", "risk/*"]}
BATCH = {
    "name": "batch",
    "sha256": key_digest("batch-key"),
    "models": ["*"],
    "requestsPerSecond": 2,
    "burst": 3,
}
ACCESS = parse_access({"keys": [SHOP, BATCH]})


async def lab() -> GatewayLab:
    models = [model(), model("ltv"), model("fraud", "risk"), model("ltv", "risk")]
    return await GatewayLab(models, access=ACCESS).known()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer shop-key"},
        {"Authorization": "bearer  shop-key "},
        {"X-Api-Key": "shop-key"},
    ],
)
async def test_a_key_comes_in_either_header(headers: dict[str, str]) -> None:
    assert (await (await lab()).post("/churn/predict", BODY, headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic c2hvcA=="},
        {"X-Api-Key": "shop-key2"},
        {"X-Api-Key": SHOP["sha256"]},
        {"X-Api-Key": "x" * 100_000},
        {"Authorization": "Bearer a.b.c"},
    ],
    ids=[
        "none",
        "another scheme",
        "a wrong one",
        "its digest",
        "a long one",
        "a token, and there are no issuers",
    ],
)
async def test_nobody_comes_in_without_a_key(headers: dict[str, Any]) -> None:
    gateway = await lab()
    for answer in (
        await gateway.post("/churn/predict", BODY, headers),
        await gateway.call("GET", "/metrics", b"", headers),
    ):
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json["reason"] == "NotAuthenticated"
    assert not gateway.upstream.sent


@pytest.mark.parametrize(
    "path", ["/healthz", "/livez", "/readyz", "/v2/health/live", "/v2/health/ready", "/docs", "/"]
)
async def test_probes_need_no_key_nor_does_the_page_that_asks_for_one(path: str) -> None:
    assert (await (await lab()).get(path)).status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/churn/predict", 200),
        ("/fraud/predict", 200),
        ("/risk.ltv/predict", 200),
        ("/models.ltv/predict", 403),
    ],
)
async def test_a_key_may_ask_the_models_of_its_grant(path: str, status: int) -> None:
    answer = await (await lab()).post(path, BODY, {"X-Api-Key": "shop-key"})
    assert answer.status == status
    if status == 403:
        assert "shop may not ask ltv" in answer.json["error"]


async def test_a_caller_sees_the_models_of_its_grant_alone() -> None:
    gateway = await lab()
    names = {"models/churn", "risk/fraud", "risk/ltv"}
    health = await gateway.get("/health/bentoml", X_Api_Key="shop-key")
    assert set(health.json["models"]) == names
    listed = (await gateway.get("/api/models", X_Api_Key="shop-key")).json["models"]
    assert {each["model"] for each in listed} == names, "of two ltv it may ask one, which has the name alone"
    documented = (await gateway.get("/openapi.json", X_Api_Key="shop-key")).json["paths"]
    assert "/api/models/churn/predict" in documented
    assert "/api/models/ltv/predict" in documented


async def test_the_default_model_is_the_only_one_that_the_caller_may_ask() -> None:
    entry = SHOP | {"models": ["fraud"]}
    gateway = await GatewayLab(
        [model(), model("fraud", "risk")], access=parse_access({"keys": [entry]})
    ).known()
    await gateway.post("/api/predict", BODY, {"X-Api-Key": "shop-key"})
    assert gateway.upstream.sent[0].model == "risk/fraud"


async def test_a_caller_that_comes_too_often_is_told_when_to_come_again() -> None:
    gateway = await lab()
    headers = {"X-Api-Key": "batch-key"}
    answers = [await gateway.post("/churn/predict", BODY, headers) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert (answers[3].headers["retry-after"], answers[3].json["reason"]) == ("1", "RateLimited")
    assert (await gateway.post("/churn/predict", BODY, {"X-Api-Key": "shop-key"})).status == 200
    gateway.seconds = 0.5
    assert (await gateway.post("/churn/predict", BODY, headers)).status == 200


@pytest.mark.parametrize(
    ("before", "now", "left", "wait"),
    [
        (None, 0.0, 2.0, 0.0),
        (Bucket(1.0, 0.0), 0.0, 0.0, 0.0),
        (Bucket(0.0, 0.0), 0.0, 0.0, 0.5),
        (Bucket(0.0, 0.0), 0.25, 0.5, 0.25),
        (Bucket(0.0, 0.0), 0.5, 0.0, 0.0),
        (Bucket(0.0, 0.0), 100.0, 2.0, 0.0),
        (Bucket(1.0, 5.0), 4.0, 0.0, 0.0),
    ],
)
def test_a_bucket_of_three_that_gains_two_a_second(
    before: Bucket | None, now: float, left: float, wait: float
) -> None:
    after, seconds = take(before, Rate(2, 3), now)
    assert (after.tokens, seconds) == (left, wait)


def changed(**fields: Any) -> dict[str, Any]:
    return {"keys": [SHOP | fields]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "must hold the lists keys and issuers"),
        ([], "must hold the lists keys and issuers"),
        ({"key": []}, "must hold the lists keys and issuers"),
        ({"keys": ["shop"]}, "keys[0] is not a mapping with name, sha256, models"),
        ({"keys": [{"name": "shop"}]}, "keys[0] has no sha256"),
        (changed(model="churn"), "keys[0].model is not known"),
        (changed(sha256="shop-key"), "keys[0].sha256 is not a SHA-256 in 64 hex digits"),
        (changed(models=[]), "keys[0].models is empty"),
        (changed(models=[1]), "keys[0].models must be a text"),
        (changed(requestsPerSecond=0), "keys[0].requestsPerSecond=0 is not a number above 0"),
        (changed(requestsPerSecond=True), "keys[0].requestsPerSecond=True is not a number above 0"),
        (changed(burst=2), "keys[0].burst has no meaning without requestsPerSecond"),
        (changed(requestsPerSecond=1, burst=0), "keys[0].burst=0 is not a whole number from 1 on"),
        ({"keys": [SHOP, SHOP | {"name": "bank"}]}, "keys[1]: bank has the key of shop"),
        (
            {"issuers": [{"issuer": "login", "audience": "e2i", "grants": []}]},
            "issuers[0].issuer=login is not an address",
        ),
        (
            {"issuers": [{"issuer": "https://login.example", "audience": "e2i", "grants": []}]},
            "issuers[0].grants is empty",
        ),
    ],
)
def test_an_access_file_that_cannot_be_used(content: object, words: str) -> None:
    with pytest.raises(BadAccess) as error:
        parse_access(content)
    assert words in str(error.value)


def test_a_file_without_anybody_lets_nobody_in() -> None:
    found = parse_access({"keys": []})
    assert found == Access(keys={}, issuers={})
    assert not found.is_open
