"""The programs that are compared: F0, a plain operator in Go, and the operator.

Each runs alone on the same API server, with the same rights, and makes the same two children of a model.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import floor
from benchmarks.baseline_plan import OWN, Plan, plan_of
from benchmarks.figures import say
from benchmarks.fleet import Fleet
from benchmarks.plant import NAMESPACE, operator, service_account
from benchmarks.store import export_ahead, put_bento

from e2i.kube import Kube
from e2i.kube.e2i_kinds import DEPLOYMENTS, PODS, SERVICES
from e2i.local.layout import ClusterHome
from e2i.local.toolchain import Module, ensure_built, program_of

TAG = "small:1.0.0"
BEHIND = "bench-behind"
NAMESPACES = (NAMESPACE, BEHIND)
START_WITHIN = 60.0
EMPTY_WITHIN = 300.0

Process = subprocess.Popen[bytes]
Side = contextlib.AbstractAsyncContextManager["subprocess.Popen[bytes]"]

GO_OPERATOR = Module("go_operator", ".", beside=Path(__file__).parent)


@dataclass(frozen=True)
class Bench:
    """What every side needs."""

    home: ClusterHome
    kube: Kube
    account: Path
    plan: Plan
    fleet: Fleet

    def ours(self) -> Side:
        return operator(self.home, self.account)

    def floor(self) -> Side:
        server = f"127.0.0.1:{self.home.ports.api_server}"
        return self._baseline([sys.executable, floor.__file__, server, str(self.account)])

    def go(self, *, watch_all: bool = False) -> Side:
        """`watch_all`: it keeps everything in memory that the operator watches."""
        program = [str(program_of(GO_OPERATOR)), f"-server={self.home.api_server_url}"]
        return self._baseline([*program, f"-account={self.account}", "-plan"], watch_all)

    @contextlib.asynccontextmanager
    async def _baseline(self, command: Sequence[str], watch_all: bool = False) -> AsyncIterator[Process]:
        plan = self.home.root / "plan.json"
        plan.write_text(self.plan.text(watch_all=watch_all))
        log = self.home.logs / "baseline.log"
        with log.open("w") as errors:
            # A process that is started in the event loop: nothing else is to run meanwhile.
            process = subprocess.Popen([*command, str(plan)], stdout=subprocess.PIPE, stderr=errors)  # noqa: ASYNC220
        with process:
            try:
                await _until_ready(process)
                yield process
            finally:
                if process.poll() is not None:
                    say(log.read_text()[-2000:])
                process.terminate()

    @contextlib.asynccontextmanager
    async def alone(self, side: Side) -> AsyncIterator[Process]:
        """Run one side; what was made is removed when it has ended."""
        async with running(side) as process:
            yield process
        await self.clear()

    async def clear(self) -> None:
        """Remove all models and their children."""
        async with asyncio.timeout(EMPTY_WITHIN):
            for resource, namespace in itertools.product((*OWN, SERVICES, DEPLOYMENTS, PODS), NAMESPACES):
                await self.kube.request("DELETE", resource.path(namespace))
                while (await self.kube.list(resource, namespace))[0]:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.2)


SIDES: dict[str, Callable[[Bench], Side]] = {
    "F0, a minimal client": Bench.floor,
    "a plain operator in Go": Bench.go,
    "the operator": Bench.ours,
}
FLOOR, GO, OURS = SIDES


def build_go_operator() -> None:
    """Compile it, unless the cache has it."""
    ensure_built([GO_OPERATOR], lambda line: say(f"  {line}"))


@contextlib.asynccontextmanager
async def running(side: Side) -> AsyncIterator[Process]:
    """Run one side; RuntimeError as soon as it ends by itself, so that nobody waits for what it will never do."""
    async with side as process:
        body = asyncio.current_task()
        assert body is not None
        guard = asyncio.create_task(_cancel_after(process, body))
        try:
            yield process
        except asyncio.CancelledError:
            if process.poll() is None:
                raise
            body.uncancel()
            raise RuntimeError(f"{process.args!r} ended with exit code {process.returncode}") from None
        finally:
            guard.cancel()


async def _cancel_after(process: Process, body: asyncio.Task[Any]) -> None:
    while process.poll() is None:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.5)  # The end of another process is only to be asked for.
    body.cancel()


@contextlib.asynccontextmanager
async def bench_on(home: ClusterHome, tags: Sequence[str] = (TAG,)) -> AsyncIterator[Bench]:
    """The cluster with these bentos exported; models without a tag of their own have the first."""
    for tag in tags:
        put_bento(home, tag)
    artifacts = [export_ahead(home, tag) for tag in tags]
    async with await Kube.from_kubeconfig(home.kubeconfig) as kube:
        fleet = Fleet(kube, tags[0])
        await fleet.prepare(NAMESPACES)
        yield Bench(home, kube, await service_account(home, kube), plan_of(home, artifacts[0]), fleet)


async def _until_ready(process: Process) -> None:
    """The program has said so."""
    output = process.stdout
    assert output is not None
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(START_WITHIN):
        line = await loop.run_in_executor(None, output.readline)
    if line.strip() != b"ready":
        raise RuntimeError(f"{process.args!r} did not start: {line!r}")
