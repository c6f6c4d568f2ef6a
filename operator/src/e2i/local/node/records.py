"""The agent's record of one container, and its transitions. Pure."""

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
    """A container that ran this long restarts without a delay, as after a first failure."""

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
    """The state of one container, and the time from which on it may be started."""

    state: Waiting | Running | Terminated = Waiting()
    last: Terminated | None = None
    restarts: int = 0
    started: bool = False
    """True if its startup probe has succeeded, or it has none."""
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
        """Return the record of a container that could not be created; the next attempt is after `delay` seconds."""
        last = self.state if isinstance(self.state, Terminated) else self.last
        waiting = Waiting(reason=reason, message=message)
        return replace(self, state=waiting, last=last, delay=delay, not_before=now + delay)

    def begun(self, container_id: str, image_id: str, now: float) -> Record:
        """Return the record of a container that was started; its ended state becomes the last state."""
        last = self.state if isinstance(self.state, Terminated) else self.last
        return replace(
            self,
            state=Running(started_at=now),
            last=last,
            restarts=self.restarts + (last is not None),
            # A delay of its creation says nothing about the program.
            delay=None if isinstance(self.state, Waiting) else self.delay,
            started=False,
            ready=False,
            container_id=container_id,
            image_id=image_id,
        )

    def ended(self, state: Terminated, backoff: BackOff) -> Record:
        """Return the record of a container that ended; `wants_start` decides whether it starts again."""
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
    """Return the record of a container that an earlier agent ran, from its status in the API.

    A container that ran has ended: all processes end with their agent.
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
    # It waited: if it ran before, the next start must count as a restart.
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
