"""Kinds that the operator reads or writes."""

from __future__ import annotations

from e2i.api import naming
from e2i.kube.kinds import Resource

E2I_MODELS = Resource(naming.GROUP, "v1alpha1", "e2imodels", naming.KIND)
BENTO_REQUESTS = Resource("resources.yatai.ai", "v1alpha1", "bentorequests", "BentoRequest")
BENTOES = Resource("resources.yatai.ai", "v1alpha1", "bentoes", "Bento")
BENTO_DEPLOYMENTS = Resource("serving.yatai.ai", "v2alpha1", "bentodeployments", "BentoDeployment")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
SERVICES = Resource("", "v1", "services", "Service")
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
PODS = Resource("", "v1", "pods", "Pod")
SECRETS = Resource("", "v1", "secrets", "Secret")
EVENTS = Resource("", "v1", "events", "Event")
JOBS = Resource("batch", "v1", "jobs", "Job")
WORKFLOWS = Resource("argoproj.io", "v1alpha1", "workflows", "Workflow")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")

_ADMISSION, _VERSIONS = "admissionregistration.k8s.io", ("v1", "v1beta1")
POD_POLICIES = tuple(
    Resource(_ADMISSION, version, "mutatingadmissionpolicies", "MutatingAdmissionPolicy", namespaced=False)
    for version in _VERSIONS
)
"""In the versions that the API server may serve: v1 since Kubernetes 1.36, v1beta1 since 1.34."""
POD_POLICY_BINDINGS = tuple(
    Resource(
        _ADMISSION,
        version,
        "mutatingadmissionpolicybindings",
        "MutatingAdmissionPolicyBinding",
        namespaced=False,
    )
    for version in _VERSIONS
)

YATAI_KINDS = (BENTO_REQUESTS, BENTOES, BENTO_DEPLOYMENTS)
