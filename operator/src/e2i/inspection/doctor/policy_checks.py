"""Checks of the admission policies: those that models need, and the rules for guarded namespaces. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from e2i.inspection.doctor.cluster_checks import YATAI_DEPLOYMENT, number
from e2i.inspection.doctor.deployments import deployment
from e2i.inspection.doctor.facts import INSTALL, Finding, Installation, State, unreadable

POLICIES_SINCE = (1, 36)
"""Kubernetes that serves MutatingAdmissionPolicy v1."""
POLICIES_BY_A_GATE = (1, 34)
"""Kubernetes that serves v1beta1 with a feature gate."""


def check_policies(seen: Installation) -> Iterator[Finding]:
    """Return a finding for each policy, for the rules of guarded namespaces, and one for bindings without effect."""
    yield _pod_policy(seen)
    yield _pre_stop_policy(seen)
    yield _replicas_policy(seen)
    yield _guard(seen)
    yield from _broken_bindings(seen)


def _pod_policy(seen: Installation) -> Finding:
    return _policy(seen, "e2i-pods", "missing: models with probes, envFrom or volumes say PodPolicyMissing")


def _pre_stop_policy(seen: Installation) -> Finding:
    return _policy(
        seen,
        "e2i-pre-stop",
        "missing: a pod of a model that is scaled down, drained or replaced may lose requests as it ends",
    )


def _policy(seen: Installation, name: str, missing: str) -> Finding:
    part = f"policy {name}"
    if seen.policies is None:
        return unreadable(part, "admission policies")
    if name in seen.policies:
        return Finding(part, State.OK, "in force")
    return Finding(part, State.WARNING, missing, _policy_step(seen))


def _replicas_policy(seen: Installation) -> Finding:
    found = _policy(
        seen,
        "e2i-replicas",
        "missing: when yatai-deployment writes a Deployment again, as for an edit in place, all pods but one end until "
        "the autoscaler looks again",
    )
    is_needed = seen.deployments is None or deployment(seen.deployments, YATAI_DEPLOYMENT) is not None
    if found.state is State.WARNING and not is_needed:
        return Finding(found.part, State.OK, "missing; only yatai-deployment needs it, and it is not here")
    return found


def _policy_step(seen: Installation) -> str:
    version = number(seen.version)
    if version >= POLICIES_SINCE:
        return "Apply kustomize/components/pod-policy."
    if version >= POLICIES_BY_A_GATE:
        return (
            "Apply kustomize/components/pod-policy-v1beta1. The API server needs the feature gate "
            "MutatingAdmissionPolicy: see docs/howto/pods.md."
        )
    oldest = ".".join(map(str, POLICIES_BY_A_GATE))
    return f"It needs Kubernetes {oldest} or newer: see docs/howto/pods.md."


def _guard(seen: Installation) -> Finding:
    part = "guarded namespaces"
    if seen.policies is None:
        return unreadable(part, "admission policies")
    if {"e2i-privileges", "e2i-own-labels"} <= seen.policies:
        return Finding(part, State.OK, "their rules are in force")
    return Finding(
        part, State.OK, "no rules are installed; they are optional (docs/howto/guard-namespaces.md)"
    )


def _broken_bindings(seen: Installation) -> Iterator[Finding]:
    if seen.broken_bindings:
        # What a rule refuses is let through without its policy; without its parameters everything is refused.
        step = (
            f"Keep the names of the manifests: no namePrefix, and another namespace by {INSTALL}, section 5a."
        )
        yield Finding("policy bindings", State.FAILED, "; ".join(seen.broken_bindings), step)
