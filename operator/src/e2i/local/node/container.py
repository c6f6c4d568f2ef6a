"""One attempt to run a container: its process, log, probes and hooks, from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Protocol

from e2i.api import quantities
from e2i.kube import Object
from e2i.local.node import clock
from e2i.local.node.actions import Target, perform
from e2i.local.node.guardian import Guardian
from e2i.local.node.launch import Launch
from e2i.local.node.logfiles import LogWriter, log_tail
from e2i.local.node.probing import Probe, Tally, probes_of
from e2i.local.node.processes import Processes
from e2i.local.node.records import Terminated

SHORTEST_GRACE = 2.0
"""Seconds that a process has after SIGTERM, even if a hook used up the grace period."""
LONGEST_MESSAGE = 4096


class Observer(Protocol):
    """Gets the changes of an attempt."""

    def became_started(self, name: str) -> None: ...
    def became_ready(self, name: str, ready: bool) -> None: ...
    def ended(self, name: str, state: Terminated) -> None: ...
    def post_event(self, type_: str, reason: str, message: str) -> None: ...


class Attempt:
    """A container that runs or is being stopped.

    start ── startup probe ── started ── readiness and liveness probes ──┐
      └──────────────── stop(): preStop, SIGTERM, SIGKILL ───────────────┴── ended
    """

    def __init__(
        self,
        target: Target,
        id_: str,
        log: Path,
        message: Path,
        grace: float,
        observer: Observer,
        guardian: Guardian,
    ) -> None:
        self.container: Object = target.container
        self.name: str = target.container["name"]
        self.id = id_
        self.log = log
        self._message = message
        self._target = target
        self._grace = grace
        self._observer = observer
        self._guardian = guardian
        self._started = asyncio.Event()
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._stopping: asyncio.Task[None] | None = None
        self._kill_timer: asyncio.TimerHandle | None = None
        self._kills: set[asyncio.Task[None]] = set()
        self.life: asyncio.Task[None] | None = None
        self.pid = 0
        self.begun = 0.0

    async def start(self) -> None:
        """Start the process; StartError if the program cannot be started."""
        self._writer = LogWriter(self.log)
        self._message.unlink(missing_ok=True)
        self.begun = clock.now()
        try:
            self._processes = await Processes.start(self._target.launch, self.id, self._writer.write)
        except BaseException:
            self._writer.close()
            raise
        self.pid = self._processes.pid
        if limit := (self.container.get("resources") or {}).get("limits", {}).get("memory"):
            self._guardian.watch(self.id, self.pid, int(quantities.value(limit)))
        self.life = asyncio.create_task(self._live())

    @property
    def launch(self) -> Launch:
        """The command, environment and folder of its first process; exec and probes use the last two."""
        return self._target.launch

    def members(self) -> set[int]:
        """Return the ids of its processes."""
        return self._processes.members()

    async def _live(self) -> None:
        starting = asyncio.create_task(self._after_start())
        code = await self._processes.wait()
        used_up = await self._guardian.forget(self.id)
        tasks = [starting, *self._probes.values(), *self._kills]
        tasks += [self._stopping] if self._stopping else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._kill_timer:
            self._kill_timer.cancel()
        self._writer.close()
        self._observer.ended(self.name, self._terminated_state(code, oom=code == -signal.SIGKILL and used_up))

    async def _after_start(self) -> None:
        """Run the postStart hook, then start the probes."""
        hook = (self.container.get("lifecycle") or {}).get("postStart")
        failure = await perform(hook, self._target, self._grace) if hook else None
        if failure:
            self._observer.post_event("Warning", "FailedPostStartHook", f"PostStartHook failed: {failure}")
            self.stop(self._grace)
            return
        probes = probes_of(self.container)
        if "startup" not in probes:
            self._mark_started()
        if "readiness" not in probes and "startup" not in probes:
            self._observer.became_ready(self.name, True)
        for kind, probe in probes.items():
            self._probes[kind] = asyncio.create_task(self._run_probe(probe))
        if "startup" in probes and "readiness" not in probes:
            await self._started.wait()
            self._observer.became_ready(self.name, True)

    def _mark_started(self) -> None:
        self._started.set()
        self._observer.became_started(self.name)

    async def _run_probe(self, probe: Probe) -> None:
        """Run the probe periodically, and act on each new verdict."""
        if probe.kind != "startup":
            await self._started.wait()
        loop, tally = asyncio.get_running_loop(), Tally()
        await asyncio.sleep(max(0.0, self.begun + probe.initial_delay - clock.now()))
        while True:
            next_at = loop.time() + probe.period
            failure = await perform(probe.handler, self._target, probe.timeout)
            if failure:
                message = f"{probe.kind.capitalize()} probe failed: {failure}"
                self._observer.post_event("Warning", "Unhealthy", message)
            before, tally = tally, tally.counted(failure is None, probe)
            if tally.verdict is not before.verdict and self._is_final(probe, tally.verdict):
                return
            await asyncio.sleep(max(0.0, next_at - loop.time()))

    def _is_final(self, probe: Probe, verdict: bool | None) -> bool:
        """Act on a new verdict; return whether the probe is finished."""
        if probe.kind == "readiness":
            self._observer.became_ready(self.name, verdict is True)
            return False
        if verdict is False:
            consequence = f"Container {self.name} failed {probe.kind} probe, will be restarted"
            self._observer.post_event("Normal", "Killing", consequence)
            self.stop(self._grace if probe.grace is None else probe.grace)
            return True
        if probe.kind == "startup":
            self._mark_started()
            return True
        return False

    def stop(self, grace: float, *, pauses: bool = True) -> None:
        """Stop it within `grace` seconds; after several calls the earliest end counts.

        Without `pauses` a preStop hook that only sleeps is left out.
        """
        loop = asyncio.get_running_loop()
        self._kill_at(loop.time() + grace)
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._terminate(grace, pauses))

    async def _terminate(self, grace: float, pauses: bool) -> None:
        for kind in ("startup", "liveness"):
            if kind in self._probes and self._probes[kind] is not asyncio.current_task():
                self._probes[kind].cancel()
        hook = (self.container.get("lifecycle") or {}).get("preStop")
        if hook and grace > 0 and (pauses or "sleep" not in hook):
            failure = await perform(hook, self._target, grace)
            if failure:
                self._observer.post_event("Warning", "FailedPreStopHook", f"PreStopHook failed: {failure}")
            self._kill_at(asyncio.get_running_loop().time() + SHORTEST_GRACE, at_least=True)
        self._processes.terminate()

    def _kill_at(self, when: float, *, at_least: bool = False) -> None:
        """Set the time of SIGKILL; the earlier time counts, or with `at_least` the later one."""
        if self._kill_timer:
            choose = max if at_least else min
            when = choose(when, self._kill_timer.when())
            self._kill_timer.cancel()
        self._kill_timer = asyncio.get_running_loop().call_at(when, self._kill)

    def _kill(self) -> None:
        task = asyncio.create_task(self._processes.kill())
        self._kills.add(task)
        task.add_done_callback(self._kills.discard)

    def _terminated_state(self, code: int, *, oom: bool) -> Terminated:
        # A shell reports a signal as 128 + its number, and so does a container runtime.
        exit_code = code if code >= 0 else 128 - code
        return Terminated(
            exit_code=exit_code,
            reason="OOMKilled" if oom else "Completed" if exit_code == 0 else "Error",
            message=self._last_message(exit_code),
            started_at=self.begun,
            finished_at=clock.now(),
            container_id=f"processes://{self.id}",
            signal=max(0, -code),
        )

    def _last_message(self, exit_code: int) -> str:
        with contextlib.suppress(OSError):
            if text := self._message.read_text(errors="replace"):
                return text[-LONGEST_MESSAGE:]
        wanted = self.container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        return log_tail(self.log) if wanted and exit_code else ""
