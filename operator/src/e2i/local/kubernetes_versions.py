"""The versions of Kubernetes that a local cluster can have. Pure."""

from __future__ import annotations

VERSIONS = {"1.36": "v1.36.3", "1.35": "v1.35.4", "1.34": "v1.34.4"}
"""The release that is built for each of them."""
NEWEST = next(iter(VERSIONS))
POLICIES_ON_DEMAND = ("1.35", "1.34")
"""Those whose API server changes pods by a policy only if a flag says so, and knows the kind as v1beta1."""


def policy_flags(kubernetes: str) -> dict[str, object]:
    """Return the flags that the API server needs to change pods by a policy."""
    if kubernetes not in POLICIES_ON_DEMAND:
        return {}
    return {
        "feature-gates": "MutatingAdmissionPolicy=true",
        "runtime-config": "admissionregistration.k8s.io/v1beta1=true",
    }
