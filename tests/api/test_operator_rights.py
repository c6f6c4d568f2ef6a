"""The manifests on a real API server: every kustomization is accepted, and the operator may what it needs, no more."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.operating import installed

from e2i.local.kubectl import kubectl
from e2i.local.kubernetes_versions import OLDER

pytestmark = pytest.mark.api

PROJECT = Path(__file__).resolve().parents[2]
KUSTOMIZATIONS = ["manifests", *sorted(str(path.parent.relative_to(PROJECT))
                                       for path in PROJECT.glob("kustomize/**/kustomization.yaml"))]  # fmt: skip
NOT_ALONE = (
    "kustomize/overlays/local/v1beta1",
    *(
        f"kustomize/components/{name}"
        for name in (
            *("pod-policy-v1beta1", "monitoring", "gateway-route"),
            *("namespaces", "patch-deployments", "registry-auth", "retraining", "models", "argocd"),
        )
    ),
)
"""The API server does not serve the kinds of the first four, and the others change what they are added to.
tests/deploy/test_kustomize.py looks at all, and test_yatai_stack.py at the stack of Yatai."""
WITH_OLDER_POLICIES = {
    "kustomize/components/pod-policy": "kustomize/components/pod-policy-v1beta1",
    "kustomize/overlays/local": "kustomize/overlays/local/v1beta1",
}
"""What an API server of 1.34 or 1.35 takes in their place."""


def can(cluster: TestCluster, verb: str, resource: str, *flags: str) -> bool:
    assert cluster.home
    done = subprocess.run(
        [cluster.home.kubectl, f"--kubeconfig={cluster.kubeconfig}", "auth", "can-i", verb, resource,
         "--as=system:serviceaccount:e2i-system:e2i-operator", *flags],
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip() == "yes"


@pytest.fixture(scope="module")
def with_rights(control_plane: TestCluster) -> TestCluster:
    return installed(control_plane, "a cluster of somebody's own has its rights already")


@pytest.mark.parametrize(
    ("verbs", "resource", "flags"),
    [
        # patch: the finalizer of a model with deletionPolicy Delete.
        ("get list watch patch", "e2imodels.serving.e2i.dev", ()),
        ("patch", "e2imodels.serving.e2i.dev", ("--subresource=status",)),
        ("get list watch create patch delete", "bentorequests.resources.yatai.ai", ()),
        ("get list watch create patch delete", "bentoes.resources.yatai.ai", ()),
        ("get list watch create patch delete", "bentodeployments.serving.yatai.ai", ()),
        ("get list watch create patch", "services", ()),
        ("get list watch create patch delete", "poddisruptionbudgets.policy", ()),
        ("list watch", "deployments.apps", ()),
        ("list watch", "pods", ()),
        ("patch", "deployments.apps", ("--subresource=scale",)),
        ("get", "pods", ("--subresource=log",)),
        ("list create patch", "events", ()),
        ("get", "leases.coordination.k8s.io", ()),
        ("get", "mutatingadmissionpolicies.admissionregistration.k8s.io/e2i-pods", ()),
        ("get", "mutatingadmissionpolicybindings.admissionregistration.k8s.io/e2i-pods", ()),
    ],
)
def test_the_operator_may(
    with_rights: TestCluster, verbs: str, resource: str, flags: tuple[str, ...]
) -> None:
    assert [verb for verb in verbs.split() if not can(with_rights, verb, resource, "-A", *flags)] == []


@pytest.mark.parametrize(
    ("verbs", "resource"),
    [
        ("create update delete", "e2imodels.serving.e2i.dev"),
        ("delete", "services"),
        ("create patch delete", "deployments.apps"),
        ("create delete patch", "pods"),
        ("get list watch create", "secrets"),
        ("get list", "configmaps"),
        ("create", "clusterrolebindings"),
        ("list create update", "leases.coordination.k8s.io"),
        ("list watch create update patch delete", "mutatingadmissionpolicies.admissionregistration.k8s.io"),
    ],
)
def test_the_operator_may_not(with_rights: TestCluster, verbs: str, resource: str) -> None:
    assert [verb for verb in verbs.split() if can(with_rights, verb, resource, "-A")] == []


@pytest.mark.parametrize(
    "folder", [each for each in KUSTOMIZATIONS if each not in NOT_ALONE and "yatai-stack" not in each]
)
def test_a_kustomization_is_accepted(with_rights: TestCluster, folder: str) -> None:
    assert with_rights.home
    if with_rights.home.kubernetes in OLDER:
        folder = WITH_OLDER_POLICIES.get(folder, folder)
    # The namespace is there: what a dry run makes is not there for what comes after it.
    kubectl(
        with_rights.home,
        "apply",
        "--server-side",
        "--dry-run=server",
        "--force-conflicts",
        "-k",
        str(PROJECT / folder),
    )
