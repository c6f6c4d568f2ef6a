"""Compute the status of a pod in the API's form from the records of its containers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from e2i.kube import Object
from e2i.local.node import container_decisions
from e2i.local.node.clock import timestamp
from e2i.local.node.container_decisions import Records
from e2i.local.node.records import Record, Running, Terminated, Waiting


@dataclass(frozen=True)
class Place:
    """The addresses of the pod, and whether it is prepared."""

    pod_address: str
    """The pod's address in the API; empty until the pod has one."""
    host_address: str
    prepared: bool
    """True if its volumes exist."""


def pod_status(pod: Object, records: Records, place: Place, now: float, *, ended: bool = False) -> Object:
    """Return all fields of the pod's status that belong to the node.

    With `ended` the pod was deleted and its last process has ended, so nothing will be restarted.
    """
    spec, old = pod["spec"], pod.get("status") or {}
    inits = spec.get("initContainers") or []
    status: Object = {
        "observedGeneration": pod["metadata"].get("generation", 1),
        "phase": _last_phase(spec, records) if ended else _phase(spec, records),
        "startTime": old.get("startTime") or timestamp(now),
        "hostIP": place.host_address,
        "hostIPs": [{"ip": place.host_address}],
        "containerStatuses": [_container(c, spec, records, now) for c in spec["containers"]],
        "conditions": _conditions(pod, records, place, now),
    }
    if inits:
        status["initContainerStatuses"] = [_container(c, spec, records, now) for c in inits]
    if place.pod_address:
        status |= {"podIP": place.pod_address, "podIPs": [{"ip": place.pod_address}]}
    return status


def _phase(spec: Object, records: Records) -> str:
    phase = container_decisions.phase(spec, records)
    # A pod has not ended while one of its sidecars still runs.
    over = phase in ("Succeeded", "Failed") and any(record.running for record in records.values())
    return "Running" if over else phase


def _last_phase(spec: Object, records: Records) -> str:
    # A container that never ran did not succeed either.
    clean = all(records[container["name"]].succeeded for container in spec["containers"])
    return "Succeeded" if clean else "Failed"


def changes(pod: Object, wanted: Object) -> Object:
    """Return the part of `wanted` that is not in the pod's status yet; empty if all of it is."""
    status = pod.get("status") or {}
    part = {key: value for key, value in wanted.items() if key != "conditions" and status.get(key) != value}
    known = {condition["type"]: condition for condition in status.get("conditions") or []}
    conditions = [c for c in wanted["conditions"] if not c.items() <= known.get(c["type"], {}).items()]
    return part | ({"conditions": conditions} if conditions else {})


def _container(container: Object, spec: Object, records: Records, now: float) -> Object:
    record = records[container["name"]]
    state, last = record.state, record.last
    again = isinstance(state, Terminated) and container_decisions.wants_start(container, spec, record)
    if again and isinstance(state, Terminated) and now < record.not_before:
        last, state = state, _crash_loop(container["name"], record)
    status: Object = {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": record.image_id,
        "restartCount": record.restarts,
        "ready": record.ready or (_is_plain_init(container, spec) and record.succeeded),
        "started": record.started,
        "state": _state(state, spec, records),
        "lastState": {"terminated": _ended(last)} if last else {},
    }
    if record.container_id:
        status["containerID"] = record.container_id
    return status


def _is_plain_init(container: Object, spec: Object) -> bool:
    return container_decisions.is_init(container, spec) and not container_decisions.is_sidecar(container)


def _crash_loop(name: str, record: Record) -> Waiting:
    seconds = record.delay or 0
    return Waiting(
        reason="CrashLoopBackOff",
        message=f"back-off {seconds:g}s restarting failed container={name}",
    )


def _state(state: Waiting | Running | Terminated, spec: Object, records: Records) -> Object:
    if isinstance(state, Running):
        return {"running": {"startedAt": timestamp(state.started_at)}}
    if isinstance(state, Terminated):
        return {"terminated": _ended(state)}
    reason = state.reason
    blocked = spec.get("initContainers") and not container_decisions.is_initialised(spec, records)
    if reason == "ContainerCreating" and blocked:
        reason = "PodInitializing"
    return {"waiting": {"reason": reason, **({"message": state.message} if state.message else {})}}


def _ended(state: Terminated) -> Object:
    ended: Object = {
        "exitCode": state.exit_code,
        "reason": state.reason,
        "startedAt": timestamp(state.started_at),
        "finishedAt": timestamp(state.finished_at),
    }
    optional: dict[str, Any] = {
        "containerID": state.container_id,
        "message": state.message,
        "signal": state.signal,
    }
    return ended | {key: value for key, value in optional.items() if value}


def _conditions(pod: Object, records: Records, place: Place, now: float) -> list[Object]:
    spec = pod["spec"]
    phase = container_decisions.phase(spec, records)
    inits = spec.get("initContainers") or []
    unready = [c["name"] for c in [*_sidecars(inits), *spec["containers"]] if not records[c["name"]].ready]
    waiting = [
        c["name"] for c in inits if not records[c["name"]].succeeded and not container_decisions.is_sidecar(c)
    ]
    initialised = container_decisions.is_initialised(spec, records)
    complaint = None
    if phase in ("Succeeded", "Failed"):
        complaint = ("PodCompleted" if phase == "Succeeded" else "PodFailed", "")
    elif unready:
        complaint = ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    incomplete = f"containers with incomplete status: [{' '.join(waiting)}]"
    found: dict[str, tuple[str, str] | None] = {
        "PodReadyToStartContainers": None if place.prepared and phase in ("Pending", "Running") else ("", ""),
        "Initialized": None if initialised else ("ContainersNotInitialized", incomplete),
        "ContainersReady": complaint,
        "Ready": complaint or _closed_gate(pod),
    }
    return [_condition(pod, type_, problem, now) for type_, problem in found.items()]


def _sidecars(inits: Iterable[Object]) -> list[Object]:
    return [container for container in inits if container_decisions.is_sidecar(container)]


def _closed_gate(pod: Object) -> tuple[str, str] | None:
    conditions = (pod.get("status") or {}).get("conditions") or []
    true = {condition["type"] for condition in conditions if condition["status"] == "True"}
    for gate in pod["spec"].get("readinessGates") or []:
        if gate["conditionType"] not in true:
            return "ReadinessGatesNotReady", f"readiness gate {gate['conditionType']} is not True"
    return None


def _condition(pod: Object, type_: str, problem: tuple[str, str] | None, now: float) -> Object:
    conditions = (pod.get("status") or {}).get("conditions") or []
    old: Object = next((condition for condition in conditions if condition["type"] == type_), {})
    status = "False" if problem else "True"
    reason, message = problem or ("", "")
    since = old.get("lastTransitionTime") if old.get("status") == status else None
    condition: Object = {
        "type": type_,
        "status": status,
        "lastTransitionTime": since or timestamp(now),
        "observedGeneration": pod["metadata"].get("generation", 1),
    }
    # An old reason must be removed: null does that in a merge patch.
    for key, value in (("reason", reason), ("message", message)):
        if value or key in old:
            condition[key] = value or None
    return condition
