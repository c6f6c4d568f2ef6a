"""The E2IModel that is dearest to read among those that the API server takes: full lists of small values."""

from __future__ import annotations

from typing import Any

LARGEST = 1536 << 10
"""Bytes of a request that etcd takes."""
EXPRESSIONS = [
    {"key": f"k{number}", "operator": "In", "values": [f"v{value}" for value in range(32)]}
    for number in range(8)
]
NODES = {"matchExpressions": EXPRESSIONS, "matchFields": [{**EXPRESSIONS[0], "key": "metadata.name"}] * 8}
PODS = {
    "topologyKey": "zone",
    "labelSelector": {
        "matchLabels": {f"k{number}": "v" for number in range(16)},
        "matchExpressions": EXPRESSIONS,
    },
}
PLACES = {
    "requiredDuringSchedulingIgnoredDuringExecution": [PODS] * 8,
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": PODS}] * 8,
}
CHECKS = 15
OBJECTS = 1900


def largest_spec() -> dict[str, Any]:
    """Return the spec, with checks that have nearly as much JSON as is read."""
    answer = "[" + ",".join(["{}"] * OBJECTS) + "]"
    return {
        "type": "Classification",
        "bento": {"tag": "churn:1.0.0"},
        "resources": {"requests": {f"a.b/{number}": "1" for number in range(8)}},
        "env": [{"name": f"V{number}", "value": "x" * 8192} for number in range(100)],
        "nodeSelector": {f"k{number}": "v" for number in range(16)},
        "tolerations": [{"key": f"k{number}", "operator": "Exists"} for number in range(16)],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
             "labelSelector": PODS["labelSelector"]}
        ] * 8,
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [NODES] * 8},
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": NODES}] * 8,
            },
            "podAffinity": PLACES,
            "podAntiAffinity": PLACES,
        },
        "rollout": {
            "verify": [
                {"path": "/predict", "body": answer, "expect": {"body": answer, "subset": answer}}
                for _ in range(CHECKS)
            ],
        },
    }  # fmt: skip
