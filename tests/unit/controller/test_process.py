"""The process: it waits for its turn and for what is away, shows its health, loses its Lease, and stops in order."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.rawserver import Request, http, ok, running
from support.s3 import free_port
from support.scraped import Scraped

from e2i.controller.edge import connections
from e2i.controller.edge.informer import LONGEST_SILENCE, SOURCES, Informer
from e2i.controller.process import Process
from e2i.controller.settings import Settings
from e2i.kube import Object
from e2i.variables import BadSetting

NUMBERS = {"models": 0, "waiting": 0, "hungExports": 0}
LEASES = "/apis/coordination.k8s.io/v1/namespaces/e2i-system/leases"


@dataclass
class Api:
    """A cluster without objects, but for a Lease."""

    lease: Object | None = None
    away: set[str] = field(default_factory=set)
    """Ends of paths that are answered with 503."""
    writers: list[str] = field(default_factory=list)
    """Who wrote the Lease."""
    _versions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def answer(self, request: Request) -> bytes:
        if any(request.path.endswith(end) for end in self.away):
            return http("503 Service Unavailable", '{"message": "etcd is away"}')
        if not request.path.startswith(LEASES):
            return self._list(request)
        if request.method == "GET":
            return ok(self.lease) if self.lease else http("404 Not Found", '{"reason": "NotFound"}')
        body = json.loads(request.body)
        if (request.method == "POST" and self.lease) or self._is_old(body):
            return http("409 Conflict", '{"reason": "Conflict"}')
        return ok(self.put(body))

    def put(self, body: Object) -> Object:
        self.lease = body | {"metadata": body["metadata"] | {"resourceVersion": str(next(self._versions))}}
        self.writers.append(body["spec"]["holderIdentity"])
        return self.lease

    def taken_by(self, holder: str) -> None:
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 3, "renewTime": str(time.monotonic())}
        self.put({"metadata": {"name": "e2i-operator", "namespace": "e2i-system"}, "spec": spec})

    def _is_old(self, body: Object) -> bool:
        there = (self.lease or {}).get("metadata", {}).get("resourceVersion")
        return bool(body["metadata"].get("resourceVersion", there) != there)

    def _list(self, request: Request) -> bytes:
        if "watch" in request.query:
            return b"hang"
        return ok({"items": [], "metadata": {"resourceVersion": "1"}})


class NoBucket:
    """A bucket that is asked only whether it is all right; to open a real one takes a second."""

    name = "e2i"

    def __init__(self, *_: object, **__: object) -> None:
        """Open nothing."""

    def abort_stale_uploads(self, prefix: str) -> int:
        return 0

    def has_conditional_writes(self, prefix: str) -> bool:
        return True


@dataclass
class Stage:
    """The API, and processes that operate on it."""

    api: Api
    folder: Path
    ends: list[str] = field(default_factory=list)
    started: list[Process] = field(default_factory=list)

    def process(self, pod: str, lease_seconds: int = 9) -> Process:
        made = Process(
            Settings(
                bucket="models",
                service_account=self.folder,
                endpoint="http://127.0.0.1:1",
                lease_seconds=lease_seconds,
                pod_uid=pod,
                health_address=f"127.0.0.1:{free_port()}",
                metrics_address=f"127.0.0.1:{free_port()}",
            ),
            self.ends.append,
        )
        self.started.append(made)
        return made


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr("e2i.kube.waiting.RETRY", 0.05)
    monkeypatch.setattr(connections, "Bucket", NoBucket)
    api = Api()
    async with running(api.answer) as (server, _):
        file = tmp_path / "config"
        file.write_text(
            "{kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],"
            f" clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{server.port}'}}}}],"
            " users: [{name: u, user: {}}]}"
        )
        monkeypatch.setenv("KUBECONFIG", str(file))
        made = Stage(api, tmp_path)
        yield made
        for each in made.started:
            await each.stop()


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 90
    while not await happened():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def probe(process: Process, path: str) -> tuple[int, Any]:
    """The answer's status and its JSON."""
    address = process._settings.health_address
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/{path}") as answer:
        return answer.status, await answer.json()


def is_ready(process: Process) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return (await probe(process, "readyz"))[0] == 200

    return look


async def test_it_becomes_active_and_is_alive_and_ready(stage: Stage) -> None:
    process = stage.process("mine")
    await process.start()
    assert await probe(process, "healthz") == (200, {"stale": [], "unready": "", **NUMBERS})
    assert (await probe(process, "readyz"))[0] == 200
    assert stage.api.writers[0].startswith("mine_")


async def test_a_standby_is_alive_and_ready_but_does_not_operate(stage: Stage) -> None:
    await stage.process("first").start()
    standby = stage.process("second")
    waits = asyncio.create_task(standby.start())
    await until(lambda: _listens(standby))
    await until(is_ready(standby))
    assert (await probe(standby, "healthz"))[0] == 200
    assert not waits.done()
    assert {writer.partition("_")[0] for writer in stage.api.writers} == {"first"}
    waits.cancel()


async def _listens(process: Process) -> bool:
    try:
        await probe(process, "healthz")
    except aiohttp.ClientConnectionError:
        return False
    return True


async def test_a_standby_takes_over_as_soon_as_the_active_one_stops(stage: Stage) -> None:
    first, second = (stage.process(name, lease_seconds=600) for name in ("first", "second"))
    await first.start()
    waits = asyncio.create_task(second.start())
    await until(lambda: _listens(second))
    await until(is_ready(second))
    await first.stop()
    await asyncio.wait_for(waits, 90)
    assert stage.ends == []


@pytest.mark.parametrize("away", ["leases", "leases/e2i-operator", "e2imodels", "deployments"])
async def test_it_waits_for_what_is_away_instead_of_ending(
    stage: Stage, away: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    stage.api.away.add(away)
    process = stage.process("mine")
    waits = asyncio.create_task(process.start())
    await until(lambda: _listens(process))

    async def is_said() -> bool:
        return "etcd is away" in caplog.text

    await until(is_said)
    assert (await probe(process, "healthz"))[0] == 200, "a restart would not help"
    assert (await probe(process, "readyz"))[0] == 503
    stage.api.away.clear()
    await waits
    assert (await probe(process, "readyz"))[0] == 200
    assert caplog.text.count("etcd is away") == 1


async def test_it_ends_when_another_operator_has_its_lease(stage: Stage) -> None:
    await stage.process("mine").start()
    stage.api.taken_by("other_1")

    async def has_ended() -> bool:
        return bool(stage.ends)

    await until(has_ended)
    assert stage.ends == ["the Lease is held by other_1"]


async def test_it_is_not_ready_while_its_lease_cannot_be_renewed(stage: Stage) -> None:
    process = stage.process("mine", lease_seconds=3)
    await process.start()
    stage.api.away.add("leases/e2i-operator")

    async def is_unready() -> bool:
        return (await probe(process, "readyz"))[0] == 503

    await until(is_unready)
    assert (await probe(process, "healthz"))[0] == 200
    stage.api.away.clear()
    await until(is_ready(process))
    assert stage.ends == []


async def _is_followed(watch: Informer) -> bool:
    return watch.alive_at is not None


async def test_it_is_not_alive_when_a_task_hangs(stage: Stage) -> None:
    process = stage.process("mine")
    await process.start()
    assert process._operator
    watch = process._operator.informers[0]
    await until(lambda: _is_followed(watch))
    assert (await probe(process, "healthz"))[0] == 200
    assert watch.alive_at
    watch.alive_at -= LONGEST_SILENCE
    status, shown = await probe(process, "healthz")
    assert status == 503
    assert shown["stale"][0].startswith("the watch of BentoRequest gave no sign of life")
    assert (await probe(process, "readyz"))[0] == 503


async def test_it_is_not_alive_when_nobody_renews_its_lease(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = stage.process("mine")
    await process.start()
    assert process._lease
    process._lease.tried -= 20
    status, shown = await probe(process, "healthz")
    assert (status, "the task 'lease'" in shown["stale"][0]) == (503, True)


@pytest.mark.parametrize(
    ("field", "setting"),
    [("health_address", "E2I_HEALTH_ADDRESS"), ("metrics_address", "E2I_METRICS_ADDRESS")],
)
async def test_an_address_that_another_process_has_is_a_bad_setting(
    stage: Stage, field: str, setting: str
) -> None:
    first, second = stage.process("first"), stage.process("second")
    await first.start()
    second._settings = replace(second._settings, **{field: getattr(first._settings, field)})
    with pytest.raises(BadSetting, match=f"{setting}=127"):
        await second.start()


async def scrape(process: Process) -> Scraped:
    address = process._settings.metrics_address
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as answer:
        return Scraped(await answer.text())


async def test_only_the_active_operator_shows_that_it_leads_and_what_it_watches(stage: Stage) -> None:
    active, standby = stage.process("first"), stage.process("second")
    await active.start()
    waits = asyncio.create_task(standby.start())
    await until(lambda: _listens(standby))
    await until(is_ready(standby))
    led, waiting = await scrape(active), await scrape(standby)
    assert led.value("leader_election_master_status", name="e2i-operator") == 1
    assert waiting.value("leader_election_master_status", name="e2i-operator") == 0
    assert led.value("e2i_watch_failing", kind="E2IModel") == 0
    assert waiting.value("e2i_watch_failing", kind="E2IModel") is None
    assert (led.value("rest_client_requests_total", method="GET", code="200") or 0) >= len(SOURCES)
    waits.cancel()


async def test_a_stop_in_the_middle_of_a_start_gives_the_lease_away(stage: Stage) -> None:
    stage.api.away.add("e2imodels")
    process = stage.process("mine")
    waits = asyncio.create_task(process.start())

    async def has_lease() -> bool:
        return process._lease is not None and process._lease.is_held

    await until(has_lease)
    waits.cancel()
    await process.stop()
    assert stage.api.writers[-1] == ""
