"""metrics-server in a local cluster: its flags, its place in the API, and the pace of autoscalers. Pure."""

from __future__ import annotations

import base64
from typing import Any

from e2i.local.layout import ClusterHome

READ_EVERY = 2
"""Seconds between two readings of the node; 15 or 60 elsewhere."""
API_SERVICE = "v1beta1.metrics.k8s.io"
NAMESPACE, NAME = "kube-system", "metrics-server"


def metrics_flags(home: ClusterHome) -> dict[str, object]:
    """Return the flags that only metrics-server has: how it reads the node, and how often."""
    return {
        "metric-resolution": f"{READ_EVERY}s",
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-use-node-status-port": "true",
        "kubelet-certificate-authority": home.pki / "cluster-ca.crt",
    }


def autoscaler_flags() -> dict[str, object]:
    """Return the flags of the controller manager with which autoscalers act in seconds: 15 s and 5 min elsewhere."""
    return {
        "horizontal-pod-autoscaler-sync-period": "1s",
        "horizontal-pod-autoscaler-downscale-stabilization": "10s",
    }


def metrics_api(home: ClusterHome, authority: bytes) -> list[dict[str, Any]]:
    """Return the objects with which the API server forwards metrics.k8s.io to metrics-server.

    The Service has a name in place of pods, because metrics-server runs as a process beside the API server, and no
    EndpointSlice may lead to a loopback address.
    """
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": API_SERVICE},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "service": {"name": NAME, "namespace": NAMESPACE, "port": home.ports.metrics_server},
                "caBundle": base64.b64encode(authority).decode(),
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        },
    ]
