"""Run one pod on this node: start its containers, report its status, and end it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from e2i.kube import ApiError, Object
from e2i.local.node import clock
from e2i.local.node.container import Attempt
from e2i.local.node.container_decisions import Step, is_over, is_sidecar, next_step, wants_start
from e2i.local.node.launch import CreateError
from e2i.local.node.podstatus import Place, changes, pod_status
from e2i.local.node.processes import StartError
from e2i.local.node.records import Record, Running, Terminated, restored
from e2i.local.node.setup import Node, PodSetup
from e2i.local.node.volumes import MountError

log = logging.getLogger(__name__)
RETRY = 1.0
"""Seconds before a write that failed is tried again."""
LAST_GRACE = 1.0
"""Seconds that the processes of a pod have if the pod is no longer in the API."""


class PodWorker:
    """Runs one pod; `update` and `mark_removed` bring news of it."""

    def __init__(self, pod: Object, node: Node) -> None:
        self.pod = pod
        self._node = node
        self._woken = asyncio.Event()
        self.is_removed = False
        self._ended = False
        self._event_tasks: set[asyncio.Task[None]] = set()
        status, now = pod.get("status") or {}, clock.now()
        known = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        past = {entry["name"]: restored(entry, now) for entry in known}
        self.records: dict[str, Record] = {name: past.get(name, Record()) for name in self.containers}
        self.attempts: dict[str, Attempt] = {}
        # An eviction may have ended it: then no container may run any more.
        self._closed = status.get("phase") in ("Succeeded", "Failed")
        self.setup = PodSetup(pod, node)

    @property
    def containers(self) -> dict[str, Object]:
        spec = self.pod["spec"]
        return {c["name"]: c for c in [*(spec.get("initContainers") or []), *spec["containers"]]}

    @property
    def deleting(self) -> bool:
        return self.is_removed or bool(self.pod["metadata"].get("deletionTimestamp"))

    def update(self, pod: Object) -> None:
        """Use this version of the pod if it is newer."""
        if _version(pod) > _version(self.pod):
            self.pod = pod
            self._woken.set()

    def mark_removed(self) -> None:
        """End the pod because it is no longer in the API."""
        self.is_removed = True
        self._woken.set()

    async def run(self) -> None:
        """Run the pod to its end; return when nothing of it is left on this node."""
        while not self.deleting:
            self._woken.clear()
            await self._sleep(await self._pass())
        self.setup.withdraw()
        await self._end_containers()
        self._ended = True
        while not (self.is_removed or await self._leave()):
            await self._sleep(clock.now() + RETRY)
        await self.setup.remove()

    async def halt(self, grace: float) -> None:
        """End the processes because the agent ends; the pod stays in the API."""
        for attempt in self.attempts.values():
            attempt.stop(grace, pauses=False)  # The proxy ends too, so no request comes any more.
        lives = [attempt.life for attempt in self.attempts.values() if attempt.life]
        if lives:
            await asyncio.wait(lives)

    async def _pass(self) -> float | None:
        """Do what is due; return the time of the next check, or None to wait for the next event."""
        now = clock.now()
        if self._closed or is_over(self.pod["spec"], self.records):
            self.setup.release_address()
        elif not await self._prepared():
            await self._publish()
            return now + self._node.backoff.first
        step = Step() if self._closed else next_step(self.pod["spec"], self.records, now)
        for name in step.stop:
            self.attempts[name].stop(self._grace())
        for name in step.start:
            await self._start(name)
        if step.start:
            self._woken.set()
        published = await self._publish()
        times = [step.wake_at, self.setup.renew_at, None if published else now + RETRY]
        return min((time for time in times if time is not None), default=None)

    async def _sleep(self, until: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if until is None else until - clock.now()):
                await self._woken.wait()

    async def _prepared(self) -> bool:
        try:
            await self.setup.prepare(self.pod)
        except (MountError, ApiError, RuntimeError) as error:
            self.post_event("Warning", "FailedMount", str(error))
            return False
        return True

    async def _start(self, name: str) -> None:
        record, first = self.records[name], self._node.backoff.first
        try:
            await self._launch(name)
        except CreateError as error:
            delay = self._node.backoff.after_refusal(record.delay)
            self.post_event("Warning", "Failed", f"Error: {error.reason}: {error.message}")
            self.records[name] = record.refused(error.reason, error.message, delay, clock.now())
            if error.reason == "ErrImagePull":
                # A kubelet reports the error first, then that it waits: a watch sees both.
                await self._publish()
                message = f"Back-off pulling image: {error.message}"
                self.records[name] = record.refused("ImagePullBackOff", message, delay, clock.now())
        except StartError as error:
            now = clock.now()
            self.post_event("Warning", "Failed", f"Error: {error}")
            failed = Terminated(
                exit_code=128, reason="StartError", message=str(error), started_at=now, finished_at=now
            )
            self.records[name] = record.begun("", record.image_id, now).ended(failed, self._node.backoff)
        except (MountError, ApiError) as error:
            message = str(error)
            self.records[name] = record.refused("CreateContainerConfigError", message, first, clock.now())

    async def _launch(self, name: str) -> None:
        restarts = (record := self.records[name]).begun("", "", 0.0).restarts
        target, id_, message = await self.setup.target(self.pod, self.containers[name])
        log = self.log_file(name, restarts)
        attempt = Attempt(target, id_, log, message, self._pod_grace(), self, self._node.guardian)
        await attempt.start()
        self.log_file(name, restarts - 2).unlink(missing_ok=True)
        self.attempts[name] = attempt
        self.records[name] = record.begun(f"processes://{id_}", target.launch.image_id, clock.now())
        self.post_event("Normal", "Started", f"Started container {name}")

    def will_restart(self, name: str) -> bool:
        """Return whether the container will be started, at once or later."""
        return wants_start(self.containers[name], self.pod["spec"], self.records[name])

    def log_file(self, name: str, restarts: int) -> Path:
        return self.setup.folder / "logs" / name / f"{restarts}.log"

    # The callbacks of an Attempt (container.Observer).

    def became_started(self, name: str) -> None:
        self._change(name, started=True)

    def became_ready(self, name: str, ready: bool) -> None:
        self._change(name, ready=ready)

    def ended(self, name: str, state: Terminated) -> None:
        del self.attempts[name]
        record = self.records[name] = self.records[name].ended(state, self._node.backoff)
        if self.will_restart(name) and record.delay and not self.deleting:
            pod = f"{self.pod['metadata']['namespace']}/{self.pod['metadata']['name']}"
            self.post_event("Warning", "BackOff", f"Back-off restarting failed container {name} in pod {pod}")
        self._woken.set()

    def post_event(self, type_: str, reason: str, message: str) -> None:
        """Post an event about the pod, without waiting for it."""
        self._spawn(self._node.cluster.event(self.pod, type_, reason, message))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._event_tasks.add(task)
        task.add_done_callback(self._event_tasks.discard)

    def _change(self, name: str, **values: bool) -> None:
        record = self.records[name]
        if isinstance(record.state, Running):
            self.records[name] = replace(record, **values)  # type: ignore[arg-type]
            self._woken.set()

    # The end.

    def _pod_grace(self) -> float:
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _grace(self) -> float:
        if self.is_removed:
            return LAST_GRACE
        wanted = self.pod["metadata"].get("deletionGracePeriodSeconds")
        return self._pod_grace() if wanted is None else float(wanted)

    async def _end_containers(self) -> None:
        """Stop all containers, sidecars last; a shorter grace period that is set meanwhile counts."""
        deadline = clock.now() + self._grace()
        while self.attempts:
            self._woken.clear()
            deadline = min(deadline, clock.now() + self._grace())
            sidecars = {n for n in self.attempts if is_sidecar(self.containers[n])}
            for name in (set(self.attempts) - sidecars) or sidecars:
                self.attempts[name].stop(max(0.0, deadline - clock.now()))
            await self._woken.wait()

    async def _leave(self) -> bool:
        """Report the end and delete the pod from the API; return False if that must be tried again."""
        if not await self._publish():
            return False
        try:
            await self._node.cluster.remove(self.pod)
        except ApiError as error:
            log.warning("pod %s could not be removed: %s; trying again", self.setup.uid, error)
            return error.status == 409
        return True

    async def _publish(self) -> bool:
        """Write the status if it changed; return whether the API has it now."""
        if self._closed:
            return True
        place = Place(self.setup.address_shown, "127.0.0.1", self.setup.ready)
        wanted = pod_status(self.pod, self.records, place, clock.now(), ended=self._ended)
        part = changes(self.pod, wanted)
        if not part:
            return True
        try:
            self.update(await self._node.cluster.patch_status(self.pod, part))
        except ApiError as error:
            if error.status in (404, 409):  # Gone, or another pod has its name by now.
                self.mark_removed()
                return True
            log.warning("status of pod %s could not be written: %s", self.setup.uid, error)
            return False
        return True


def _version(pod: Object) -> int:
    # Versions may be compared as numbers since Kubernetes 1.35 says so.
    return int(pod["metadata"]["resourceVersion"])
