"""Reads which of the admission policies are in force: the policy is there, and so is what its binding names."""

from __future__ import annotations

from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import POD_POLICIES, POD_POLICY_BINDINGS

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
OURS = ("app.kubernetes.io/part-of", "e2i")
"""The label of all that e2i's manifests and chart make. A prefix of kustomize changes the names."""
_GROUP = "admissionregistration.k8s.io"
_VALIDATING = Resource(
    _GROUP, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
_VALIDATING_BINDINGS = Resource(
    _GROUP, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
)
_KINDS = (*zip(POD_POLICIES, POD_POLICY_BINDINGS, strict=True), (_VALIDATING, _VALIDATING_BINDINGS))


async def read_policies(kube: Kube) -> tuple[frozenset[str], tuple[str, ...]] | None:
    """Return the names of all policies with a binding, and a clause for each binding of e2i without effect.

    None if the user may not read them. The API server takes a binding of a policy that is not there, and says nothing.
    """
    names: set[str] = set()
    broken: set[str] = set()
    try:
        for policies, bindings in _KINDS:
            there = {each["metadata"]["name"] for each in await _items(kube, policies)}
            for binding in await _items(kube, bindings):
                policy = binding["spec"]["policyName"]
                if policy in there:
                    names.add(policy)
                if OURS not in (binding["metadata"].get("labels") or {}).items():
                    continue
                if policy not in there:
                    broken.add(f"{_said(binding)} names the policy {policy}, which is not there")
                elif missing := await _missing_parameters(kube, binding):
                    broken.add(f"{_said(binding)} names the ConfigMap {missing}, which is not there")
    except ApiError as error:
        if error.status != 403:
            raise
        return None
    return frozenset(names), tuple(sorted(broken))


async def _missing_parameters(kube: Kube, binding: Object) -> str:
    """Return namespace and name of the ConfigMap that the binding names, empty if it is there."""
    named = binding["spec"].get("paramRef") or {}
    namespace, name = named.get("namespace"), named.get("name")
    if not (namespace and name) or await kube.get(CONFIG_MAPS, namespace, name):
        return ""
    return f"{namespace}/{name}"


def _said(binding: Object) -> str:
    return f"the binding {binding['metadata']['name']}"


async def _items(kube: Kube, resource: Resource) -> list[Object]:
    """Return all objects of a kind; none if this cluster has no such kind."""
    try:
        found, _ = await kube.list(resource)
    except ApiError as error:
        if error.status != 404:
            raise
        return []
    return list(found)
