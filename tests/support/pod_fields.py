"""A spec with every field that needs the policy e2i-pods."""

from __future__ import annotations

from typing import Any

ASKING: dict[str, Any] = {
    "probes": {
        "startup": {"httpGet": {"path": "/api/readyz", "port": 3001}},
        "readiness": {"httpGet": {"path": "/api/readyz"}, "failureThreshold": 3},
        "liveness": {},
    },
    "env": [
        {"name": "FIRST", "valueFrom": {"secretKeyRef": {"name": "db", "key": "user"}}},
        {"name": "SECOND", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}},
    ],
    "envFrom": [{"secretRef": {"name": "all"}}, {"prefix": "P_", "configMapRef": {"name": "all"}}],
    "volumes": [
        {"name": "s", "secret": {"secretName": "x"}},
        {"name": "c", "configMap": {"name": "y"}},
        {"name": "d", "persistentVolumeClaim": {"claimName": "z"}},
        {"name": "e", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
    ],
    "volumeMounts": [
        {"name": "s", "mountPath": "/s"},
        {"name": "e", "mountPath": "/e", "readOnly": True, "subPath": "a"},
    ],
    "imagePullSecrets": [{"name": "registry"}],
    "priorityClassName": "e2i-test-high",
    "terminationGracePeriodSeconds": 90,
    "enableServiceLinks": False,
}
