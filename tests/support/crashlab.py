"""Plays a scenario once undisturbed, then once for every call and every way to strike at it, and compares.

Each run has a namespace, an operator and proxies of its own, so that runs are side by side: the proxy shows its
operator that one namespace only.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import re
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aiohttp import web
from support.cluster import TestCluster
from support.crashproxy import Call, CrashProxy, Mode, Server, Strike
from support.crashstate import Changes, Counts, state_of
from support.stage import Stage, condition, staging
from support.warmoperator import WarmOperator

from e2i.edge.kinds import CHILDREN, E2I_MODELS
from e2i.kube import Object
from e2i.local.components import BUCKET
from e2i.local.layout import ClusterHome

SIDE_BY_SIDE = 10
TRIES = 4
"""Runs in which a call of the undisturbed run must come again."""
SETTLING = 20.0
ENOUGH = 5
"""Times that a state is read in a row before it is taken for the last one."""
SENTINEL = "sentinel"
"""A model without a bento: when it was looked at, so was what was changed before it."""
_OBJECT = re.compile(
    r"/(?:api/v1|apis/[^/]+/[^/]+)/namespaces/[^/]+/([a-z0-9]+)(?:/([^/?]+))?(?:/([^/?]+))?$"
)
_VERBS = {"PATCH": "apply", "PUT": "replace", "POST": "create", "DELETE": "delete"}
_CLUSTER_WIDE = {resource.path(): resource for resource in (*CHILDREN, E2I_MODELS)}
Door = Literal["api", "s3"]


def name_of_write(request: web.Request, body: bytes) -> str | None:
    """`apply services/churn`, `status Building`; None for reads, events and the sentinel."""
    found = _OBJECT.match(request.path)
    if request.method not in _VERBS or not found:
        return None
    plural, name, part = found.groups()
    if plural == "events" or name == SENTINEL:
        return None
    if part == "status":
        return f"status {_reason(json.loads(body))}"
    return f"{_VERBS[request.method]} {plural}/{name}"


def _reason(body: Object) -> str:
    ready = condition(body, "Ready")
    return ready["reason"] if ready else "without Ready"


@dataclass(frozen=True)
class Scenario:
    """`prepare` is not disturbed; `play` is, and returns when the end is reached."""

    name: str
    play: Callable[[Lane], Awaitable[None]]
    prepare: Callable[[Lane], Awaitable[None]]


@dataclass
class Lane:
    """One run: its stage, its operator, and the proxy at which the operator is struck."""

    stage: Stage
    operator: WarmOperator
    proxy: CrashProxy

    async def quiet(self) -> None:
        """Return when the operator has made one more pass than it needed."""
        stage = self.stage
        if await stage.child(E2I_MODELS, "churn"):
            body = {"metadata": {"annotations": {"touched": "yes"}}}
            await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body)
        await stage.create(SENTINEL, "churn:0")
        await stage.reason("BentoNotFound", SENTINEL)


@dataclass(frozen=True)
class Ending:
    """How one run ended."""

    state: str
    counts: Counts
    calls: tuple[Call, ...]
    struck: bool

    def difference(self, other: Ending) -> str:
        """ "" if objects, keys, creations and deletions are the same."""
        lines = [
            f"{' '.join(what)}: {self.counts[what]} times, now {other.counts[what]}"
            for what in sorted(self.counts | other.counts)
            if self.counts[what] != other.counts[what]
        ]
        lines += difflib.unified_diff(
            self.state.splitlines(), other.state.splitlines(), "undisturbed", "struck", lineterm="", n=2
        )
        return "\n".join(lines)


def _sequence(calls: Sequence[Call]) -> str:
    return f"calls: {', '.join(map(str, calls))}"


@dataclass
class Report:
    """One scenario, all its points."""

    scenario: str
    calls: tuple[Call, ...]
    tried: int = 0
    missed: list[Strike] = field(default_factory=list)
    """Points at a status that came in the undisturbed run, and in no other: how long things take decides."""
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        sequence = ", ".join(map(str, self.calls))
        text = f"{self.scenario}: {self.tried} points tried in {self.seconds:.0f} s ({sequence})"
        if self.missed:
            text += f"; did not come again in {TRIES} runs: {', '.join(map(str, self.missed))}"
        return text


class Lab:
    """Runs of one cluster; `door` is where the operator is struck."""

    def __init__(self, cluster: TestCluster, operator: WarmOperator, folder: Path, door: Door) -> None:
        assert cluster.home
        self._cluster = cluster
        self._home: ClusterHome = cluster.home
        self._operator = operator
        self._folder = folder
        self._door = door
        self._places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def study(self, scenario: Scenario) -> Report:
        """Every call of the undisturbed run in every mode."""
        began = time.monotonic()
        with contextlib.closing(Changes(self._home)) as changes:
            usual = await self._run(scenario, changes, None, None)
            report = Report(scenario.name, usual.calls)
            strikes = [Strike(call, mode) for call in usual.calls for mode in Mode]
            await asyncio.gather(*(self._try(scenario, changes, usual, strike, report) for strike in strikes))
        report.seconds = time.monotonic() - began
        return report

    async def _try(
        self, scenario: Scenario, changes: Changes, usual: Ending, strike: Strike, report: Report
    ) -> None:
        async with self._places:
            for _ in range(TRIES):
                try:
                    ended = await self._run(scenario, changes, usual, strike)
                except AssertionError as error:
                    report.failures.append(f"{scenario.name}, {strike}: {error}")
                    return
                if found := usual.difference(ended):
                    report.failures.append(f"{scenario.name}, {strike}:\n{found}\n{_sequence(ended.calls)}")
                if ended.struck:
                    report.tried += 1
                    return
        if not strike.call.what.startswith("status "):
            report.failures.append(f"{scenario.name}, {strike}: never came; {_sequence(ended.calls)}")
        report.missed.append(strike)

    async def _run(
        self, scenario: Scenario, changes: Changes, usual: Ending | None, strike: Strike | None
    ) -> Ending:
        async with staging(self._cluster) as stage, self._lane(stage) as lane:
            await scenario.prepare(lane)
            lane.proxy.arm(strike)
            await scenario.play(lane)
            await lane.quiet()
            ended = await self._ending(lane, changes, usual)
            log = lane.operator.log.read_text()
            assert "Traceback" not in log, f"the operator's log: {log[-3000:]}"
            return ended

    async def _ending(self, lane: Lane, changes: Changes, usual: Ending | None) -> Ending:
        """The state once it is as usual, or the same for a while: Kubernetes' garbage collector takes time."""
        deadline, same, before = time.monotonic() + SETTLING, 0, None
        while True:
            ended = Ending(
                state=await state_of(lane.stage, self._keys(lane.stage)),
                counts=Counter(changes.counts(lane.stage.namespace)),
                calls=tuple(lane.proxy.calls),
                struck=lane.proxy.has_struck,
            )
            same = same + 1 if before and not before.difference(ended) else 0
            if (usual and not usual.difference(ended)) or (not usual and same == ENOUGH):
                return ended
            if time.monotonic() > deadline:
                return ended
            before = ended
            await asyncio.sleep(0.2)

    def _keys(self, stage: Stage) -> list[str]:
        folder = self._home.bucket_data / BUCKET / stage.namespace
        return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())

    @contextlib.asynccontextmanager
    async def _lane(self, stage: Stage) -> AsyncIterator[Lane]:
        async def kill() -> None:
            await operator.kill()
            operator.start()

        api = CrashProxy(_api_server(self._home, stage.namespace), name_of_write, kill)
        async with api.running():
            operator = self._operator.of(
                self._folder / f"{stage.namespace}.log",
                {"KUBERNETES_SERVICE_PORT": str(api.port), "E2I_BUCKET_PREFIX": stage.namespace},
            )
            operator.start()
            try:
                yield Lane(stage, operator, api)
            finally:
                await operator.kill()


def _api_server(home: ClusterHome, namespace: str) -> Server:
    """The API server, of which only one namespace is to be seen."""

    def path(request: web.Request) -> str:
        place, _, query = request.raw_path.partition("?")
        if resource := _CLUSTER_WIDE.get(place):
            place = resource.path(namespace)
        return f"{place}?{query}" if query else place

    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(home.pki / "kube-apiserver-serving.crt", home.pki / "kube-apiserver-serving.key")
    trusting = ssl.create_default_context(cafile=str(home.pki / "cluster-ca.crt"))
    return Server(home.api_server_url, serving, trusting, path)
