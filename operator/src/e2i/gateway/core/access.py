"""Who may ask which model, and how often: keys and tokens of the access file. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from e2i.gateway.core.models import Model
from e2i.gateway.core.rate_limit import Rate
from e2i.gateway.core.refusal import Reason, Refused

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ISSUER = re.compile(r"https?://[^\s?#]+")
LONGEST_KEY = 512


class BadAccess(ValueError):
    """The access file cannot be used; the message names the place."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """The models that a caller may ask, and how often. `models`: patterns: churn, risk/*, or * for all."""

    models: tuple[str, ...]
    rate: Rate | None = None

    def allows(self, model: Model) -> bool:
        """Return whether the model may be asked; a pattern with a slash is of namespace and name."""
        return any(fnmatchcase(model.title if "/" in each else model.name, each) for each in self.models)

    @property
    def allows_all(self) -> bool:
        """Whether every model may be asked, also those that are not there yet."""
        return bool({"*", "*/*"} & {*self.models})


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks. `name` is what logs and limits know of it."""

    name: str
    grant: Grant


ANYBODY = Caller(name="anybody", grant=Grant(models=("*",)))


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """An OpenID provider whose tokens are taken, and the grants by a claim of theirs."""

    issuer: str
    audience: str
    jwks: str = ""
    """Address of its keys; empty: its discovery document names it."""
    claim: str = "scope"
    grants: Mapping[str, Grant]
    """By the value of the claim; that of * is for every token."""

    def caller(self, claims: Mapping[str, Any]) -> Caller:
        """Return who asks with these verified claims; Refused if none of its values has a grant."""
        said = claims.get(self.claim, ())
        values = said.split() if isinstance(said, str) else [str(each) for each in _as_list(said)]
        found = [self.grants[each] for each in (*values, "*") if each in self.grants]
        if not found:
            raise Refused(
                Reason.NotPermitted,
                f"no value of the token's claim {self.claim} has a grant here; ask for one of them",
            )
        models = tuple(dict.fromkeys(name for grant in found for name in grant.models))
        return Caller(name=f"{self.issuer}#{claims['sub']}", grant=Grant(models=models, rate=found[0].rate))


@dataclass(frozen=True, kw_only=True)
class Access:
    """The content of an access file. Without keys and issuers everybody may ask everything."""

    keys: Mapping[str, Caller]
    """By the SHA-256 of the key, in hex."""
    issuers: Mapping[str, Issuer]
    is_open: bool = False

    def by_key(self, key: str) -> Caller:
        """Return who has the key; Refused if nobody does."""
        caller = self.keys.get(key_digest(key)) if len(key) <= LONGEST_KEY else None
        if caller is None:
            raise Refused(
                Reason.NotAuthenticated, "nobody has this key; it may have been replaced: ask for a new one"
            )
        return caller


OPEN = Access(keys={}, issuers={}, is_open=True)


def key_digest(key: str) -> str:
    """Return what the access file holds of a key. A key is random and long, so one hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def credentials(headers: Mapping[str, str]) -> str:
    """Return the key or token of a request; Refused if it has none."""
    if key := headers.get("x-api-key", "").strip():
        return key
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    raise Refused(
        Reason.NotAuthenticated,
        "the request has no key: send one as Authorization: Bearer KEY, or as X-Api-Key: KEY",
    )


def parse_access(content: object) -> Access:
    """Parse the access file; BadAccess names the first place that cannot be used."""
    if not isinstance(content, Mapping) or set(content) - {"keys", "issuers"} or not content:
        raise BadAccess("the file must hold the lists keys and issuers, or one of them")
    keys: dict[str, Caller] = {}
    for number, entry in enumerate(_as_list(content.get("keys"))):
        digest, caller = _key(entry, f"keys[{number}]")
        if digest in keys:
            raise BadAccess(
                f"keys[{number}]: {caller.name} has the key of {keys[digest].name}; give it its own"
            )
        keys[digest] = caller
    issuers = [_issuer(each, f"issuers[{n}]") for n, each in enumerate(_as_list(content.get("issuers")))]
    return Access(keys=keys, issuers={each.issuer: each for each in issuers})


def _key(entry: object, at: str) -> tuple[str, Caller]:
    fields = _fields(entry, at, ("name", "sha256", "models"), ("requestsPerSecond", "burst"))
    digest = fields["sha256"]
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise BadAccess(
            f"{at}.sha256 is not a SHA-256 in 64 hex digits: make a key with e2i gateway key NAME"
        )
    return digest, Caller(name=_text(fields["name"], f"{at}.name"), grant=_grant(fields, at))


def _issuer(entry: object, at: str) -> Issuer:
    fields = _fields(entry, at, ("issuer", "audience", "grants"), ("jwks", "claim"))
    for name in ("issuer", "jwks"):
        if name in fields and not _ISSUER.fullmatch(_text(fields[name], f"{at}.{name}")):
            raise BadAccess(f"{at}.{name}={fields[name]} is not an address that begins with https://")
    grants: dict[str, Grant] = {}
    for number, each in enumerate(_as_list(fields["grants"])):
        place = f"{at}.grants[{number}]"
        given = _fields(each, place, ("value", "models"), ("requestsPerSecond", "burst"))
        grants[_text(given["value"], f"{place}.value")] = _grant(given, place)
    if not grants:
        raise BadAccess(f"{at}.grants is empty: nobody could ask anything with a token of this issuer")
    return Issuer(
        issuer=fields["issuer"],
        audience=_text(fields["audience"], f"{at}.audience"),
        jwks=fields.get("jwks", ""),
        claim=_text(fields.get("claim", "scope"), f"{at}.claim"),
        grants=grants,
    )


def _grant(fields: Mapping[str, Any], at: str) -> Grant:
    models = tuple(_text(each, f"{at}.models") for each in _as_list(fields["models"]))
    if not models:
        raise BadAccess(f'{at}.models is empty: list names of models, or "*" for all')
    rate = fields.get("requestsPerSecond")
    burst = fields.get("burst")
    if rate is None:
        if burst is not None:
            raise BadAccess(f"{at}.burst has no meaning without requestsPerSecond")
        return Grant(models=models)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1e6:
        raise BadAccess(f"{at}.requestsPerSecond={rate} is not a number above 0")
    burst = max(1, round(rate)) if burst is None else burst
    if isinstance(burst, bool) or not isinstance(burst, int) or not 1 <= burst <= 1_000_000:
        raise BadAccess(f"{at}.burst={burst} is not a whole number from 1 on")
    return Grant(models=models, rate=Rate(float(rate), burst))


def _fields(entry: object, at: str, needed: Iterable[str], optional: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise BadAccess(f"{at} is not a mapping with {', '.join(needed)}")
    if missing := [name for name in needed if name not in entry]:
        raise BadAccess(f"{at} has no {missing[0]}")
    if unknown := sorted(str(name) for name in set(entry) - {*needed, *optional}):
        raise BadAccess(f"{at}.{unknown[0]} is not known; there are {', '.join((*needed, *optional))}")
    return entry


def _text(value: object, at: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadAccess(f"{at} must be a text")
    return value


def _as_list(value: object) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
