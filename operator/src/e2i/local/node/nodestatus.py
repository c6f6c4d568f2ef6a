"""The Node object of this machine. Pure, from measured values."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.kube import Object
from e2i.local.node.clock import timestamp

MOST_PODS = 110


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The resources of the machine that the agent may use."""

    cpus: float
    memory: int
    """Bytes."""
    disk: int
    """Bytes of the file system of the pods' folders."""
    hostname: str
    architecture: str
    kernel: str
    system: str
    machine_id: str
    boot_id: str


def allocatable(machine: Machine) -> dict[str, str]:
    """Return the resources that pods may request, as quantities."""
    return {
        "cpu": f"{int(machine.cpus * 1000)}m" if machine.cpus % 1 else str(int(machine.cpus)),
        "memory": f"{machine.memory // 1024}Ki",
        "ephemeral-storage": f"{machine.disk // 1024}Ki",
        "pods": str(MOST_PODS),
    }


def node_object(name: str, machine: Machine) -> Object:
    """Return the Node to register."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": machine.architecture,
            },
        },
    }


def node_status(machine: Machine, old: Object, port: int, version: str, now: float) -> Object:
    """Return the Node's status; conditions that did not change keep their times from `old`."""
    return {
        "capacity": allocatable(machine),
        "allocatable": allocatable(machine),
        "addresses": [
            {"type": "InternalIP", "address": "127.0.0.1"},
            {"type": "Hostname", "address": machine.hostname},
        ],
        # So the API server forwards WebSockets unchanged; otherwise it would translate them to SPDY.
        "declaredFeatures": ["ExtendWebSocketsToKubelet"],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "nodeInfo": {
            "architecture": machine.architecture,
            "bootID": machine.boot_id,
            "containerRuntimeVersion": f"processes://{version}",
            "kernelVersion": machine.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": f"v{version}-e2i",
            "machineID": machine.machine_id,
            "operatingSystem": "linux",
            "osImage": machine.system,
            "systemUUID": machine.machine_id,
        },
        "conditions": _conditions(old, now),
    }


def is_ready(node: Object) -> bool:
    """Return whether the API says that the node is ready."""
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _conditions(old: Object, now: float) -> list[Object]:
    before = {condition["type"]: condition for condition in old.get("conditions") or []}
    healthy = (
        ("MemoryPressure", "False", "NotMeasured", "the local node does not watch for memory pressure"),
        ("DiskPressure", "False", "NotMeasured", "the local node does not watch for disk pressure"),
        ("PIDPressure", "False", "NotMeasured", "the local node does not count processes"),
        ("Ready", "True", "AgentReady", "the node agent runs pods as processes"),
    )
    return [
        {
            "type": type_,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": timestamp(now),
            "lastTransitionTime": before[type_]["lastTransitionTime"]
            if before.get(type_, {}).get("status") == status
            else timestamp(now),
        }
        for type_, status, reason, message in healthy
    ]
