"""The ledger as the passes use it: read once, troubles kept for a moment, nothing deleted that somebody needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.builders import DIGEST, a_model, a_record, an_artifact
from support.fake_release_store import FakeReleaseStore

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.archive.errors import BucketAccessDenied, BucketUnreachable, ExportError
from e2i.controller.edge import release_store_cache as module
from e2i.controller.edge.release_store_cache import ReleaseStoreCache

KEY = ("models", "churn")
SERVED = a_record(a_model())
FAILED = a_record(a_model(kind="Causal"), "Failed")
AWAY = BucketUnreachable("no answer")
URI = an_artifact().uri
OTHER = replace(SERVED, model="other")


@pytest.fixture
def bucket() -> FakeReleaseStore:
    return FakeReleaseStore()


@pytest.fixture
def ledgers(bucket: FakeReleaseStore) -> ReleaseStoreCache:
    return ReleaseStoreCache(bucket)  # type: ignore[arg-type]


def nobody(uri: str) -> bool:
    return False


def everybody(uri: str) -> bool:
    return True


async def test_nobody_asked_yet(ledgers: ReleaseStoreCache) -> None:
    assert ledgers.state(KEY) is None
    assert ledgers.recorded(KEY) == frozenset()


async def test_what_is_there_is_known_once_it_was_read(
    ledgers: ReleaseStoreCache, bucket: FakeReleaseStore
) -> None:
    bucket.write(SERVED)
    bucket.write(FAILED)
    await ledgers.read(KEY)
    state = ledgers.state(KEY)
    assert isinstance(state, tuple)
    assert set(state) == {SERVED, FAILED}
    assert ledgers.recorded(KEY) == {FAILED.trial}


async def test_a_release_whose_archive_is_gone_cannot_be_returned_to(
    ledgers: ReleaseStoreCache, bucket: FakeReleaseStore
) -> None:
    for record in (SERVED, FAILED):
        bucket.write(record)
    bucket.delete_archive(URI)
    await ledgers.read(KEY)
    assert ledgers.state(KEY) == (FAILED,)


@pytest.mark.parametrize(
    ("failure", "stalled"),
    [
        pytest.param(AWAY, False, id="what may pass"),
        pytest.param(BucketAccessDenied("refused"), True, id="what a person has to change"),
    ],
)
async def test_a_trouble_is_a_state_for_a_moment(
    ledgers: ReleaseStoreCache,
    bucket: FakeReleaseStore,
    failure: ExportError,
    stalled: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket.failure = failure
    await ledgers.read(KEY)
    assert ledgers.state(KEY) == Problem(
        reason=Reason[failure.reason], message=failure.message, stalled=stalled
    )
    monkeypatch.setattr(module, "KEEP_PROBLEM", 0.0)
    await ledgers.read(KEY)
    assert ledgers.state(KEY) is None, "it is asked again"
    bucket.failure = None
    await ledgers.read(KEY)
    assert ledgers.state(KEY) == ()


async def test_what_was_written_is_known_without_another_look(ledgers: ReleaseStoreCache) -> None:
    await ledgers.read(KEY)
    assert await ledgers.write(SERVED) is None
    assert await ledgers.write(FAILED) is None
    assert ledgers.state(KEY) == (SERVED, FAILED)
    assert ledgers.recorded(KEY) == {FAILED.trial}


async def test_a_failure_that_was_written_unread_is_known_to_be_there(ledgers: ReleaseStoreCache) -> None:
    await ledgers.write(FAILED)
    assert (ledgers.state(KEY), ledgers.recorded(KEY)) == (None, {FAILED.trial})


async def test_a_record_that_was_not_written_is_told(
    ledgers: ReleaseStoreCache, bucket: FakeReleaseStore
) -> None:
    bucket.failure = AWAY
    trouble = await ledgers.write(FAILED)
    assert trouble
    assert (trouble.reason, trouble.stalled) == (Reason.BucketUnreachable, False)
    assert FAILED.release in trouble.message
    assert ledgers.recorded(KEY) == frozenset()


@pytest.mark.parametrize(
    ("records", "is_needed", "deleted"),
    [
        pytest.param((), nobody, [URI], id="nobody needs it"),
        pytest.param((), everybody, [], id="a request of another model names it"),
        pytest.param((OTHER,), nobody, [], id="another model may have to return to it"),
    ],
)
async def test_an_archive_goes_if_nobody_needs_it(
    ledgers: ReleaseStoreCache,
    bucket: FakeReleaseStore,
    records: tuple[Record, ...],
    is_needed: Callable[[str], bool],
    deleted: list[str],
) -> None:
    for record in records:
        bucket.write(record)
    assert await ledgers.delete_archives([(URI, DIGEST)], is_needed) is None
    assert bucket.deleted == deleted


async def test_what_is_no_archive_is_left_alone(
    ledgers: ReleaseStoreCache,
    bucket: FakeReleaseStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(uri: str) -> None:
        raise ValueError(f"{uri!r} is no archive")

    monkeypatch.setattr(bucket, "delete_archive", refuse)
    assert await ledgers.delete_archives([("s3://e2i/x", DIGEST)], nobody) is None
    assert "'s3://e2i/x' is no archive" in caplog.text


async def test_a_model_that_goes_takes_all_that_is_only_its_own(
    ledgers: ReleaseStoreCache, bucket: FakeReleaseStore
) -> None:
    bucket.write(SERVED)
    await ledgers.read(KEY)
    assert await ledgers.empty(KEY, [("s3://e2i/never-released", DIGEST)], nobody) is None
    assert set(bucket.deleted) == {URI, "s3://e2i/never-released"}
    assert bucket.records() == []
    assert ledgers.state(KEY) is None


async def test_what_another_model_needs_outlives_it(
    ledgers: ReleaseStoreCache, bucket: FakeReleaseStore
) -> None:
    bucket.write(SERVED)
    bucket.write(OTHER)
    await ledgers.empty(KEY, [], nobody)
    assert (bucket.deleted, bucket.records(), bucket.records("other")) == ([], [], [OTHER])


@pytest.mark.parametrize("deed", ["delete_archives", "empty"])
async def test_a_bucket_that_is_away_deletes_nothing(
    ledgers: ReleaseStoreCache, bucket: FakeReleaseStore, deed: str
) -> None:
    bucket.failure = AWAY
    told = (
        await ledgers.empty(KEY, [], nobody)
        if deed == "empty"
        else await ledgers.delete_archives([(URI, DIGEST)], nobody)
    )
    assert told
    assert told.reason is Reason.BucketUnreachable
    assert bucket.deleted == []


async def test_a_model_that_is_gone_is_forgotten(ledgers: ReleaseStoreCache) -> None:
    await ledgers.read(KEY)
    await ledgers.write(FAILED)
    ledgers.forget(KEY)
    assert (ledgers.state(KEY), ledgers.recorded(KEY)) == (None, frozenset())
