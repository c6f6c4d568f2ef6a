"""`Record`: the result of one trial of a release. Records lie in the bucket beside the bentos and outlive the cluster.

A record holds what is needed to run its release again, except the values of its environment. It never changes: its
key is made from its content, and the first record under a key stays. Keys sort by time, and a listing of keys answers
the questions about a whole bucket.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime, timedelta
from itertools import repeat
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from e2i.api.artifact import Artifact
from e2i.api.conditions import parse_timestamp, timestamp
from e2i.api.model import Shape

VERSION = 2
READABLE = (1, VERSION)
"""Records of version 1 have the values of the environment."""
SERVED = "Served"
FAILED = "Failed"
CANARY = "Canary"
"""It got a share of the requests. Without another record of the trial, it was overtaken by another release."""
RESULTS = (SERVED, FAILED, CANARY)
LARGEST = 8 << 20
"""Bytes of the largest record: an E2IModel has at most 1.5 MiB, and escapes make its text up to three times longer."""
DIGEST_HEX = 16
"""Hex digits of the artifact's digest in a key."""

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_HEX = re.compile(r"[0-9a-f]{1,64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KEY = re.compile(
    r"(?P<directory>.*/)(?P<time>\d{8}T\d{6}Z)-(?P<release>[0-9a-f]{1,64})-(?P<result>Served|Failed|Canary)"
    r"-(?P<digest>[0-9a-f]{16})-(?P<trial>[0-9a-f]{1,64})\.json",
    re.ASCII,
)
_WRITTEN_AS: Mapping[Any, Any] = {str: str, bool: bool, int: int, float: (int, float), Mapping: dict}


@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of one trial of a release. Times are UTC and are stored in whole seconds.

    ValueError if no key can be made from a name, release, digest, trial or time.
    """

    namespace: str
    model: str
    release: str
    trial: str
    result: str
    """One of RESULTS. A release that served and failed later has one record for each."""
    reason: str = ""
    message: str = ""
    artifact: Artifact
    shape: Shape
    """Its environment is empty in a record that was read, unless that is of version 1."""
    env: tuple[str, ...] = ()
    """Names of the environment's variables. Their values stay in the cluster: many may read the bucket."""
    image: str = ""
    started_at: datetime
    """The time in the key. The cluster stores it too, so that a repeated write has the same key."""
    at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The same JSON as in status.failedReleases[].evidence."""

    def __post_init__(self) -> None:
        patterns = {"namespace": _LABEL, "model": _LABEL, "release": _HEX, "trial": _HEX}
        for name, pattern in patterns.items():
            _check(name, getattr(self, name), pattern)
        _check("digest", self.artifact.digest, _DIGEST)
        for moment in (self.started_at, self.at):
            if moment.utcoffset() != timedelta():
                raise ValueError(f"the times of a record must be UTC, not {moment.isoformat()}")
        if self.result not in RESULTS:
            raise ValueError(f"the result of a record must be one of {RESULTS}, not {self.result!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The content of a record's key."""

    key: str
    directory: str
    time: str
    release: str
    result: str
    digest: str
    """The first DIGEST_HEX hex digits of the archive's digest."""
    trial: str


def root(prefix: str) -> str:
    """Return the folder of all records: team -> team/releases/"""
    return f"{prefix.strip('/')}/releases/".lstrip("/")


def directory(namespace: str, model: str, prefix: str) -> str:
    """Return the folder of one model's records: models, churn -> releases/models/churn/

    ValueError if a name is not a DNS label: it could lead to the records of another model.
    """
    return f"{root(prefix)}{_check('namespace', namespace, _LABEL)}/{_check('model', model, _LABEL)}/"


def key(record: Record, prefix: str) -> str:
    """Return the key: releases/models/churn/20261121T120000Z-0b1d77e2-Served-9f3c21aa9f3c21aa-77aa01ff.json"""
    time = record.started_at.strftime("%Y%m%dT%H%M%SZ")
    digest = record.artifact.digest.removeprefix("sha256:")[:DIGEST_HEX]
    name = f"{time}-{record.release}-{record.result}-{digest}-{record.trial}.json"
    return directory(record.namespace, record.model, prefix) + name


def parse_key(text: str) -> Entry | None:
    """Parse a key; None if it is not the key of a record."""
    match = _KEY.fullmatch(text)
    return Entry(key=text, **match.groupdict()) if match else None


def lasting(entries: Iterable[Entry]) -> frozenset[Entry]:
    """Return the entries of one model that a rollback may need and that must not be deleted.

    These are the newest that served, and the newest that served without a failure of the same trial. Only the
    records say which of the two a rollback needs: a failure may be earlier or later than the success.
    """
    known = list(entries)
    failed = {(entry.release, entry.trial) for entry in known if entry.result == FAILED}
    served = [entry for entry in known if entry.result == SERVED]
    good = [entry for entry in served if (entry.release, entry.trial) not in failed]
    return _newest(served) | _newest(good)


def _newest(entries: list[Entry]) -> frozenset[Entry]:
    """Return the newest entries: several if they have the same second."""
    last = max((entry.time for entry in entries), default="")
    return frozenset(entry for entry in entries if entry.time == last)


def good(records: Iterable[Record]) -> tuple[Record, ...]:
    """Return the records that a rollback can use, the newest first: they served and did not fail in that trial."""
    known = list(records)
    failures = [each for each in known if each.result == FAILED]
    served = sorted((each for each in known if each.result == SERVED), key=_age, reverse=True)
    return tuple(each for each in served if not any(_ended(each, failure) for failure in failures))


def _age(record: Record) -> tuple[datetime, datetime]:
    return record.started_at, record.at


def _ended(served: Record, failure: Record) -> bool:
    same = (served.release, served.trial) == (failure.release, failure.trial)
    return same and served.at <= failure.at


def encode(record: Record) -> bytes:
    """Return the record as JSON with sorted keys, in ASCII, with a checksum of its content."""
    content = {"version": VERSION, **_plain(without_values(record))}
    return _canonical({**content, "checksum": _checksum(content)})


def without_values(record: Record) -> Record:
    """Return the record with the names of the environment's variables only."""
    if not record.shape.env:
        return record
    names = tuple(name for name, _ in record.shape.env)
    return replace(record, shape=replace(record.shape, env=()), env=names)


def decode(body: bytes) -> Record | None:
    """Return the record; None if the text is damaged or of another version.

    An unknown field is ignored and a missing field gets its default, so that operators of different versions can
    read each other's records.
    """
    try:
        content = json.loads(body)
        checksum = content.pop("checksum")
        if content["version"] not in READABLE or checksum != _checksum(content):
            return None
        record: Record = _dataclass(Record, content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return record


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, allow_nan=False, default=_plain).encode()


def _checksum(content: Mapping[str, Any]) -> str:
    return f"sha256:{hashlib.sha256(_canonical(content)).hexdigest()}"


def _plain(value: Any) -> Any:
    """Return a value of a type that JSON lacks as one that JSON has."""
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Mapping):
        return dict(value)
    if not is_dataclass(value):
        raise TypeError(f"a record cannot hold a {type(value).__name__}")
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _dataclass(kind: Any, content: Mapping[str, Any]) -> Any:
    hints = get_type_hints(kind)
    known = [each.name for each in fields(kind) if each.name in content]
    return kind(**{name: _value(hints[name], content[name]) for name in known})


def _value(hint: Any, raw: Any) -> Any:
    """Convert a parsed JSON value to the type `hint`. TypeError if this is impossible."""
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if is_dataclass(hint):
        return _dataclass(hint, raw)
    if hint is datetime:
        return parse_timestamp(raw)
    if kind is tuple:
        each = repeat(inner[0], len(raw)) if inner[-1] is Ellipsis else inner
        return tuple(_value(one, item) for one, item in zip(each, raw, strict=True))
    if NoneType in inner:
        return None if raw is None else _value(next(one for one in inner if one is not NoneType), raw)
    if not isinstance(raw, _WRITTEN_AS.get(kind, object)):
        raise TypeError(f"{raw!r} is not a {hint}")
    return raw


def _check(name: str, value: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(
            f"the {name} of a record cannot be {value!r}, because it becomes part of a key in the bucket"
        )
    return value
