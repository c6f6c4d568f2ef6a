"""Whether the cluster's nodes have room for the pods that a rollout starts. Pure.

An estimate by requests, as the scheduler counts them. It ignores affinity, priorities, quotas and node autoscalers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from e2i.api import quantities

Body = Mapping[str, Any]
Amounts = dict[str, Decimal]

_ENDED = ("Succeeded", "Failed")
_KEEPS_PODS_AWAY = ("NoSchedule", "NoExecute")


def placeable(each: Mapping[str, str], count: int, nodes: Iterable[Body], pods: Iterable[Body]) -> int:
    """Return how many of `count` pods with the requests `each` the nodes have room for, beside `pods`."""
    asked = {name: quantities.value(amount) for name, amount in each.items()}
    free = _free(nodes, pods)
    placed = 0
    for room in free.values():
        while placed < count and all(room.get(name, Decimal(0)) >= amount for name, amount in asked.items()):
            for name, amount in asked.items():
                room[name] -= amount
            room["pods"] -= 1
            placed += 1
            if room["pods"] <= 0:
                break
    return placed


def _free(nodes: Iterable[Body], pods: Iterable[Body]) -> dict[str, Amounts]:
    """Return what each node that takes pods has left of each resource."""
    free = {
        node["metadata"]["name"]: {
            name: quantities.value(str(amount)) for name, amount in node["status"]["allocatable"].items()
        }
        for node in nodes
        if _takes_pods(node)
    }
    for pod in pods:
        room = free.get(pod["spec"].get("nodeName", ""))
        if room is None or pod.get("status", {}).get("phase") in _ENDED:
            continue
        room["pods"] = room.get("pods", Decimal(0)) - 1
        for name, amount in requests_of(pod["spec"]).items():
            room[name] = room.get(name, Decimal(0)) - amount
    return {name: room for name, room in free.items() if room.get("pods", Decimal(0)) > 0}


def _takes_pods(node: Body) -> bool:
    taints = node.get("spec", {}).get("taints") or ()
    conditions = node.get("status", {}).get("conditions") or ()
    ready = any((item["type"], item["status"]) == ("Ready", "True") for item in conditions)
    return ready and not any(taint["effect"] in _KEEPS_PODS_AWAY for taint in taints)


def requests_of(spec: Body, leave_out: str = "") -> Amounts:
    """Return the sum of what a pod's containers request, without the container called `leave_out`."""
    total: Amounts = {}
    for container in spec.get("containers") or ():
        if container.get("name") == leave_out:
            continue
        for name, amount in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = total.get(name, Decimal(0)) + quantities.value(str(amount))
    return total
