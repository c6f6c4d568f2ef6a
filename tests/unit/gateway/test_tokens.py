"""Tokens of OpenID providers: signature, issuer, audience and time, with keys that are rotated."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from support.gateways import CUSTOMER, GatewayLab, model

from e2i.gateway.callers import Callers
from e2i.gateway.core.access import Access, parse_access
from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.edge import tokens
from e2i.gateway.edge.tokens import Tokens

NOW = 1_800_000_000.0
Key = ec.EllipticCurvePrivateKey


class Provider:
    """An OpenID provider on this machine."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {"one": ec.generate_private_key(ec.SECP256R1())}
        self.url = ""
        self.asked = 0
        self.status = 200

    async def about(self, _: web.Request) -> web.Response:
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    async def jwks(self, _: web.Request) -> web.Response:
        self.asked += 1
        keys = [
            json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig", "alg": "ES256"}
            for kid, key in self.keys.items()
        ]
        return web.json_response({"keys": keys}, status=self.status)

    def token(self, kid: str = "one", key: Key | None = None, **claims: Any) -> str:
        said = {
            "iss": self.url,
            "aud": "e2i",
            "sub": "ada",
            "exp": NOW + 300,
            "groups": ["science"],
        } | claims
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(kept, key or self.keys[kid], algorithm="ES256", headers={"kid": kid})

    def access(self) -> Access:
        grants = [{"value": "science", "models": ["churn"], "requestsPerSecond": 100}]
        issuer = {"issuer": self.url, "audience": "e2i", "claim": "groups", "grants": grants}
        return parse_access({"issuers": [issuer]})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    found = Provider()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", found.about)
    app.router.add_get("/keys", found.jwks)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
async def verifier() -> AsyncIterator[Tokens]:
    async with aiohttp.ClientSession() as session:
        yield Tokens(lambda: session, lambda: NOW)


async def test_a_token_of_a_known_issuer_has_the_grant_of_its_claim(
    provider: Provider, verifier: Tokens
) -> None:
    access = provider.access()
    caller = await verifier.caller(provider.token(), access)
    assert (caller.name, caller.grant.models) == (f"{provider.url}#ada", ("churn",))
    await verifier.caller(provider.token(sub="eve"), access)
    assert provider.asked == 1


@pytest.mark.parametrize(
    ("claims", "reason", "words"),
    [
        ({"exp": NOW - 31}, Reason.NotAuthenticated, "it has expired"),
        ({"nbf": NOW + 31}, Reason.NotAuthenticated, "it is not valid yet"),
        ({"exp": None}, Reason.NotAuthenticated, "it has no claim exp"),
        ({"exp": "never"}, Reason.NotAuthenticated, "its exp is no time"),
        ({"sub": None}, Reason.NotAuthenticated, "it has no claim sub"),
        ({"aud": "bank"}, Reason.NotAuthenticated, "it is not for the audience e2i"),
        (
            {"iss": "https://evil.example"},
            Reason.NotAuthenticated,
            "its issuer 'https://evil.example' is not one",
        ),
        ({"groups": ["sales"]}, Reason.NotPermitted, "no value of the token's claim groups has a grant"),
    ],
)
async def test_a_token_that_is_not_taken_says_why(
    provider: Provider, verifier: Tokens, claims: dict[str, Any], reason: Reason, words: str
) -> None:
    with pytest.raises(Refused) as error:
        await verifier.caller(provider.token(**claims), provider.access())
    assert error.value.reason is reason
    assert words in error.value.message


async def test_clocks_may_differ_by_half_a_minute(provider: Provider, verifier: Tokens) -> None:
    await verifier.caller(provider.token(exp=NOW - 29, nbf=NOW + 29), provider.access())


async def test_a_signature_of_somebody_else_is_found_out(provider: Provider, verifier: Tokens) -> None:
    forged = provider.token(key=ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Refused, match="its signature is not that of its issuer"):
        await verifier.caller(forged, provider.access())


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
async def test_a_token_without_a_signature_by_a_private_key_is_not_taken(
    provider: Provider, verifier: Tokens, algorithm: str
) -> None:
    claims = {"iss": provider.url, "aud": "e2i", "sub": "ada", "exp": NOW + 300}
    secret = "0" * 64 if algorithm == "HS256" else None
    forged = jwt.encode(claims, secret, algorithm=algorithm, headers={"kid": "one"})
    with pytest.raises(Refused, match=f"its algorithm '{algorithm}' is none of RS256"):
        await verifier.caller(forged, provider.access())


async def test_a_new_key_is_fetched_and_a_made_up_one_asks_nobody_again(
    provider: Provider, verifier: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = provider.access()
    await verifier.caller(provider.token(), access)
    provider.keys = {"two": ec.generate_private_key(ec.SECP256R1())}
    with pytest.raises(Refused, match="its key 'two' is none of its issuer's"):
        await verifier.caller(provider.token("two"), access)
    monkeypatch.setattr(tokens, "ASK_AGAIN", 0.0)
    assert (await verifier.caller(provider.token("two"), access)).name.endswith("#ada")
    assert provider.asked == 2
    # What was rotated away is no key any more.
    gone = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(Refused, match="its key 'one' is none of its issuer's"):
        await verifier.caller(provider.token("one", key=gone), access)


async def test_an_issuer_that_does_not_answer_is_no_fault_of_the_caller(
    provider: Provider, verifier: Tokens
) -> None:
    provider.status = 500
    with pytest.raises(Refused) as error:
        await verifier.caller(provider.token(), provider.access())
    assert error.value.reason.status == 503
    assert "cannot be verified now: its keys cannot be fetched" in error.value.message


async def test_known_keys_stay_in_use_while_the_issuer_does_not_answer(
    provider: Provider, verifier: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = provider.access()
    await verifier.caller(provider.token(), access)
    provider.status = 500
    monkeypatch.setattr(tokens, "ASK_AGAIN", 0.0)
    monkeypatch.setattr(tokens, "KEYS_FOR", 0.0)
    await verifier.caller(provider.token(sub="eve"), access)
    assert provider.asked == 2


async def test_a_token_that_was_taken_is_not_taken_after_its_end(provider: Provider) -> None:
    now = NOW
    async with aiohttp.ClientSession() as session:
        verifier = Tokens(lambda: session, lambda: now)
        access, token = provider.access(), provider.token()
        await verifier.caller(token, access)
        now += 331
        with pytest.raises(Refused, match="it has expired"):
            await verifier.caller(token, access)


async def test_a_token_that_was_taken_has_the_grants_of_today(provider: Provider, verifier: Tokens) -> None:
    token = provider.token()
    await verifier.caller(token, provider.access())
    issuer = provider.access().issuers[provider.url]
    fewer = Access(keys={}, issuers={provider.url: replace(issuer, grants={})})
    with pytest.raises(Refused, match="no value of the token's claim groups has a grant"):
        await verifier.caller(token, fewer)


async def test_the_gateway_takes_tokens_beside_keys(provider: Provider, verifier: Tokens) -> None:
    lab = await GatewayLab([model(), model("ltv")]).known()
    callers = Callers(verifier.caller, time.monotonic, provider.access())
    headers = {"authorization": f"Bearer {provider.token()}"}
    caller = await callers.identify(headers)
    lab.callers.identify = lambda _: _given(caller)  # type: ignore[method-assign,assignment]
    assert (await lab.post("/churn/predict", {"input_data": CUSTOMER})).status == 200
    assert (await lab.post("/ltv/predict", {"input_data": CUSTOMER})).status == 403


async def _given(value: Any) -> Any:
    return value
