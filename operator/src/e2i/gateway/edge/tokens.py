"""Verifies OpenID Connect tokens (JWT) with the keys of their issuers, which are fetched, kept and rotated."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import jwt

from e2i.gateway.core.access import Access, Caller, Issuer
from e2i.gateway.core.refusal import Reason, Refused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""With a public key alone. HS256 would take the public key for a secret."""
LEEWAY = 30.0
"""Seconds that clocks may differ."""
KEYS_FOR = 600.0
"""Seconds after which keys are fetched again."""
ASK_AGAIN = 10.0
"""Seconds in which an issuer is not asked again for the sake of an unknown key: anybody can name one."""
MOST_KEPT = 4096
"""Verified tokens that are remembered."""
LARGEST = 1 << 20
TIMEOUT = aiohttp.ClientTimeout(total=10)
logger = logging.getLogger("e2i.gateway")


class Tokens:
    """Knows who sent a token."""

    def __init__(self, session: Callable[[], aiohttp.ClientSession], wall: Callable[[], float]) -> None:
        """`wall`: the time in seconds since 1970."""
        self._session = session
        self._wall = wall
        self._keys: dict[str, _Keys] = {}
        self._verified: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._access: Access | None = None
        """What the verified tokens were verified with."""

    async def caller(self, token: str, access: Access) -> Caller:
        """Return whose token it is; Refused if it cannot be trusted."""
        if access is not self._access:
            # Issuers and grants may be others now.
            self._verified.clear()
            self._access = access
        kept = hashlib.sha256(token.encode()).hexdigest()
        if found := self._verified.get(kept):
            if self._wall() < found[0] + LEEWAY:
                return found[1]
            del self._verified[kept]
        issuer = self._issuer(token, access)
        claims = await self._claims(token, issuer)
        caller = issuer.caller(claims)
        if access is self._access:
            self._verified[kept] = float(claims["exp"]), caller
        if len(self._verified) > MOST_KEPT:
            self._verified.popitem(last=False)
        return caller

    def _issuer(self, token: str, access: Access) -> Issuer:
        try:
            said = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise _refused("it cannot be read as a JWT") from error
        issuer = access.issuers.get(said) if isinstance(said, str) else None
        if issuer is None:
            raise _refused(f"its issuer {str(said)[:100]!r} is not one of the access file")
        return issuer

    async def _claims(self, token: str, issuer: Issuer) -> Mapping[str, Any]:
        key = await self._key(token, issuer)
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=issuer.audience,
                issuer=issuer.issuer,
                # The times are compared with our own clock, below.
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError as error:
            raise _refused(f"it is not for the audience {issuer.audience}") from error
        except jwt.MissingRequiredClaimError as error:
            raise _refused(f"it has no claim {error.claim}") from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise _refused("its signature is not that of its issuer") from error
        _require_time(claims, self._wall())
        return claims

    async def _key(self, token: str, issuer: Issuer) -> Any:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise _refused("it cannot be read as a JWT") from error
        if header.get("alg") not in ALGORITHMS:
            raise _refused(
                f"its algorithm {str(header.get('alg'))[:20]!r} is none of {', '.join(ALGORITHMS)}"
            )
        keys = self._keys.setdefault(issuer.issuer, _Keys())
        kid = header.get("kid")
        await keys.refresh(self._session, issuer, kid)
        if (found := keys.find(kid)) is None:
            if keys.problem:
                raise Refused(
                    Reason.ModelUnavailable,
                    f"tokens of {issuer.issuer} cannot be verified now: {keys.problem}",
                    retry_after=ASK_AGAIN,
                )
            raise _refused(f"its key {str(kid)[:60]!r} is none of its issuer's")
        return found.key


class _Keys:
    """The keys of one issuer. What was fetched stays in use while the issuer does not answer."""

    def __init__(self) -> None:
        self.problem = ""
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = -KEYS_FOR
        self._asked_at = -ASK_AGAIN
        self._lock = asyncio.Lock()

    def find(self, kid: object) -> jwt.PyJWK | None:
        """Return the key of this id; a token without one needs an issuer with a single key."""
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid) if isinstance(kid, str) else None

    async def refresh(
        self, session: Callable[[], aiohttp.ClientSession], issuer: Issuer, kid: object
    ) -> None:
        """Fetch the keys if they are old, or if this one is not among them."""
        if not self._is_due(kid):
            return
        async with self._lock:
            if not self._is_due(kid):
                return
            self._asked_at = time.monotonic()
            try:
                self._keys = _parse(await _fetch(session(), issuer))
                self._fetched_at = time.monotonic()
                self.problem = ""
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, RecursionError) as error:
                self.problem = f"its keys cannot be fetched: {error or type(error).__name__}"
                logger.warning("%s: %s", issuer.issuer, self.problem)

    def _is_due(self, kid: object) -> bool:
        now = time.monotonic()
        is_wanted = now - self._fetched_at >= KEYS_FOR or self.find(kid) is None
        return is_wanted and now - self._asked_at >= ASK_AGAIN


async def _fetch(session: aiohttp.ClientSession, issuer: Issuer) -> Any:
    address = issuer.jwks
    if not address:
        about = await _json(session, f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != issuer.issuer:
            raise ValueError(f"its discovery document is of {str(about.get('issuer'))[:100]!r}")
        address = str(about["jwks_uri"])
    return await _json(session, address)


async def _json(session: aiohttp.ClientSession, address: str) -> Any:
    async with session.get(address, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        content = b""
        while len(content) <= LARGEST and (more := await answer.content.readany()):
            content += more
    if len(content) > LARGEST:
        raise ValueError(f"{address} has more than {LARGEST >> 20} MiB")
    found = json.loads(content)
    if not isinstance(found, dict):
        raise ValueError(f"{address} is no JSON object")
    return found


def _parse(content: Any) -> dict[str | None, jwt.PyJWK]:
    """Return the keys by their ids; those of other uses and unknown kinds are left out."""
    keys: dict[str | None, jwt.PyJWK] = {}
    for each in content["keys"]:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig" or each.get("kty") == "oct":
            continue
        try:
            keys[each.get("kid")] = jwt.PyJWK(each)
        except jwt.PyJWTError:
            continue
    if not keys:
        raise ValueError("it has no key for signatures")
    return keys


def _require_time(claims: Mapping[str, Any], now: float) -> None:
    """Refused if the token has ended, or has not begun."""
    times = {name: claims.get(name) for name in ("exp", "nbf")}
    for name, value in times.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise _refused(f"its {name} is no time")
    if (times["exp"] or 0) + LEEWAY <= now:
        raise _refused("it has expired")
    if (times["nbf"] or 0) - LEEWAY > now:
        raise _refused("it is not valid yet")


def _refused(why: str) -> Refused:
    return Refused(Reason.NotAuthenticated, f"the token is not taken: {why}; get a new one from its issuer")
