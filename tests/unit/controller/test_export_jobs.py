"""Exports in the background: one for each tag, cancelled when no model waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from support.builders import TAG, a_model, a_request, an_artifact

from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.archive.export_progress import Attempt, Progress, Unsettled
from e2i.controller.core.observed import Exporting
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.jobs import archive_use as use_module
from e2i.controller.edge.jobs import export_job as job_module
from e2i.controller.edge.jobs import export_jobs as exports_module
from e2i.controller.edge.jobs import leftover_archives as leftovers_module
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.export_job import Result
from e2i.controller.edge.jobs.export_jobs import ExportJobs, Key

A, B = ("models", "a"), ("models", "b")
GONE = Problem(reason=Reason.UploadInterrupted, message="given up")


class Bringer:
    """An export that ends when the test says so, or when it is told to stop."""

    def __init__(self) -> None:
        self.result: Result | Exception = an_artifact()
        self.is_sent = False
        self.finish = threading.Event()
        self.calls: list[str] = []
        self.namespaces: list[str] = []
        self.cancelled: list[str] = []
        self.progress: Progress | None = None

    def __call__(self, attempt: Attempt) -> Result:
        self.calls.append(attempt.reference)
        self.namespaces.append(attempt.namespace)
        self.progress = attempt.progress
        while not self.finish.wait(0.005):
            if attempt.cancel.is_set():
                self.cancelled.append(attempt.reference)
                return GONE
        if self.is_sent:
            attempt.progress(1, 1)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def bringer() -> Bringer:
    return Bringer()


@pytest.fixture
def woken() -> list[Key]:
    return []


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def use(cache: Cache) -> ArchiveUse:
    return ArchiveUse(cache)


@pytest.fixture
def collected() -> list[tuple[str, str]]:
    """(uri, namespace) of archives that were left over."""
    return []


@pytest.fixture
async def exports(
    bringer: Bringer,
    woken: list[Key],
    use: ArchiveUse,
    collected: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[ExportJobs]:
    async def collect(artifact: Artifact, namespace: str) -> None:
        collected.append((artifact.uri, namespace))

    monkeypatch.setattr(exports_module, "PATIENCE", 0.02)
    made = ExportJobs(bringer, woken.append, 2, use, collect)
    yield made
    await asyncio.wait_for(made.close(), 60)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for happens in another thread
            await asyncio.sleep(0.005)


async def until_woken(woken: list[Key], count: int = 1) -> None:
    await until(lambda: len(woken) >= count)


async def test_nobody_asked_yet(exports: ExportJobs) -> None:
    assert exports.state(TAG) is None


async def test_a_short_export_is_over_when_the_pass_goes_on(exports: ExportJobs, bringer: Bringer) -> None:
    bringer.finish.set()
    await exports.start(TAG, A)
    assert exports.state(TAG) == an_artifact()


async def test_a_long_export_lets_the_pass_go_and_wakes_its_model(
    exports: ExportJobs, bringer: Bringer, woken: list[Key]
) -> None:
    await exports.start(TAG, A)
    assert exports.state(TAG) == Exporting(done=0, total=0)
    bringer.finish.set()
    await until_woken(woken)
    assert (woken, exports.state(TAG)) == ([A], an_artifact())


async def test_two_models_share_one_export(exports: ExportJobs, bringer: Bringer, woken: list[Key]) -> None:
    await exports.start(TAG, A)
    await exports.start(TAG, B)
    bringer.finish.set()
    await until_woken(woken, 2)
    assert (set(woken), bringer.calls) == ({A, B}, [TAG])


async def test_a_model_that_finds_the_export_of_another_under_way_is_woken_too(
    exports: ExportJobs, bringer: Bringer, woken: list[Key]
) -> None:
    await exports.start(TAG, A)
    exports.subscribe(TAG, B)
    bringer.finish.set()
    await until_woken(woken, 2)
    assert set(woken) == {A, B}


async def test_reading_the_state_subscribes_nobody(
    exports: ExportJobs, bringer: Bringer, woken: list[Key]
) -> None:
    await exports.start(TAG, A)
    assert isinstance(exports.state(TAG), Exporting)
    exports.cancel(A)
    await until(lambda: bringer.cancelled == [TAG])
    assert woken == []


async def test_a_model_that_now_asks_for_another_bento_cancels_its_export(
    exports: ExportJobs, bringer: Bringer
) -> None:
    await exports.start(TAG, A)
    await exports.start("other:1", A)
    await until(lambda: bringer.cancelled == [TAG])
    exports.subscribe("third:1", A)
    await until(lambda: bringer.cancelled == [TAG, "other:1"])


async def test_an_export_goes_on_for_the_model_that_still_waits(
    exports: ExportJobs, bringer: Bringer, woken: list[Key]
) -> None:
    await exports.start(TAG, A)
    await exports.start(TAG, B)
    exports.subscribe("other:1", A)
    bringer.finish.set()
    await until_woken(woken)
    assert (woken, bringer.cancelled, exports.state(TAG)) == ([B], [], an_artifact())


async def test_progress_is_reported_at_once_and_then_seldom(
    exports: ExportJobs, bringer: Bringer, woken: list[Key]
) -> None:
    await exports.start(TAG, A)
    assert bringer.progress
    bringer.progress(1, 10)
    bringer.progress(2, 10)
    await until_woken(woken)
    assert exports.state(TAG) == Exporting(done=1, total=10)
    assert woken == [A]


async def test_an_export_that_nobody_wants_any_more_is_stopped(exports: ExportJobs, bringer: Bringer) -> None:
    await exports.start(TAG, A)
    await exports.start(TAG, B)
    exports.cancel(A)
    assert bringer.cancelled == []
    exports.cancel(B)
    await until(lambda: not isinstance(exports.state(TAG), Exporting))
    assert bringer.cancelled == [TAG]


async def test_a_namesake_that_comes_while_an_export_is_being_stopped_gets_one_of_its_own(
    exports: ExportJobs, bringer: Bringer, woken: list[Key]
) -> None:
    """Deleted and created again under the same name: it must not be told that its export was given up."""
    await exports.start(TAG, A)
    exports.cancel(A)
    await exports.start(TAG, A)
    bringer.finish.set()
    async with asyncio.timeout(60):
        while not isinstance(exports.state(TAG), Artifact):
            assert exports.state(TAG) != GONE
            await asyncio.sleep(0.005)
            await exports.start(TAG, A)


async def test_a_surprise_is_told_like_any_other_failure(
    exports: ExportJobs, bringer: Bringer, caplog: pytest.LogCaptureFixture
) -> None:
    bringer.result = RuntimeError("a bug")
    bringer.finish.set()
    await exports.start(TAG, A)
    assert exports.state(TAG) == Problem(reason=Reason.ExportFailed, message=f"{TAG}: RuntimeError: a bug")
    assert "RuntimeError" in caplog.text


async def test_a_retry_shows_the_trouble_that_it_retries(exports: ExportJobs, bringer: Bringer) -> None:
    bringer.result = Problem(reason=Reason.BucketUnreachable, message="no answer")
    bringer.finish.set()
    await exports.start(TAG, A)
    bringer.finish.clear()
    await exports.start(TAG, A)
    assert exports.state(TAG) == bringer.result


async def test_results_are_kept_for_a_moment_only(
    exports: ExportJobs, bringer: Bringer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports_module, "KEEP_ARTIFACT", 0.0)
    bringer.finish.set()
    await exports.start(TAG, A)
    assert exports.state(TAG) is None


async def test_the_end_of_the_operator_is_the_end_of_its_exports(
    exports: ExportJobs, bringer: Bringer
) -> None:
    await exports.start(TAG, A)
    await asyncio.wait_for(exports.close(), 60)
    assert bringer.cancelled == [TAG]


async def test_results_do_not_stay_in_memory(
    exports: ExportJobs, bringer: Bringer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports_module, "KEEP_ARTIFACT", 0.01)
    bringer.finish.set()
    for number in range(20):
        await exports.start(f"churn:{number}", A)
    await until(lambda: not exports._results)


async def test_an_archive_that_another_model_just_exported_is_about_to_be_needed(
    exports: ExportJobs, bringer: Bringer, use: ArchiveUse
) -> None:
    """Between its export and its request nothing in the cluster names it."""
    bringer.finish.set()
    await exports.start(TAG, A)
    uri = an_artifact().uri
    assert use.is_wanted(uri, but=B)
    assert not use.is_wanted(uri, but=A)


async def test_an_archive_that_is_gone_is_no_result(
    exports: ExportJobs, bringer: Bringer, use: ArchiveUse
) -> None:
    bringer.finish.set()
    await exports.start(TAG, A)
    assert use.begin_deletion(an_artifact().uri, A, "")
    assert exports.state(TAG) is None
    use.end_deletion(an_artifact().uri)
    assert exports.state(TAG) is None
    await exports.start(TAG, A)
    assert exports.state(TAG) == an_artifact()


async def test_an_export_waits_for_the_deletion_of_the_same_archive(
    exports: ExportJobs, bringer: Bringer, use: ArchiveUse, woken: list[Key]
) -> None:
    assert use.begin_deletion(an_artifact().uri, B, "")
    bringer.finish.set()
    await exports.start(TAG, A)
    assert (exports.state(TAG), bringer.calls) == (Exporting(done=0, total=0), [])
    use.end_deletion(an_artifact().uri)
    await until_woken(woken)
    assert exports.state(TAG) == an_artifact()


async def test_an_archive_is_not_deleted_while_its_tag_is_exported(
    exports: ExportJobs, use: ArchiveUse
) -> None:
    await exports.start(TAG, A)
    assert not use.begin_deletion(an_artifact().uri, B, "")


# Turns.


async def test_namespaces_take_turns(exports: ExportJobs, bringer: Bringer, woken: list[Key]) -> None:
    """Sixty models of one namespace do not hold up a model of another one."""
    for number in range(60):
        await exports.start(f"many:{number}", ("crowd", f"m{number}"))
    await exports.start("single:1", ("quiet", "single"))
    bringer.finish.set()
    await until_woken(woken, 61)
    assert bringer.calls.index("single:1") <= 3
    assert set(bringer.namespaces) == {"crowd", "quiet"}


async def test_an_export_that_two_namespaces_wait_for_has_the_earlier_turn(
    exports: ExportJobs, bringer: Bringer, woken: list[Key]
) -> None:
    for number in range(20):
        await exports.start(f"many:{number}", ("crowd", f"m{number}"))
    await exports.start("many:19", ("quiet", "single"))
    bringer.finish.set()
    await until_woken(woken, 21)
    assert bringer.calls.index("many:19") <= 3


async def test_an_overtaken_export_leaves_the_queue(
    exports: ExportJobs, bringer: Bringer, woken: list[Key]
) -> None:
    for tag in ("one:1", "two:1"):
        await exports.start(tag, ("crowd", tag))
    await exports.start("old:1", A)
    await exports.start("new:1", A)
    assert exports.state("old:1") is None
    bringer.finish.set()
    await until_woken(woken, 3)
    assert (bringer.calls, exports.state("new:1")) == (["one:1", "two:1", "new:1"], an_artifact())


async def test_bentos_that_change_again_and_again_hold_no_slot(
    exports: ExportJobs, woken: list[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "SETTLED", 3600.0)

    def work(attempt: Attempt) -> Result:
        return Unsettled("another") if attempt.reference.startswith("busy") else an_artifact()

    monkeypatch.setattr(exports, "_work", work)
    for tag in ("busy:1", "busy:2"):
        await exports.start(tag, ("models", tag))
    await exports.start(TAG, A)
    await until(lambda: exports.state(TAG) == an_artifact())
    assert exports.state("busy:1") == Exporting(done=0, total=0)


async def test_a_bento_that_never_stays_the_same_is_reported(
    exports: ExportJobs, bringer: Bringer, woken: list[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "SETTLED", 0.001)
    monkeypatch.setattr(job_module, "LOOKS", 5)
    bringer.finish.set()
    bringer.result = Unsettled("another")
    await exports.start(TAG, A)
    await until_woken(woken)
    told = exports.state(TAG)
    assert isinstance(told, Problem)
    assert (told.reason, told.stalled, len(bringer.calls)) == (Reason.BentoChanged, False, 5)


# A store that does not return.


async def test_a_read_that_never_returns_gives_up_its_slot(
    exports: ExportJobs, woken: list[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on an NFS server that is away: a thread in a read cannot be ended."""
    monkeypatch.setattr(job_module, "HUNG_AFTER", 0.5)
    back = threading.Event()

    def work(attempt: Attempt) -> Result:
        if attempt.reference.startswith("stuck"):
            assert back.wait(30)
        return an_artifact(attempt.reference)

    monkeypatch.setattr(exports, "_work", work)
    for tag in ("stuck:1", "stuck:2"):
        await exports.start(tag, ("models", tag))
    await exports.start(TAG, A)
    await until_woken(woken, 3)
    assert exports.state(TAG) == an_artifact(TAG)
    told = exports.state("stuck:1")
    assert isinstance(told, Problem)
    assert (told.reason, exports.hung) == (Reason.ExportFailed, 2)
    assert "made no progress for 0.5 s" in told.message
    await exports.start("stuck:1", A)
    assert exports.hung == 2, "it is not started again while it hangs"
    back.set()
    await until(lambda: exports.hung == 0)
    assert exports.state("stuck:1") is None
    await exports.start("stuck:1", A)
    assert exports.state("stuck:1") == an_artifact("stuck:1")


async def test_an_export_that_makes_progress_may_take_long(
    exports: ExportJobs, bringer: Bringer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    real, passed = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: real() + passed)
    await exports.start(TAG, A)
    await until(lambda: bringer.progress is not None)
    for part in range(20):
        assert bringer.progress
        bringer.progress(part, 20)
        passed += job_module.HUNG_AFTER * 0.6
        # The timer of the one who waits for it is due now and then.
        await until(lambda part=part: exports.state(TAG) == Exporting(done=part, total=20))
    bringer.finish.set()
    await until(lambda: exports.state(TAG) == an_artifact())


# Archives that nobody came to use.


async def test_an_archive_that_nobody_asks_for_any_more_is_collected(
    exports: ExportJobs, bringer: Bringer, collected: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers_module, "LOOK_AFTER", 0.01)
    monkeypatch.setattr(use_module, "KEEP", 0.02)
    bringer.is_sent = True
    bringer.finish.set()
    await exports.start(TAG, A)
    await until(lambda: collected == [(an_artifact().uri, "models")])


@pytest.mark.parametrize(
    "case", ["it was there before", "a model wants it by its spec", "a request names it"]
)
async def test_an_archive_that_is_used_or_was_there_stays(
    exports: ExportJobs,
    bringer: Bringer,
    cache: Cache,
    collected: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    monkeypatch.setattr(leftovers_module, "LOOK_AFTER", 0.01)
    monkeypatch.setattr(use_module, "KEEP", 0.02)
    bringer.is_sent = case != "it was there before"
    if case == "a model wants it by its spec":
        monkeypatch.setattr(cache, "models", lambda: iter([a_model()]))
    if case == "a request names it":
        monkeypatch.setattr(cache, "children", lambda kind: iter([a_request(a_model())]))
    bringer.finish.set()
    await exports.start(TAG, A)
    await asyncio.sleep(0.1)
    assert collected == []


async def test_a_namespace_with_a_limit_of_its_own_is_not_served_by_the_export_of_another(
    bringer: Bringer, woken: list[Key], use: ArchiveUse
) -> None:
    async def collect(artifact: Artifact, namespace: str) -> None:
        """Nothing is left over."""

    exports = ExportJobs(bringer, woken.append, 2, use, collect, limited={"risk": 10})
    bringer.finish.set()
    await exports.start(TAG, A)
    assert exports.state(TAG, "churn") == an_artifact()
    assert exports.state(TAG, "risk") is None
    await exports.close()


async def test_namespaces_that_share_no_archives_have_exports_of_their_own(
    bringer: Bringer, woken: list[Key], use: ArchiveUse
) -> None:
    async def collect(artifact: Artifact, namespace: str) -> None:
        """Nothing is left over."""

    apart = ExportJobs(bringer, woken.append, 2, use, collect, is_shared=False)
    other = ("risk", "a")
    bringer.finish.set()
    await apart.start(TAG, A)
    assert apart.state(TAG, A[0]) == an_artifact()
    assert apart.state(TAG, other[0]) is None
    await apart.start(TAG, other)
    assert apart.state(TAG, other[0]) == an_artifact()
    assert bringer.namespaces == [A[0], other[0]]
    await apart.close()
