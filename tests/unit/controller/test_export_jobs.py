"""Exports in the background: one for each tag, cancelled when no model waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from support.builders import TAG, an_artifact

from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.observed import Exporting
from e2i.controller.edge.jobs import export_jobs as exports_module
from e2i.controller.edge.jobs.export_jobs import ExportJobs, Key, Progress

A, B = ("models", "a"), ("models", "b")
GONE = Problem(reason=Reason.UploadInterrupted, message="given up")


class Bringer:
    """An export that ends when the test says so, or when it is told to stop."""

    def __init__(self) -> None:
        self.result: Artifact | Problem | Exception = an_artifact()
        self.finish = threading.Event()
        self.calls: list[str] = []
        self.cancelled: list[str] = []
        self.progress: Progress | None = None

    def __call__(self, tag: str, progress: Progress, cancel: threading.Event) -> Artifact | Problem:
        self.calls.append(tag)
        self.progress = progress
        while not self.finish.wait(0.005):
            if cancel.is_set():
                self.cancelled.append(tag)
                return GONE
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
async def exports(
    bringer: Bringer, woken: list[Key], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ExportJobs]:
    monkeypatch.setattr(exports_module, "PATIENCE", 0.02)
    made = ExportJobs(bringer, woken.append, limit=2)
    yield made
    await asyncio.wait_for(made.close(), 30)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
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
    async with asyncio.timeout(30):
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
    await asyncio.wait_for(exports.close(), 30)
    assert bringer.cancelled == [TAG]


async def test_an_archive_that_another_model_just_exported_is_about_to_be_needed(
    exports: ExportJobs, bringer: Bringer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its export and its request nothing in the cluster names it."""
    bringer.finish.set()
    await exports.start(TAG, A)
    assert exports.recent_archives(excluding=B) == {an_artifact().uri}
    assert exports.recent_archives(excluding=A) == frozenset()
    monkeypatch.setattr(exports_module, "KEEP_ARTIFACT", 0.0)
    await exports.start(TAG, A)
    assert exports.recent_archives(excluding=B) == frozenset()
