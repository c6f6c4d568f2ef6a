"""The ledger: what became of each release, kept in the bucket beside the bentos, so that it outlives the cluster.

A record is complete enough to run its release again where nothing else is left. It never changes: its key
follows from what it says, and the first one under a key stays. Keys sort by time and tell enough that questions
about a whole bucket need no more than a listing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from itertools import repeat
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from e2i.api.artifact import Artifact
from e2i.api.conditions import parse_timestamp, timestamp
from e2i.api.digest import archive_key
from e2i.api.model import Shape
from e2i.api.tags import TagRefused, parse_tag

VERSION = 1
SERVED = "Served"
FAILED = "Failed"
LARGEST = 8 << 20
"""Bytes that a record may have: an E2IModel has 1.5 MiB at most, and escapes make thrice as much of its text."""
DIGEST_HEX = 16
"""Hex digits of the artifact's digest in a key."""

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_HEX = re.compile(r"[0-9a-f]{1,64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KEY = re.compile(
    r"(?P<directory>.*/)(?P<time>\d{8}T\d{6}Z)-(?P<release>[0-9a-f]{1,64})-(?P<result>Served|Failed)"
    r"-(?P<digest>[0-9a-f]{16})-(?P<trial>[0-9a-f]{1,64})\.json",
    re.ASCII,
)
_WRITTEN_AS: Mapping[Any, Any] = {str: str, bool: bool, int: int, float: (int, float), Mapping: dict}
_ARCHIVE = re.compile(r"(?:.*/)?bentos/([^/:]+)/([^/:]+)/([0-9a-f]{64})\.tar")


@dataclass(frozen=True, kw_only=True)
class Record:
    """The fate of one release in one trial. Times are UTC, and kept in whole seconds.

    ValueError for a name, release, digest, trial or time that no key can be made of.
    """

    namespace: str
    model: str
    release: str
    trial: str
    result: str
    """SERVED or FAILED. A release that served and failed afterwards has a record of each."""
    reason: str = ""
    message: str = ""
    artifact: Artifact
    shape: Shape
    image: str = ""
    started_at: datetime
    """The time in the key: one that the cluster keeps, so that a repeated write has the same key."""
    at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """JSON, as in status.failedReleases."""

    def __post_init__(self) -> None:
        forms = {"namespace": _LABEL, "model": _LABEL, "release": _HEX, "trial": _HEX}
        for name, form in forms.items():
            _check(name, getattr(self, name), form)
        _check("digest", self.artifact.digest, _DIGEST)
        for moment in (self.started_at, self.at):
            if moment.utcoffset() != timedelta():
                raise ValueError(f"a record's times are UTC, not {moment.isoformat()}")
        if self.result not in (SERVED, FAILED):
            raise ValueError(f"a record's result is {SERVED} or {FAILED}, not {self.result!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the key of a record tells."""

    key: str
    directory: str
    time: str
    release: str
    result: str
    digest: str
    """The first DIGEST_HEX hex digits."""
    trial: str


def root(prefix: str) -> str:
    """Where all records lie: team -> team/releases/"""
    return f"{prefix.strip('/')}/releases/".lstrip("/")


def directory(namespace: str, model: str, prefix: str) -> str:
    """Where the records of one model lie: models, churn -> releases/models/churn/

    ValueError for a name that is no DNS label: it might lead to the records of another model.
    """
    return f"{root(prefix)}{_check('namespace', namespace, _LABEL)}/{_check('model', model, _LABEL)}/"


def key(record: Record, prefix: str) -> str:
    """releases/models/churn/20261121T120000Z-0b1d77e2-Served-9f3c21aa9f3c21aa-77aa01ff.json"""
    time = record.started_at.strftime("%Y%m%dT%H%M%SZ")
    digest = record.artifact.digest.removeprefix("sha256:")[:DIGEST_HEX]
    name = f"{time}-{record.release}-{record.result}-{digest}-{record.trial}.json"
    return directory(record.namespace, record.model, prefix) + name


def parse_key(text: str) -> Entry | None:
    """What a key tells, None if it is not the key of a record."""
    match = _KEY.fullmatch(text)
    return Entry(key=text, **match.groupdict()) if match else None


def lasting(entries: Iterable[Entry]) -> frozenset[Entry]:
    """Of one model's entries those that it may have to return to, however many came after.

    They are the newest that served, and the newest that served and has no failure of the same trial. Which of
    the two is wanted only the records tell: a failure may have come before or after the serving.
    """
    known = list(entries)
    failed = {(entry.release, entry.trial) for entry in known if entry.result == FAILED}
    served = [entry for entry in known if entry.result == SERVED]
    good = [entry for entry in served if (entry.release, entry.trial) not in failed]
    return _newest(served) | _newest(good)


def _newest(entries: list[Entry]) -> frozenset[Entry]:
    """More than one where several began in the same second."""
    last = max((entry.time for entry in entries), default="")
    return frozenset(entry for entry in entries if entry.time == last)


def good(records: Iterable[Record]) -> tuple[Record, ...]:
    """Those to return to, best first: they served, and did not fail in that trial afterwards."""
    known = list(records)
    failures = [each for each in known if each.result == FAILED]
    served = sorted((each for each in known if each.result == SERVED), key=_age, reverse=True)
    return tuple(each for each in served if not any(_ended(each, failure) for failure in failures))


def _age(record: Record) -> tuple[datetime, datetime]:
    return record.started_at, record.at


def _ended(served: Record, failure: Record) -> bool:
    same = (served.release, served.trial) == (failure.release, failure.trial)
    return same and served.at <= failure.at


def key_of_archive(uri: str, bucket: str, prefix: str) -> str | None:
    """The key of an archive that `archive_key` would put there; None for any other address."""
    place = f"s3://{bucket}/"
    match = _ARCHIVE.fullmatch(uri.removeprefix(place))
    if match is None:
        return None
    name, version, digest = match.groups()
    try:
        expected = archive_key(parse_tag(f"{name}:{version}"), digest, prefix)
    except TagRefused:
        return None
    return expected if uri == place + expected else None


def encode(record: Record) -> bytes:
    """JSON with sorted keys, in ASCII, with a checksum of itself."""
    content = {"version": VERSION, **_plain(record)}
    return _canonical({**content, "checksum": _checksum(content)})


def decode(body: bytes) -> Record | None:
    """The record that was encoded, None for anything else, be it damaged or of another version.

    A field that we do not know is passed over, and one that is missing takes its default, so that operators
    of different age can read one another.
    """
    try:
        content = json.loads(body)
        checksum = content.pop("checksum")
        if content["version"] != VERSION or checksum != _checksum(content):
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
    """What JSON has no word for."""
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
    """What JSON made of a value of the type `hint`, made into one again; TypeError if it cannot be one."""
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
        raise TypeError(f"{raw!r} is no {hint}")
    return raw


def _check(name: str, value: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(value):
        raise ValueError(f"a record's {name} cannot be {value!r}: it becomes part of a key of the bucket")
    return value
