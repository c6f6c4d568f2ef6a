"""The lifecycle of the operator: start, workers, watch events, lists, stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.fake_kube import LOOK_AGAIN
from support.scenes import serve
from support.world import NAMESPACE, World

from e2i import clock
from e2i.api import naming
from e2i.controller import app
from e2i.controller.app import LONGEST_PASS, Operator
from e2i.controller.connect import connect
from e2i.controller.core.health import stale
from e2i.controller.core.lease import Terms
from e2i.controller.core.plan import STORE_POLL
from e2i.controller.edge import log_context
from e2i.controller.edge.informer import LONGEST_SILENCE, RELIST, SOURCES, Informer
from e2i.controller.edge.jobs.turns import LONGEST_BLOCK, Turns
from e2i.controller.edge.lease import Lease
from e2i.controller.edge.measures import Measures
from e2i.controller.edge.supervisor import Supervisor
from e2i.controller.edge.work_queue import FIRST_DELAY
from e2i.controller.reconcile import Outcome, Pass
from e2i.controller.settings import Settings
from e2i.kube import ApiError

KEY = (NAMESPACE, "churn")
MODEL = (naming.KIND, *KEY)
AWAY = ApiError(503, "ServiceUnavailable", "etcd is away")


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = World()
    monkeypatch.setattr(clock, "now", lambda: made.clock.now())
    yield made
    await made.close()


async def no_check() -> None:
    """The check of a bucket in which nothing is wrong."""


def with_workers(world: World, count: int) -> Operator:
    """The world's operator, which runs its passes by itself."""
    world.operator = Operator(  # type: ignore[assignment]
        world.clients, world.queue, world.supervisor, workers=count, check_bucket=no_check
    )
    return world.operator


def no_lease() -> Lease:
    """A Lease that is not held."""
    return Lease(None, "e2i-system", "e2i-operator", "", Terms(15.0))  # type: ignore[arg-type]


async def until(happened: Callable[[], object]) -> None:
    """Let the workers run until it has happened; threads take real time."""
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        await asyncio.sleep(0)


class Lists:
    """Answers the operator's lists with errors while there are any."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: list[Exception] = []
        self.count = 0
        self._list = world.kube.list
        monkeypatch.setattr(world.kube, "list", self.answer)

    async def answer(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return await self._list(*args, **kwargs)


# Start and stop.


async def test_at_its_start_it_reads_what_there_is_and_its_workers_begin(world: World) -> None:
    with world.unwatched():
        world.apply("first")
        world.apply("second")
    operator = with_workers(world, 2)
    assert operator.health() == {"models": 0, "waiting": 0, "hungExports": 0}
    await operator.start()
    assert operator.health() == {"models": 2, "waiting": 2, "hungExports": 0}
    await until(lambda: world.status("first") and world.status("second"))


async def test_it_does_not_start_while_the_cluster_cannot_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lists(world, monkeypatch).errors = [AWAY]
    with pytest.raises(ApiError, match="etcd is away"):
        await world.operator.start()
    assert not [task for task in asyncio.all_tasks() if task.get_name() in ("watch E2IModel", "worker 0")]


async def test_it_stops_in_the_middle_of_a_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    writing, ended = asyncio.Event(), asyncio.Event()

    async def apply(*_: object, **__: object) -> None:
        writing.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(world.kube, "apply", apply)
    operator = with_workers(world, 1)
    await operator.start()
    world.apply()
    await asyncio.wait_for(writing.wait(), 60)
    await asyncio.wait_for(operator.stop(), 60)
    assert ended.is_set()
    assert not [task for task in asyncio.all_tasks() if task.get_name() in ("watch E2IModel", "worker 0")]


async def test_the_next_operator_goes_on_where_one_was_stopped(world: World) -> None:
    await world.start()
    world.apply()
    await world.run(passes=2)
    assert world.condition() != "True/Ready"
    await world.restart()
    await world.run()
    assert world.condition() == "True/Ready"
    assert len(world.all("BentoDeployment")) == 1


@pytest.mark.parametrize(
    ("task", "error"), [((Informer, "run"), OSError("a bug")), ((Operator, "_work"), None)]
)
async def test_a_task_that_ends_by_itself_ends_the_process(
    world: World, task: tuple[type, str], error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ends(_: object) -> None:
        if error:
            raise error

    monkeypatch.setattr(*task, ends)
    await with_workers(world, 1).start()
    await until(lambda: world.ends)
    reason = world.ends[0]
    assert ("OSError: a bug" in reason) is (error is not None)
    world.ends.clear()


async def test_a_bucket_check_may_end(world: World) -> None:
    await with_workers(world, 1).start()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.ends == []


# Signs of life.


async def test_a_pass_and_a_watch_that_hang_are_stale(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = asyncio.Event()

    async def reconcile(*_: object, **__: object) -> Any:
        hangs.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(app, "reconcile", reconcile)
    operator = with_workers(world, 1)
    await operator.start()
    world.apply()
    await hangs.wait()

    def stale_tasks() -> list[str]:
        return [sign.task for sign in operator.signs() if sign.age > sign.limit]

    await world.pass_time(LONGEST_PASS - 1)
    assert stale_tasks() == []
    await world.pass_time(2)
    assert stale_tasks() == ["the pass of models/churn"]
    for informer in operator.informers[1:]:
        informer.alive_at = world.now.timestamp() + 10**9
    await world.pass_time(LONGEST_SILENCE + 1)
    assert stale_tasks() == ["the watch of BentoRequest", "the pass of models/churn"]


# Passes.


async def test_passes_that_wait_for_nothing_let_everything_else_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, seen = [], []

    async def reconcile(key: Any, _: object) -> Pass:
        passes.append(key)
        return Pass(outcome=Outcome.SETTLED)

    async def everything_else() -> None:
        while True:
            seen.append(len(passes))
            await asyncio.sleep(0)

    monkeypatch.setattr(app, "reconcile", reconcile)
    await with_workers(world, 2).start()
    for number in range(100):
        world.queue.add((NAMESPACE, f"model-{number}"))
    task = asyncio.create_task(everything_else())
    await until(lambda: len(passes) == 100)
    task.cancel()
    assert max(later - earlier for earlier, later in pairwise(seen)) <= 2


async def test_a_bug_in_a_pass_ends_neither_the_worker_nor_the_other_models(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, calls = app.reconcile, []

    async def reconcile(key: Any, clients: Any) -> Any:
        calls.append(key)
        if key == KEY and len(calls) == 1:
            raise RuntimeError("a bug")
        return await real(key, clients)

    monkeypatch.setattr(app, "reconcile", reconcile)
    operator = with_workers(world, 1)
    await operator.start()
    world.apply("churn")
    world.apply("other")
    await until(lambda: world.status("other"))
    assert calls.count(KEY) == 1, "not repeated without a pause"
    assert "models/churn: the pass failed" in caplog.text
    assert "RuntimeError: a bug" in caplog.text
    await world.pass_time(1)
    await until(lambda: world.status("churn"))


async def test_a_status_that_cannot_be_written_is_tried_again_later_and_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.apply(suspend=True)
    world.kube.fail += [AWAY] * 3
    times = []
    for _ in range(40):
        if await world.run_due():
            times.append(world.queue.is_idle or world.status() != {})
        await world.pass_time(0.25)
    assert times[:4] == [False, False, False, True]
    assert caplog.text.count("etcd is away; it is tried again") == 3


async def test_a_pass_that_settles_makes_the_next_delay_short_again(world: World) -> None:
    world.apply(suspend=True)
    world.kube.fail += [AWAY] * 4
    for _ in range(40):
        await world.run_due()
        await world.pass_time(0.5)
    assert world.condition() == "False/Suspended"
    world.kube.fail.append(AWAY)
    world.apply(suspend=True, replicas=2)
    await world.run_due()
    assert world.status()["observedGeneration"] == 1
    await world.pass_time(FIRST_DELAY)
    await world.run_due()
    assert world.status()["observedGeneration"] == 2


async def test_a_pass_that_has_to_wait_is_followed_by_one_when_the_wait_is_over(world: World) -> None:
    world.apply(tag="missing:1")
    await world.run(passes=3)
    assert world.condition() == "False/BentoNotFound"
    assert not world.queue.is_idle
    begun = len(world.exports_begun)
    await world.pass_time(STORE_POLL.total_seconds())
    await world.run_due()
    assert len(world.exports_begun) == begun + 1


# Watch events.


async def test_a_version_that_is_known_wakes_nobody(world: World) -> None:
    world.apply(suspend=True)
    await world.run()
    body = world.kube.objects[MODEL]
    world.tell(naming.KIND, "MODIFIED", {**body, "status": {}})
    assert len(world.queue) == 0


async def test_a_late_deleted_event_does_not_touch_the_new_model_of_that_name(world: World) -> None:
    first = await serve(world)
    with world.unwatched():
        old = world.kube.objects[MODEL]
        world.delete()
    await world.operator.resync()
    await serve(world, rollout={"watch": {"seconds": 600, "maxErrorRatio": "0.1"}})
    guarded = dict(world.guard.known)
    assert guarded, "the new model has a guard"
    world.tell(naming.KIND, "DELETED", old)
    await world.run_due()
    assert world.guard.known == guarded
    assert (world.condition(), world.address()) == ("True/Ready", first)


@pytest.mark.parametrize("again", [False, True], ids=["gone", "and another one has its name"])
@pytest.mark.parametrize("watched", [True, False], ids=["by an event", "by a list"])
async def test_the_jobs_of_a_deleted_model_end(world: World, again: bool, watched: bool) -> None:
    await world.start()
    await serve(world, rollout={"watch": {"seconds": 600, "maxErrorRatio": "0.1"}})
    cancelled: list[object] = []
    world.guard.cancel = cancelled.append  # type: ignore[method-assign]
    if watched:
        world.delete()
    else:
        with world.unwatched():
            world.delete()
    with world.unwatched():
        if again:
            world.apply(suspend=True)
    await world.operator.resync()
    await world.run(passes=3)
    assert cancelled == [KEY]
    assert world.operator.health()["models"] == again


# Lists.


async def test_a_list_finds_what_the_watches_missed(world: World) -> None:
    await world.start()
    release = await serve(world)
    with world.unwatched():
        world.kube.remove(("Service", *KEY))
        world.apply("second", suspend=True)
    await world.run(passes=5)
    assert (world.address(), world.status("second")) == (None, {})
    await world.pass_time(RELIST)
    await world.run(passes=5)
    assert world.address() == release
    assert world.condition(name="second") == "False/Suspended"


async def test_a_list_without_differences_wakes_nobody(world: World) -> None:
    await world.start()
    await serve(world)
    passes = world.outcomes.total()
    await world.pass_time(RELIST)
    assert len(world.queue) == 0
    assert world.outcomes.total() == passes


async def test_a_kind_that_is_not_served_is_looked_for_soon_and_often(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.kube.missing = {"BentoRequest", "BentoDeployment"}
    await world.start()
    world.apply()
    await world.run_due()
    assert world.cache.missing_kinds == {"BentoRequest", "BentoDeployment"}
    assert world.condition() == "False/YataiNotInstalled"
    assert world.exports_begun == [], "nothing is tried in vain"
    world.kube.missing = set()
    await world.pass_time(LOOK_AGAIN)
    assert world.cache.missing_kinds == frozenset()
    assert len(world.queue) == 1, "the model is queued"
    await world.run()
    assert world.condition() == "True/Ready"
    lists = Lists(world, monkeypatch)
    await world.pass_time(LOOK_AGAIN)
    assert lists.count == 0, "all kinds are served and watched"


async def test_a_list_that_fails_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await world.start()
    with world.unwatched():
        world.apply(suspend=True)
    lists = Lists(world, monkeypatch)
    lists.errors = [AWAY] * len(SOURCES)
    await world.pass_time(RELIST)
    assert (len(world.queue), lists.count) == (0, len(SOURCES))
    assert "it is tried again" in caplog.text
    assert len(world.operator.problems()) == len(SOURCES)
    await world.pass_time(LOOK_AGAIN)
    await world.run_due()
    assert world.condition() == "False/Suspended"
    assert world.operator.problems() == []


async def test_a_kind_of_kubernetes_itself_must_be_served(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.kube.missing = {"Deployment"}
    with pytest.raises(ApiError, match="could not find"):
        await world.operator.resync()


# Connection.


async def test_it_connects_as_the_kubeconfig_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text(
        "{kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],"
        " clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}"
    )
    monkeypatch.setenv("KUBECONFIG", str(file))
    settings = Settings(bucket="models", service_account=tmp_path, endpoint="http://127.0.0.1:1")
    operator = await connect(settings, no_lease(), Supervisor(pytest.fail), Measures())
    try:
        with pytest.raises(ApiError, match="API server http://127"):
            await operator.start()
    finally:
        await operator.stop()


async def test_without_a_kubeconfig_it_says_which_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(
        ApiError,
        match=r"no kubeconfig: .*none cannot be found\. Name one with KUBECONFIG; in a pod, .*_ACCOUNT_DIR",
    ):
        await connect(
            Settings(bucket="models", service_account=tmp_path),
            no_lease(),
            Supervisor(pytest.fail),
            Measures(),
        )


async def test_its_log_names_the_model_of_a_failed_pass(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("e2i"), "filters", [log_context.add_fields])
    world.apply(suspend=True)
    world.kube.fail.append(AWAY)
    with caplog.at_level(logging.WARNING, "e2i"):
        await world.run_due()
    assert [vars(record)["model"] for record in caplog.records] == ["models/churn"]


@pytest.mark.parametrize("jobs", ["export_jobs", "release_store_jobs"])
async def test_hung_calls_that_keep_all_slots_fail_the_liveness(
    world: World, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    turns: Turns = getattr(world.clients, jobs)._turns
    monkeypatch.setattr(turns, "_slots", 1)
    monkeypatch.setattr(turns, "_kept", 1)
    turns._keep(0)
    assert stale(world.operator.signs()) == ()
    await world.pass_time(LONGEST_BLOCK + 1)
    (told,) = stale(world.operator.signs())
    assert told.startswith("the queue ")
    assert told.endswith("gave no sign of life for 601 s, more than 600 s")
    turns._keep(-1)
    assert stale(world.operator.signs()) == ()
