"""The versions of Kubernetes that a local cluster can have. Pure."""

from __future__ import annotations

VERSIONS = {"1.36": "v1.36.3", "1.35": "v1.35.4", "1.34": "v1.34.4"}
"""The release that is built for each of them."""
NEWEST = next(iter(VERSIONS))
OLDER = ("1.35", "1.34")
"""Those whose API server changes pods by a policy only if a flag says so, and knows the kind as v1beta1."""


def api_server_flags(kubernetes: str) -> dict[str, object]:
    """Return the flags with which an older API server does what a newer one does of itself."""
    if kubernetes not in OLDER:
        return {}
    gates = {
        "MutatingAdmissionPolicy": "true",
        # Off, it passes the WebSockets of exec and port-forward on, and our node takes nothing else.
        "TranslateStreamCloseWebsocketRequests": "false",
        "PortForwardWebsockets": "false",
    }
    return {
        "feature-gates": ",".join(f"{name}={value}" for name, value in gates.items()),
        "runtime-config": "admissionregistration.k8s.io/v1beta1=true",
    }
