"""The agent's record of one container, and how it changes. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, replace

from e2i.kube import Object
from e2i.local.node.clock import seconds_of


@dataclass(frozen=True, kw_only=True)
class Waiting:
    reason: str = "ContainerCreating"
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Running:
    started_at: float


@dataclass(frozen=True, kw_only=True)
class Terminated:
    exit_code: int
    reason: str
    started_at: float
    finished_at: float
    message: str = ""
    container_id: str = ""
    signal: int = 0


@dataclass(frozen=True, kw_only=True)
class BackOff:
    """The node's delays, in seconds."""

    first: float = 10.0
    longest: float = 300.0
    forget_after: float = 600.0
    """A container that ran this long starts again as if it had never failed."""

    def after(self, previous: float | None, ran_for: float) -> float:
        """Return the delay before the next attempt; the first is made at once.

        None -> 0, 0 -> 10, 10 -> 20, 160 -> 300, 300 -> 300; ran 10 minutes -> 0
        """
        if previous is None or ran_for >= self.forget_after:
            return 0.0
        return min(self.longest, previous * 2 or self.first)

    def after_refusal(self, previous: float | None) -> float:
        """Return the delay after a container could not even be created: None -> 10, 10 -> 20, 160 -> 300."""
        return min(self.longest, (previous or self.first / 2) * 2)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One container: where it stands, and when it may be started (again)."""

    state: Waiting | Running | Terminated = Waiting()
    last: Terminated | None = None
    restarts: int = 0
    started: bool = False
    """Its start-up probe has passed, or it has none."""
    ready: bool = False
    image_id: str = ""
    container_id: str = ""
    delay: float | None = None
    not_before: float = 0.0

    @property
    def running(self) -> bool:
        return isinstance(self.state, Running)

    @property
    def succeeded(self) -> bool:
        return isinstance(self.state, Terminated) and self.state.exit_code == 0

    def refused(self, reason: str, message: str, delay: float, now: float) -> Record:
        """The container could not be created; try again `delay` seconds from now."""
        last = self.state if isinstance(self.state, Terminated) else self.last
        waiting = Waiting(reason=reason, message=message)
        return replace(self, state=waiting, last=last, delay=delay, not_before=now + delay)

    def begun(self, container_id: str, image_id: str, now: float) -> Record:
        """A process runs: what ended before becomes the last state."""
        last = self.state if isinstance(self.state, Terminated) else self.last
        return replace(
            self,
            state=Running(started_at=now),
            last=last,
            restarts=self.restarts + (last is not None),
            # What delayed its creation says nothing of how the program will do.
            delay=None if isinstance(self.state, Waiting) else self.delay,
            started=False,
            ready=False,
            container_id=container_id,
            image_id=image_id,
        )

    def ended(self, state: Terminated, backoff: BackOff) -> Record:
        """The process is gone; whether it starts again is the plan's decision."""
        delay = backoff.after(self.delay, state.finished_at - state.started_at)
        return replace(
            self,
            state=state,
            started=False,
            ready=False,
            delay=delay,
            not_before=state.finished_at + delay,
        )


def restored(status: Object, now: float) -> Record:
    """Return the record of a container that an earlier agent ran, from what the API still says of it.

    What ran is dead: agents take their processes with them.
    """
    state, last = status.get("state") or {}, status.get("lastState") or {}
    past = _terminated(last["terminated"]) if "terminated" in last else None
    record = Record(
        last=past,
        restarts=status.get("restartCount", 0),
        image_id=status.get("imageID", ""),
        container_id=status.get("containerID", ""),
    )
    if "terminated" in state:
        return replace(record, state=_terminated(state["terminated"]))
    if "running" in state:
        began = seconds_of(state["running"].get("startedAt") or "1970-01-01T00:00:00Z")
        lost = Terminated(
            exit_code=137,
            reason="ContainerStatusUnknown",
            message="The node agent was not there to see how the container ended",
            started_at=began,
            finished_at=max(began, now),
            container_id=record.container_id,
        )
        return replace(record, state=lost)
    # It waited: what it waited after, if anything, must count as a restart again.
    return replace(record, state=past) if past else record


def _terminated(status: Object) -> Terminated:
    return Terminated(
        exit_code=status.get("exitCode", 0),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        started_at=seconds_of(status.get("startedAt") or "1970-01-01T00:00:00Z"),
        finished_at=seconds_of(status.get("finishedAt") or "1970-01-01T00:00:00Z"),
        container_id=status.get("containerID", ""),
        signal=status.get("signal", 0),
    )
