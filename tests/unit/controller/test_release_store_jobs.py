"""The bucket's jobs as the passes use them: in the background, with bounds, nothing deleted that somebody needs."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from support.builders import DIGEST, TAG, a_model, a_record, a_request, an_artifact
from support.fake_release_store import FakeReleaseStore

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.archive.errors import BucketAccessDenied, BucketUnreachable, ExportError
from e2i.controller.core.actions import PENDING
from e2i.controller.core.records_state import RecordsState
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.jobs import model_jobs, release_store_jobs, release_store_reader
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.release_store_jobs import ReleaseStoreJobs
from e2i.controller.edge.jobs.turns import Turns
from e2i.controller.edge.work_queue import Key

KEY = ("models", "churn")
MODEL = a_model(tag="churn_model:9.9.9")
"""It asks for another bento than the archive has."""
NUMBERS = itertools.count()
SERVED = a_record(a_model())
FAILED = a_record(a_model(kind="Causal"), "Failed")
AWAY = BucketUnreachable("no answer")
URI = an_artifact().uri
OTHER = replace(SERVED, model="other")


@pytest.fixture
def bucket() -> FakeReleaseStore:
    made = FakeReleaseStore()
    made.upload(URI, "models")
    return made


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def use(cache: Cache) -> ArchiveUse:
    return ArchiveUse(cache)


@pytest.fixture
def woken() -> list[Key]:
    return []


@pytest.fixture
async def records(
    bucket: FakeReleaseStore, woken: list[Key], use: ArchiveUse
) -> AsyncIterator[ReleaseStoreJobs]:
    made = ReleaseStoreJobs(bucket, woken.append, use, Turns("bucket", 4))  # type: ignore[arg-type]
    yield made
    await made.close()


@pytest.fixture
def silence(bucket: FakeReleaseStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A bucket that takes every request and answers none until the event is set."""
    monkeypatch.setattr(model_jobs, "PATIENCE", 0.02)
    answered = threading.Event()
    bucket.before = lambda deed: answered.wait(30) or None  # type: ignore[func-returns-value]
    yield answered
    answered.set()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for happens in another thread
            await asyncio.sleep(0.002)


async def test_nobody_asked_yet(records: ReleaseStoreJobs) -> None:
    assert records.state(KEY) is None
    assert records.recorded(KEY, FAILED.result) == frozenset()


async def test_what_is_there_is_known_once_it_was_read(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore
) -> None:
    bucket.write(SERVED)
    bucket.write(FAILED)
    await records.read(KEY)
    state = records.state(KEY)
    assert isinstance(state, tuple)
    assert len(state) == 2
    assert records.recorded(KEY, FAILED.result) == {FAILED.trial}


async def test_a_release_whose_archive_is_gone_cannot_be_returned_to(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore
) -> None:
    for record in (SERVED, FAILED):
        bucket.write(record)
    bucket.delete_archive(URI, "models")
    await records.read(KEY)
    state = records.state(KEY)
    assert isinstance(state, tuple)
    assert [each.trial for each in state] == [FAILED.trial]


@pytest.mark.parametrize(
    ("failure", "stalled"),
    [
        pytest.param(AWAY, False, id="what may pass"),
        pytest.param(BucketAccessDenied("refused"), True, id="what a person has to change"),
    ],
)
async def test_a_problem_is_a_state_for_a_moment(
    records: ReleaseStoreJobs,
    bucket: FakeReleaseStore,
    failure: ExportError,
    stalled: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket.failure = failure
    await records.read(KEY)
    assert records.state(KEY) == Problem(
        reason=Reason[failure.reason], message=failure.message, stalled=stalled
    )
    monkeypatch.setattr(release_store_jobs, "KEEP_PROBLEM", 0.0)
    await records.read(KEY)
    assert records.state(KEY) is None, "it is asked again"
    bucket.failure = None
    await records.read(KEY)
    assert records.state(KEY) == ()


async def test_what_was_written_is_known_without_another_look(records: ReleaseStoreJobs) -> None:
    await records.read(KEY)
    assert await records.write(SERVED) is None
    assert await records.write(FAILED) is None
    assert records.state(KEY) == (SERVED, FAILED)
    assert records.recorded(KEY, FAILED.result) == {FAILED.trial}


async def test_a_failure_that_was_written_unread_is_known_to_be_there(records: ReleaseStoreJobs) -> None:
    await records.write(FAILED)
    assert (records.state(KEY), records.recorded(KEY, FAILED.result)) == (None, {FAILED.trial})


async def test_a_record_that_was_not_written_is_told(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore
) -> None:
    bucket.failure = AWAY
    problem = await records.write(FAILED)
    assert isinstance(problem, Problem)
    assert (problem.reason, problem.stalled) == (Reason.BucketUnreachable, False)
    assert FAILED.release in problem.message
    assert records.recorded(KEY, FAILED.result) == frozenset()


async def test_a_model_that_is_gone_is_forgotten(records: ReleaseStoreJobs) -> None:
    await records.read(KEY)
    await records.write(FAILED)
    records.forget(KEY)
    assert (records.state(KEY), records.recorded(KEY, FAILED.result)) == (None, frozenset())


# A bucket that does not answer.


async def test_a_read_goes_on_in_the_background_and_wakes_its_model(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore, woken: list[Key], silence: threading.Event
) -> None:
    assert await records.read(KEY) is PENDING
    assert records.state(KEY) is RecordsState.RUNNING
    silence.set()
    await until(lambda: woken == [KEY])
    assert records.state(KEY) == ()


async def test_a_write_is_fetched_by_the_pass_that_it_wakes(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore, woken: list[Key], silence: threading.Event
) -> None:
    assert await records.write(SERVED) is PENDING
    later = replace(SERVED, at=SERVED.at.replace(second=30))
    assert await records.write(later) is PENDING, "the same record, of a later pass"
    silence.set()
    await until(lambda: woken == [KEY])
    assert await records.write(later) is None
    assert bucket.deeds == ["write"]


async def test_a_silent_bucket_holds_up_no_other_pass(
    records: ReleaseStoreJobs, silence: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pass waits in vain; the passes of 300 other models do not wait at all."""
    monkeypatch.setattr(model_jobs, "PATIENCE", 0.1)
    begun = asyncio.get_running_loop().time()
    for number in range(300):
        assert await records.read(("models", f"m{number}")) is PENDING
    assert asyncio.get_running_loop().time() - begun < 5.0
    assert threading.active_count() < 30


async def test_a_request_without_an_answer_is_given_up(
    records: ReleaseStoreJobs, woken: list[Key], silence: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_store_reader, "PATIENCE", 0.5)
    assert await records.read(KEY) is PENDING
    await until(lambda: woken == [KEY])
    told = records.state(KEY)
    assert isinstance(told, Problem)
    assert (told.reason, told.stalled) == (Reason.BucketUnreachable, False)
    assert "no sign of life for 0.5 s" in told.message


async def test_passes_wait_again_once_the_bucket_answers(
    records: ReleaseStoreJobs, woken: list[Key], silence: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await records.read(KEY) is PENDING
    monkeypatch.setattr(model_jobs, "PATIENCE", 30.0)
    silence.set()
    await until(lambda: woken == [KEY])
    assert await records.read(("models", "next")) is None


async def test_a_burst_of_new_models_lists_the_bucket_a_few_times(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore
) -> None:
    """Each of eight workers makes one pass after the other."""
    bucket.write(SERVED)
    bucket.deeds.clear()
    keys = iter([("models", f"m{number}") for number in range(999)] + [KEY])

    async def work() -> None:
        for key in keys:
            await records.read(key)

    await asyncio.gather(*(work() for _ in range(8)))
    assert all(records.state(("models", f"m{number}")) == () for number in range(999))
    assert len(records.state(KEY)) == 1  # type: ignore[arg-type]
    assert bucket.deeds.count("list") == 1
    assert bucket.deeds.count("read") <= 50, "only those that came before the listing ended"


async def test_models_one_after_another_share_a_listing_too(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore
) -> None:
    number, reads = 0, -1
    async with asyncio.timeout(60):
        while reads != (reads := bucket.deeds.count("read")):
            await records.read(("models", f"m{number}"))
            number += 1
    assert bucket.deeds.count("list") == 1
    assert number > release_store_reader.FEW


async def test_nobody_waits_for_a_listing_that_takes_long(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore
) -> None:
    listed = threading.Event()
    bucket.before = lambda deed: listed.wait(30) if deed == "list" else None  # type: ignore[assignment, return-value]
    for number in range(6):
        await records.read(("models", f"m{number}"))
    assert all(records.state(("models", f"m{number}")) == () for number in range(6))
    listed.set()


async def test_a_record_that_is_younger_than_the_listing_is_read(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_store_reader, "FEW", 0)
    await records.read(("models", "first"))
    await records.write(FAILED)
    records.forget(KEY)
    await records.read(KEY)
    assert len(records.state(KEY)) == 1  # type: ignore[arg-type]
    assert bucket.deeds.count("list") == 1


async def test_a_fresh_listing_tells_of_models_for_which_nobody_has_asked(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_store_reader, "FEW", 0)
    bucket.write(SERVED)
    assert records.state(("models", "new")) is None, "before the listing"
    await records.read(("models", "first"))
    assert records.state(("models", "new")) == ()
    assert records.state(KEY) is None, "it has records, which are to be read"


async def test_an_old_listing_tells_nothing(
    records: ReleaseStoreJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_store_reader, "FEW", 0)
    monkeypatch.setattr(release_store_reader, "FRESH", 0.0)
    await records.read(("models", "first"))
    await until(lambda: records.state(("models", f"new{next(NUMBERS)}")) is None)


# Deletions.


@pytest.mark.parametrize(
    ("written", "requested", "deleted"),
    [
        pytest.param((), None, [URI], id="nobody needs it"),
        pytest.param((), "uid-of-another", [], id="a request of another model names it"),
        pytest.param((), MODEL.uid, [URI], id="its own request names it"),
        pytest.param((OTHER,), None, [], id="another model may have to return to it"),
    ],
)
async def test_an_archive_goes_if_nobody_needs_it(
    records: ReleaseStoreJobs,
    bucket: FakeReleaseStore,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
    written: tuple[Record, ...],
    requested: str | None,
    deleted: list[str],
) -> None:
    for record in written:
        bucket.write(record)
    if requested:
        request = replace(a_request(a_model()), owner=requested)
        monkeypatch.setattr(cache, "children", lambda kind: iter([request]))
    assert await records.delete_archives(MODEL, [(URI, DIGEST)]) is None
    assert bucket.deleted == deleted


async def test_an_archive_that_was_brought_stays(records: ReleaseStoreJobs, bucket: FakeReleaseStore) -> None:
    """A tenant names the digest of somebody else's archive and deletes its own model."""
    for namespace in ("", "another"):
        bucket.uploaded[URI] = namespace
        assert await records.empty(MODEL, [(URI, DIGEST)]) is None
    assert bucket.deleted == []


async def adopt_by_spec(use: ArchiveUse, cache: Cache, patch: pytest.MonkeyPatch) -> None:
    other = replace(a_model(name="other"), tag=TAG)
    patch.setattr(cache, "models", lambda: iter([other]))


async def adopt_by_request(use: ArchiveUse, cache: Cache, patch: pytest.MonkeyPatch) -> None:
    request = replace(a_request(a_model()), owner="uid-of-another")
    patch.setattr(cache, "children", lambda kind: iter([request]))


async def adopt_by_export(use: ArchiveUse, cache: Cache, patch: pytest.MonkeyPatch) -> None:
    await use.begin_export(TAG)


async def adopt_by_claim(use: ArchiveUse, cache: Cache, patch: pytest.MonkeyPatch) -> None:
    assert use.claim(URI, ("models", "other"))


@pytest.mark.parametrize("adopt", [adopt_by_spec, adopt_by_request, adopt_by_export, adopt_by_claim])
async def test_an_archive_that_somebody_adopts_during_the_listing_stays(
    records: ReleaseStoreJobs,
    bucket: FakeReleaseStore,
    use: ArchiveUse,
    cache: Cache,
    woken: list[Key],
    monkeypatch: pytest.MonkeyPatch,
    silence: threading.Event,
    adopt: Callable[..., Any],
) -> None:
    assert await records.delete_archives(MODEL, [(URI, DIGEST)]) is PENDING
    await until(lambda: bucket.deeds == ["list"])
    await adopt(use, cache, monkeypatch)
    silence.set()
    await until(lambda: woken == [KEY])
    assert await records.delete_archives(MODEL, [(URI, DIGEST)]) is None
    assert (bucket.deleted, bucket.deeds) == ([], ["list"])


async def test_a_record_that_is_written_during_the_listing_counts(
    records: ReleaseStoreJobs,
    bucket: FakeReleaseStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a model that was released and deleted meanwhile: only its record needs the archive."""
    listed, go_on = threading.Event(), threading.Event()

    def before(deed: str) -> None:
        if deed == "list":
            listed.set()
            assert go_on.wait(30)

    listing = bucket.list_all()
    monkeypatch.setattr(bucket, "list_all", lambda beat: (before("list"), listing)[1])
    deletion = asyncio.create_task(records.delete_archives(MODEL, [(URI, DIGEST)]))
    await until(listed.is_set)
    assert await records.write(OTHER) is None
    go_on.set()
    await deletion
    assert bucket.deleted == []


async def test_who_comes_during_the_deletion_itself_exports_again(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore, use: ArchiveUse, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleting, go_on = threading.Event(), threading.Event()

    def before(deed: str) -> None:
        if deed == "delete":
            deleting.set()
            assert go_on.wait(30)

    bucket.before = before
    deletion = asyncio.create_task(records.delete_archives(MODEL, [(URI, DIGEST)]))
    await until(deleting.is_set)
    assert not use.claim(URI, ("models", "other"))
    export = asyncio.create_task(use.begin_export(TAG))
    await asyncio.sleep(0.01)
    assert not export.done()
    go_on.set()
    await deletion
    await export
    assert (bucket.deleted, use.claim(URI, ("models", "other"))) == ([URI], False)
    use.confirm(URI)
    assert use.claim(URI, ("models", "other"))


async def test_a_deletion_that_was_given_up_blocks_the_archive_until_its_thread_ends(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore, use: ArchiveUse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_store_jobs, "PATIENCE", 0.05)
    go_on = threading.Event()
    bucket.before = lambda deed: (go_on.wait(30) if deed == "delete" else None) and None
    told = await records.delete_archives(MODEL, [(URI, DIGEST)])
    assert isinstance(told, Problem)
    export = asyncio.create_task(use.begin_export(TAG))
    await asyncio.sleep(0.01)
    assert not export.done()
    go_on.set()
    await export


async def test_a_deletion_that_waits_for_its_turn_and_is_cancelled_leaves_the_archive(
    bucket: FakeReleaseStore, use: ArchiveUse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_jobs, "PATIENCE", 0.01)
    turns = Turns("bucket", 1)
    records = ReleaseStoreJobs(bucket, lambda key: None, use, turns)  # type: ignore[arg-type]
    await records._reader.last_good_digests()
    go_on = threading.Event()
    busy = asyncio.create_task(turns.run(turns.queue("models"), lambda beat: go_on.wait(90), 120))
    assert await records.delete_archives(MODEL, [(URI, DIGEST)]) is PENDING
    records.cancel(KEY)
    await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        await use.begin_export(TAG)
    go_on.set()
    await busy
    assert bucket.deleted == []


async def test_a_model_that_goes_takes_all_that_is_only_its_own(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore
) -> None:
    never = an_artifact("churn_model:0.0.1").uri
    bucket.upload(never, "models")
    bucket.write(SERVED)
    await records.read(KEY)
    assert await records.empty(MODEL, [(never, DIGEST)]) is None
    assert set(bucket.deleted) == {URI, never}
    assert bucket.records() == []
    assert records.state(KEY) is None


async def test_what_another_model_needs_outlives_it(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore
) -> None:
    bucket.write(SERVED)
    bucket.write(OTHER)
    await records.empty(MODEL, [])
    assert (bucket.deleted, bucket.records(), len(bucket.records("other"))) == ([], [], 1)


@pytest.mark.parametrize("deed", ["delete_archives", "empty"])
async def test_a_bucket_that_is_away_deletes_nothing(
    records: ReleaseStoreJobs, bucket: FakeReleaseStore, deed: str
) -> None:
    bucket.failure = AWAY
    told = await getattr(records, deed)(MODEL, [(URI, DIGEST)])
    assert isinstance(told, Problem)
    assert told.reason is Reason.BucketUnreachable
    assert bucket.deleted == []
