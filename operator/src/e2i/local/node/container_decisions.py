"""Decide which containers of a pod to start or stop now, by a kubelet's rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from e2i.kube import Object
from e2i.local.node.records import Record, Terminated, Waiting

Records = Mapping[str, Record]


@dataclass(frozen=True)
class Step:
    """The containers to start and stop now, and the time of the next check (None: after the next event)."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    wake_at: float | None = None


def next_step(spec: Object, records: Records, now: float) -> Step:
    """Return the next step, from the pod's spec and the record of each of its containers."""
    if is_over(spec, records):
        # Sidecars are stopped once the last main container has ended.
        return Step(stop=tuple(c["name"] for c in spec.get("initContainers") or [] if _runs(c, records)))
    waiting = [c["name"] for c in candidates(spec, records) if wants_start(c, spec, records[c["name"]])]
    due = tuple(name for name in waiting if records[name].not_before <= now)
    later = [records[name].not_before for name in waiting if name not in due]
    return Step(start=due, wake_at=min(later, default=None))


def candidates(spec: Object, records: Records) -> list[Object]:
    """Return the containers that may run now: init containers in order, then all others.

    A sidecar (an init container that always restarts) does not block the next one once it has started.
    """
    chosen = []
    initialised = is_initialised(spec, records)
    for container in spec.get("initContainers") or []:
        record = records[container["name"]]
        if is_sidecar(container):
            chosen.append(container)
            if not (initialised or (record.running and record.started)):
                return chosen
        elif not (initialised or record.succeeded):
            return [*chosen, container]
    return [*chosen, *spec["containers"]]


def wants_start(container: Object, spec: Object, record: Record) -> bool:
    """Return whether the container should be started, at once or after its back-off."""
    if not isinstance(record.state, Terminated):
        return isinstance(record.state, Waiting)
    policy = spec.get("restartPolicy", "Always")
    if is_sidecar(container):
        return True
    if is_init(container, spec):
        return policy != "Never" and record.state.exit_code != 0
    return policy == "Always" or (policy == "OnFailure" and record.state.exit_code != 0)


def is_sidecar(container: Object) -> bool:
    return container.get("restartPolicy") == "Always"


def is_init(container: Object, spec: Object) -> bool:
    return container["name"] in {c["name"] for c in spec.get("initContainers") or []}


def is_initialised(spec: Object, records: Records) -> bool:
    """Return whether the init containers have finished; once True it stays True."""
    if any(not _never_ran(records[c["name"]]) for c in spec["containers"]):
        return True
    return all(_init_done(c, records[c["name"]]) for c in spec.get("initContainers") or [])


def is_over(spec: Object, records: Records) -> bool:
    """Return whether the pod has ended: no container will be started again."""
    return phase(spec, records) in ("Succeeded", "Failed")


def phase(spec: Object, records: Records) -> str:
    """Return the pod's phase, without regard to sidecars."""
    if any(_failed_for_good(c, spec, records) for c in spec.get("initContainers") or []):
        return "Failed"
    if not is_initialised(spec, records):
        return "Pending"
    mains = [records[c["name"]] for c in spec["containers"]]
    if any(_never_ran(record) for record in mains):
        return "Pending"
    codes = [record.state.exit_code for record in mains if isinstance(record.state, Terminated)]
    if len(codes) < len(mains) or spec.get("restartPolicy", "Always") == "Always":
        return "Running"
    if not any(codes):
        return "Succeeded"
    return "Failed" if spec.get("restartPolicy") == "Never" else "Running"


def _failed_for_good(container: Object, spec: Object, records: Records) -> bool:
    state = records[container["name"]].state
    failed = isinstance(state, Terminated) and state.exit_code != 0
    return failed and not is_sidecar(container) and spec.get("restartPolicy", "Always") == "Never"


def _init_done(container: Object, record: Record) -> bool:
    return record.running and record.started if is_sidecar(container) else record.succeeded


def _never_ran(record: Record) -> bool:
    return isinstance(record.state, Waiting) and record.last is None


def _runs(container: Object, records: Records) -> bool:
    return records[container["name"]].running
