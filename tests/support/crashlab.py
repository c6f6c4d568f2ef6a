"""Plays a life of several phases undisturbed, then again and again, each time struck in every phase.

Each life has a namespace, an operator and proxies of its own, so that lives are side by side: the proxy shows its
operator that one namespace only.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from support.cluster import TestCluster
from support.crashdoors import SENTINEL, api_server, name_of_s3_call, name_of_write, s3_server
from support.crashnode import node
from support.crashproxy import CrashProxy
from support.crashreport import Agenda, Ending, Findings, Strikes
from support.crashstate import KINDS, Changes, has_orphans, state_of
from support.operating import install
from support.stage import Stage, condition, is_ready, staging
from support.warmoperator import WarmOperator
from support.yatai import controllers, until_sockets_are_closed

from e2i.archive.export import SETTLED
from e2i.kube.e2i_kinds import E2I_MODELS
from e2i.local.components import BUCKET
from e2i.local.images import ImageStore
from e2i.local.layout import ClusterHome

Door = Literal["api", "s3"]
SIDE_BY_SIDE = 6
"""Lives; with more of them on two cores, Yatai's single worker takes longer than the operator bears."""
ENOUGH_FAILURES = 10
PATIENCE = 180.0
"""Seconds; the machine may be busy."""
PAUSE = 0.2
SETTLING = 30.0
ENOUGH = 5
"""Times that a state is read in a row before it is taken for the last one."""


@dataclass(frozen=True)
class Phase:
    """`play` changes something and returns when the operator has done what that asks of it."""

    name: str
    play: Callable[[Lane], Awaitable[None]]
    is_struck: bool = True
    """False: it prepares what comes next, and is struck in another life."""


class CalmStage(Stage):
    """Looks a few times a second: there are many of them."""

    async def until(self, look: Callable[[], Awaitable[Any]], what: str, patience: float = PATIENCE) -> Any:
        async def look_later() -> Any:
            found = await look()
            if not found:
                await asyncio.sleep(PAUSE)
            return found

        return await super().until(look_later, what, patience)


@dataclass
class Lane:
    """One life: its stage, its operator, and the proxy at which the operator is struck."""

    stage: Stage
    operator: WarmOperator
    proxy: CrashProxy
    played: contextlib.AsyncExitStack
    """What the test plays all the life long: ended with it."""

    async def ready(self) -> None:
        async def look() -> bool:
            return is_ready(await self.stage.model())

        await self.stage.until(look, "Ready")

    async def gone(self) -> None:
        """Nothing of the model is left, nor of what Yatai made for it."""

        async def look() -> bool:
            if await self.stage.child(E2I_MODELS, "churn"):
                return False
            kinds = [kind for kind in KINDS if kind is not E2I_MODELS]
            return not any([(await self.stage.kube.list(kind, self.stage.namespace))[0] for kind in kinds])

        await self.stage.until(look, "the model and its children to go")

    async def quiet(self, phase: str) -> None:
        """Return when the operator has made one more pass than it needed."""
        stage = self.stage
        if await stage.child(E2I_MODELS, "churn"):
            body = {"metadata": {"annotations": {"touched": phase}}}
            await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body)
        tag = f"churn:{phase.replace(' ', '-')}"
        if await stage.child(E2I_MODELS, SENTINEL):
            await stage.change(SENTINEL, bento={"tag": tag})
        else:
            await stage.create(SENTINEL, tag)

        async def refused() -> bool:
            told = condition(await stage.model(SENTINEL), "Ready")
            return told is not None and told["reason"] == "BentoNotFound" and tag in told["message"]

        await stage.until(refused, f"{tag} to be refused")


@dataclass(frozen=True)
class Study:
    """A life and the points of its phases."""

    phases: Sequence[Phase]
    agendas: Sequence[Agenda]

    @property
    def ahead(self) -> int:
        """Lives that it still needs beside those under way; none after many failures, which would tell nothing new."""
        if sum(len(agenda.failures) for agenda in self.agendas) >= ENOUGH_FAILURES:
            return 0
        return max(len(agenda.waiting) - agenda.coming for agenda in self.agendas)


class Lab:
    """Plays lives, each a sequence of phases in a namespace of its own."""

    def __init__(self, cluster: TestCluster, operator: WarmOperator, folder: Path, door: Door) -> None:
        assert cluster.home
        self._cluster = cluster
        self._home: ClusterHome = cluster.home
        self._operator = operator
        self._folder = folder
        self._door = door

    async def study(self, lives: Mapping[str, Sequence[Phase]]) -> dict[str, Findings]:
        """Try every point of every phase of the lives; a life tries some points of each of its phases."""
        with contextlib.closing(Changes(self._home)) as self._changes:
            async with asyncio.TaskGroup() as first:
                usual = {name: first.create_task(self._undisturbed(phases)) for name, phases in lives.items()}
            studies = {name: Study(lives[name], task.result()) for name, task in usual.items()}
            async with asyncio.TaskGroup() as lanes:
                for _ in range(SIDE_BY_SIDE):
                    lanes.create_task(self._live_on(list(studies.values())))
        return {name: Findings(study.agendas) for name, study in studies.items()}

    async def _undisturbed(self, phases: Sequence[Phase]) -> list[Agenda]:
        async with self._lane() as lane:
            return [
                Agenda(phase.name, phase.is_struck, await self._play(lane, phase, (), None))
                for phase in phases
            ]

    async def _live_on(self, studies: Sequence[Study]) -> None:
        """Live again and again, each time the life with the most points ahead."""
        while (study := max(studies, key=lambda study: study.ahead)).ahead > 0:
            coming = deque(zip(study.phases, study.agendas, strict=True))
            for agenda in study.agendas:
                agenda.coming += 1
            try:
                async with self._lane() as lane:
                    await self._live(lane, coming)
            finally:
                for _, agenda in coming:
                    agenda.coming -= 1

    async def _live(self, lane: Lane, coming: deque[tuple[Phase, Agenda]]) -> None:
        """End early when a phase ended wrongly, or nothing is left to be tried in the later ones."""
        while any(agenda.waiting for _, agenda in coming):
            phase, agenda = coming.popleft()
            agenda.coming -= 1
            strikes = agenda.take()
            try:
                ended = await self._play(lane, phase, strikes, agenda.usual)
            except AssertionError as error:
                agenda.fail(strikes, str(error), lane.proxy.calls)
                return
            if not agenda.judge(strikes, ended):
                return

    async def _play(self, lane: Lane, phase: Phase, strikes: Strikes, usual: Ending | None) -> Ending:
        lane.proxy.arm(strikes)
        await phase.play(lane)
        await lane.quiet(phase.name)
        ended = await self._ending(lane, usual)
        log = lane.operator.log.read_text()
        assert "Traceback" not in log, f"the operator's log: {log[-3000:]}"
        return ended

    async def _ending(self, lane: Lane, usual: Ending | None) -> Ending:
        """The state once it is as usual, or the same for a while: Kubernetes' garbage collector takes time."""
        deadline, same = time.monotonic() + SETTLING, 0
        before: Ending | None = None
        while True:
            ended = Ending(
                state=await state_of(lane.stage, self._keys(lane.stage)),
                counts=Counter(self._changes.counts(lane.stage.namespace)),
                calls=tuple(lane.proxy.calls),
                struck=tuple(lane.proxy.struck),
            )
            is_same = before and not before.difference(ended) and not has_orphans(ended.state)
            same = same + 1 if is_same else 0
            if (usual and not usual.difference(ended)) or (not usual and same == ENOUGH):
                return ended
            if time.monotonic() > deadline:
                return ended
            before = ended
            await asyncio.sleep(PAUSE)

    def _keys(self, stage: Stage) -> list[str]:
        folder = self._home.bucket_data / BUCKET / stage.namespace
        return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())

    @contextlib.asynccontextmanager
    async def _lane(self) -> AsyncIterator[Lane]:
        async def restart() -> None:
            await operator.restart()

        async with staging(self._cluster) as staged, contextlib.AsyncExitStack() as played:
            stage = CalmStage(staged.kube, staged.home, staged.namespace)
            api = CrashProxy(api_server(self._home, stage.namespace), name_of_write, restart)
            s3 = CrashProxy(s3_server(self._home), name_of_s3_call, restart)
            for proxy in (api, s3):
                await played.enter_async_context(proxy.running())
            operator = self._operator.of(
                self._folder / f"{stage.namespace}.log", _environment(stage, api, s3)
            )
            operator.start()
            try:
                yield Lane(stage, operator, s3 if self._door == "s3" else api, played)
            finally:
                await operator.end()


@contextlib.asynccontextmanager
async def laboratory(cluster: TestCluster, folder: Path, store: Path, door: Door) -> AsyncIterator[Lab]:
    """A lab on the cluster, whose Yatai is at work; `folder` takes logs and images."""
    home = cluster.own_home("reads the audit log of a cluster of its own")
    install(home)
    operator = WarmOperator(home, folder, store)
    # A bento that changed just now is looked at for a while: that must not be so in the first life only.
    newest = max(path.stat().st_ctime for path in store.rglob("*"))
    await asyncio.sleep(max(0.0, newest + SETTLED - time.time()))
    async with controllers(cluster, ImageStore(folder / "images")), node(cluster):
        yield Lab(cluster, operator, folder, door)
    await until_sockets_are_closed()


def _environment(stage: Stage, api: CrashProxy, s3: CrashProxy) -> dict[str, str]:
    return {
        "KUBERNETES_SERVICE_PORT": str(api.port),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3.port}",
        "E2I_BUCKET_PREFIX": stage.namespace,
        # Each life has an operator that is active.
        "E2I_LEASE_NAME": stage.namespace,
        "E2I_HEALTH_ADDRESS": "",
        "E2I_METRICS_ADDRESS": "",
    }
