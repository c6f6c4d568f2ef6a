"""A record says enough to run its release again, and its key enough to find it without reading."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from support.builders import DIGEST, NOON, an_artifact, seconds

from e2i.api.digest import archive_key, key_of_archive
from e2i.api.model import Shape
from e2i.api.naming import release_of_shape
from e2i.api.release_record import (
    FAILED,
    LARGEST,
    SERVED,
    Entry,
    Record,
    decode,
    encode,
    good,
    key,
    lasting,
    parse_key,
    root,
    without_values,
)
from e2i.api.tags import parse_tag

SHAPE = Shape(
    type="Causal",
    requests=(("cpu", "500m"), ("memory", "1Gi")),
    limits=(("nvidia.com/gpu", "1"),),
    env=(("LEVEL", "info"), ("GREETING", "Grüße 🦊 \u0000 \ud800"), ("EMPTY", "")),
)
EVIDENCE = {"container": "main", "exitCode": 137, "log": ["a", "b"], "http": {"status": 500}, "ratio": 0.05}


def a_record(after: float = 0, **changes: Any) -> Record:
    """A release that served from the moment it began, `after` seconds past noon."""
    moment = NOON + seconds(after)
    record = Record(
        namespace="models",
        model="churn",
        release="0b1d77e2",
        trial="77aa01ff",
        result=SERVED,
        reason="Serving",
        message="release 0b1d77e2 has the address",
        artifact=an_artifact(),
        shape=SHAPE,
        image="registry.example/churn@sha256:12",
        started_at=moment,
        at=moment,
        evidence=EVIDENCE,
    )
    return dataclasses.replace(record, **changes)


def entries(*records: Record) -> list[Entry]:
    found = [parse_key(key(record, "")) for record in records]
    return [entry for entry in found if entry]


def sealed(content: dict[str, Any]) -> bytes:
    """As another version of the operator would write it: any content, with a checksum that is right."""
    body = json.dumps(content, sort_keys=True).encode()
    return json.dumps({**content, "checksum": f"sha256:{hashlib.sha256(body).hexdigest()}"}).encode()


def written(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(encode(a_record()))
    del content["checksum"]
    return content | changes


BACK = without_values(a_record())
"""The record, as it is read again."""


def test_a_record_comes_back_without_the_values_of_its_variables() -> None:
    assert decode(encode(a_record())) == BACK
    assert a_record(shape=dataclasses.replace(SHAPE, env=()), env=("LEVEL", "GREETING", "EMPTY")) == BACK
    assert b"Gr\\u00fc\\u00dfe" not in encode(a_record())


def test_a_record_that_was_read_is_written_as_it_was() -> None:
    assert encode(BACK) == encode(a_record())


def test_a_record_of_version_1_comes_back_with_its_values() -> None:
    content = written(version=1)
    content["shape"]["env"] = [list(pair) for pair in SHAPE.env]
    del content["env"]
    assert decode(sealed(content)) == a_record()


def test_the_shape_that_comes_back_makes_the_same_release() -> None:
    back = decode(encode(a_record()))
    assert back is not None
    shape = dataclasses.replace(back.shape, env=SHAPE.env)
    assert release_of_shape(shape, "sha256:1") == release_of_shape(SHAPE, "sha256:1")


def test_what_the_evidence_is_kept_in_makes_no_difference() -> None:
    frozen = MappingProxyType({**EVIDENCE, "http": MappingProxyType({"status": 500})})
    assert encode(a_record(evidence=frozen)) == encode(a_record())


def test_the_same_record_has_the_same_bytes_which_are_json_in_ascii() -> None:
    body = encode(a_record())
    assert body.isascii()
    assert body == encode(a_record(evidence=dict(reversed(EVIDENCE.items()))))
    assert json.loads(body)["version"] == 2
    assert list(json.loads(body)) == sorted(json.loads(body))


def test_the_largest_model_fits_into_a_record() -> None:
    # A letter of two bytes is escaped into six; etcd takes no object of more than 1.5 MiB.
    assert len(encode(a_record(evidence={"log": "ü" * 770_000}))) < LARGEST


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan")])
def test_evidence_that_json_cannot_say_is_a_bug_of_the_caller(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(a_record(evidence={"value": value}))


def test_a_field_of_a_newer_operator_is_passed_over() -> None:
    newer = written(mood="good")
    newer["shape"]["colour"] = "red"
    assert decode(sealed(newer)) == BACK


def test_a_field_that_an_older_operator_did_not_know_takes_its_default() -> None:
    older = written()
    for name in ("reason", "evidence", "image"):
        del older[name]
    del older["shape"]["limits"]
    assert decode(sealed(older)) == dataclasses.replace(
        BACK, shape=dataclasses.replace(BACK.shape, limits=()), reason="", evidence={}, image=""
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not json", id="no JSON"),
        pytest.param(b"\xff\xfe\xfd", id="no text"),
        pytest.param(b"null", id="null"),
        pytest.param(b"7", id="a number"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b"[" * 100_000, id="a deep list"),
        pytest.param(b'{"checksum": ' + b"9" * 10_000 + b"}", id="a number beyond all bounds"),
        pytest.param(encode(a_record())[:-1], id="cut off"),
        pytest.param(encode(a_record()).replace(b"LEVEL", b"LEVEX"), id="one letter changed"),
        pytest.param(encode(a_record()).replace(b"0.05", b"NaN"), id="a number that is none"),
        pytest.param(sealed(written(version=3)), id="another version"),
        pytest.param(sealed({"version": 1}), id="nothing but a version"),
        pytest.param(sealed(written(model="../other")), id="a model that leads elsewhere"),
        pytest.param(sealed(written(message=7)), id="a number where a text belongs"),
        pytest.param(sealed(written(evidence=[])), id="a list where an object belongs"),
        pytest.param(sealed(written(shape="Causal")), id="a text where a shape belongs"),
        pytest.param(sealed(written(shape={"type": "x", "env": [["A"]]})), id="half a variable"),
        pytest.param(sealed(written(shape={"type": "x", "env": 3})), id="a number where a list belongs"),
        pytest.param(sealed(written(at="yesterday")), id="a time that is none"),
        pytest.param(sealed(written(at=12)), id="a number where a time belongs"),
        pytest.param(sealed(written(at="0001-01-01T00:00:00Z")), id="a time before there were clusters"),
    ],
)
def test_what_is_no_record_of_ours_is_none_and_no_exception(body: bytes) -> None:
    assert decode(body) is None


def test_no_bit_that_flips_makes_another_record_of_it() -> None:
    body = encode(a_record())
    for place in range(len(body)):
        for bit in range(8):
            damaged = body[:place] + bytes([body[place] ^ (1 << bit)]) + body[place + 1 :]
            assert decode(damaged) in (None, BACK)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probe:
    path: str
    seconds: float = 1.0
    headers: dict[str, str] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaterShape(Shape):
    probe: Probe | None = None
    rules: tuple[dict[str, Any], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaterRecord(Record):
    shape: LaterShape


@pytest.mark.parametrize("probe", [None, Probe(path="/ready", seconds=2, headers={"a": "b"})])
def test_fields_that_a_shape_gets_later_are_kept_too(
    monkeypatch: pytest.MonkeyPatch, probe: Probe | None
) -> None:
    monkeypatch.setattr("e2i.api.release_record.Record", LaterRecord)
    later = LaterRecord(
        **{**vars(a_record()), "shape": LaterShape(type="Causal", probe=probe, rules=({"a": [1]},))}
    )
    assert decode(encode(later)) == later


@pytest.mark.parametrize("prefix", ["", "team", "/a/b/"])
def test_the_key_tells_time_release_result_and_digest(prefix: str) -> None:
    text = key(a_record(3600, result=FAILED), prefix)
    place = f"{prefix.strip('/')}/releases/models/churn/".lstrip("/")
    assert text == f"{place}20261121T130000Z-0b1d77e2-Failed-9f3c21aa9f3c21aa-77aa01ff.json"
    assert text.startswith(root(prefix))
    assert parse_key(text) == Entry(
        key=text,
        directory=place,
        time="20261121T130000Z",
        release="0b1d77e2",
        result=FAILED,
        digest="9f3c21aa9f3c21aa",
        trial="77aa01ff",
    )


def test_what_is_learned_after_the_start_does_not_move_the_key() -> None:
    later = a_record(at=NOON + timedelta(days=1), message="other", evidence={}, image="")
    assert key(later, "") == key(a_record(), "")


def test_keys_sort_by_time() -> None:
    dates = [(2026, 2, 2), (2026, 2, 20), (2026, 11, 1), (2027, 1, 31)]
    records = [
        a_record(started_at=datetime(*date, hour, tzinfo=UTC), release=f"{9 - hour % 9}")
        for date in dates
        for hour in (2, 20)
    ]
    keys = [key(record, "") for record in records]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    "text",
    [
        "releases/models/churn/notes.txt",
        "releases/models/churn/20261121T120000Z-0b1d77e2-Served-9f3c21aa9f3c21aa-77aa01ff.json.bak",
        "releases/models/churn/20261121T120000Z-0b1d77e2-Perhaps-9f3c21aa9f3c21aa-77aa01ff.json",
        "releases/models/churn/20261121T120000Z-0b1d77e2-Served-9f3c-77aa01ff.json",
        "20261121T120000Z-0b1d77e2-Served-9f3c21aa9f3c21aa-77aa01ff.json",
        "",
    ],
)
def test_other_keys_tell_nothing(text: str) -> None:
    assert parse_key(text) is None


NO_LABELS = [
    "",
    "..",
    ".",
    "a/b",
    "../other",
    "a.b",
    "Churn",
    "a\n",
    "-a",
    "a-",
    "a" * 64,
    "ä",
    "a%2fb",
    "a\0",
]


@pytest.mark.parametrize("name", NO_LABELS)
@pytest.mark.parametrize("field", ["namespace", "model"])
def test_no_name_leaves_its_directory(field: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"the {field} of a record cannot be"):
        a_record(**{field: name})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("release", "../0b1d"),
        ("release", ""),
        ("trial", "77/aa"),
        ("trial", "xyz"),
        ("result", "Perhaps"),
        ("artifact", an_artifact(digest="sha256:9f")),
        ("artifact", an_artifact(digest=f"sha256:{'/' * 64}")),
        ("at", NOON.replace(tzinfo=None)),
        ("started_at", NOON.astimezone(timezone(timedelta(hours=1)))),
    ],
)
def test_what_no_key_can_be_made_of_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match="of a record"):
        a_record(**{field: value})


def test_the_newest_that_served_is_the_one_to_return_to() -> None:
    first, second = a_record(0, release="a1"), a_record(60, release="b2")
    bad = a_record(120, release="c3", result=FAILED)
    assert good([second, bad, first]) == (second, first)
    assert lasting(entries(second, bad, first)) == frozenset(entries(second))


def test_a_release_that_failed_after_it_served_is_not_returned_to() -> None:
    first, second = a_record(0, release="a1"), a_record(60, release="b2")
    crashed = dataclasses.replace(second, result=FAILED, at=second.at + seconds(30))
    assert good([first, second, crashed]) == (first,)
    assert set(entries(first)) <= lasting(entries(first, second, crashed))


def test_a_failure_in_the_very_second_of_the_serving_counts() -> None:
    served = a_record()
    assert good([served, dataclasses.replace(served, result=FAILED)]) == ()


def test_a_release_that_served_after_all_is_returned_to() -> None:
    first = a_record(0, release="a1")
    late = a_record(60, release="b2", result=FAILED)
    recovered = dataclasses.replace(late, result=SERVED, at=late.at + seconds(30))
    assert good([first, late, recovered]) == (recovered, first)
    # Keys do not tell which came first, so both stay.
    assert lasting(entries(first, late, recovered)) == frozenset(entries(first, recovered))


def test_a_trial_that_failed_says_nothing_of_another_one() -> None:
    failed = a_record(0, trial="1a", result=FAILED)
    retried = a_record(60, trial="2b")
    assert good([failed, retried]) == (retried,)
    assert lasting(entries(failed, retried)) == frozenset(entries(retried))


def test_of_two_that_began_in_the_same_second_both_are_kept() -> None:
    two = [a_record(0, release="a1"), a_record(0, release="b2")]
    assert lasting(entries(*two)) == frozenset(entries(*two))


def test_where_nothing_served_there_is_nothing_to_return_to() -> None:
    bad = a_record(result=FAILED)
    assert good([bad]) == good([]) == ()
    assert lasting(entries(bad)) == lasting([]) == frozenset()


@pytest.mark.parametrize("prefix", ["", "team", "/a/b/"])
def test_an_archive_is_known_by_its_address(prefix: str) -> None:
    there = archive_key(parse_tag("churn_model:1.4.2"), DIGEST, prefix)
    assert key_of_archive(f"s3://e2i/{there}", "e2i", prefix) == there


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://other/team/bentos/churn/1/{DIGEST[7:]}.tar",
        f"s3://e2i/bentos/churn/1/{DIGEST[7:]}.tar",
        f"s3://e2i/teams/bentos/churn/1/{DIGEST[7:]}.tar",
        f"s3://e2i/team/team/bentos/churn/1/{DIGEST[7:]}.tar",
        f"s3://e2i/team/../bentos/churn/1/{DIGEST[7:]}.tar",
        f"s3://e2i/team/bentos/../1/{DIGEST[7:]}.tar",
        f"s3://e2i/team/bentos/churn/../{DIGEST[7:]}.tar",
        f"s3://e2i/team/bentos/churn/latest/{DIGEST[7:]}.tar",
        f"s3://e2i/team/bentos/Churn/1/{DIGEST[7:]}.tar",
        f"s3://e2i/team/bentos/churn/1/{DIGEST[7:].upper()}.tar",
        f"s3://e2i/team/bentos/churn/1/{DIGEST[7:]}.tar\n",
        f"s3://e2i/team/bentos/churn/1/{DIGEST[7:]}.tar?versionId=1",
        "s3://e2i/team/bentos/churn/1/9f.tar",
        "s3://e2i/team/bentos/",
        "s3://e2i/team/releases/models/churn/20261121T120000Z-0b-Served-9f3c21aa9f3c21aa-77.json",
        f"https://e2i/team/bentos/churn/1/{DIGEST[7:]}.tar",
        f"team/bentos/churn/1/{DIGEST[7:]}.tar",
        "",
    ],
)
def test_no_other_address_is_an_archive_of_ours(uri: str) -> None:
    assert key_of_archive(uri, "e2i", "team") is None
