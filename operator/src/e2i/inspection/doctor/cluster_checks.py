"""Checks of the cluster and of Yatai's controllers, whose needs are those of docs/howto/install.md, section 1. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from e2i.api import naming
from e2i.inspection.doctor.deployments import available, containers, deployment, given_value, has_variable
from e2i.inspection.doctor.facts import INSTALL, Finding, Installation, Object, State, unreadable

OLDEST_KUBERNETES = (1, 34)
"""Earlier API servers refuse the CRD: they count its rules as dearer than they are."""
CLOCKS_APART = timedelta(seconds=5)
CRDS = {
    "e2imodels.serving.e2i.dev": "v1alpha1",
    "bentorequests.resources.yatai.ai": "v1alpha1",
    "bentoes.resources.yatai.ai": "v1alpha1",
    "bentodeployments.serving.yatai.ai": "v2alpha1",
}
"""The CRDs that the operator works with, and the version that each must serve."""
YATAI_DEPLOYMENT, YATAI_IMAGE_BUILDER = "yatai-deployment", "yatai-image-builder"
YATAI_SYSTEM = "yatai-system"
SECRETS = {
    YATAI_DEPLOYMENT: "yatai-common-env",
    YATAI_IMAGE_BUILDER: "yatai-image-builder-shared-env",
}
"""The Secret that each controller reads by name, in the namespace of its variable YATAI_SYSTEM_NAMESPACE."""
VARIABLES = {
    YATAI_DEPLOYMENT: ("YATAI_API_TOKEN",),
    YATAI_IMAGE_BUILDER: ("DOCKER_REGISTRY_SERVER", "DOCKER_REGISTRY_BENTO_REPOSITORY_NAME"),
}


def check_cluster(seen: Installation) -> Iterator[Finding]:
    """Return a finding for Kubernetes, the clocks, each CRD and each of Yatai's controllers."""
    yield _kubernetes(seen)
    yield _clock(seen)
    yield from _crds(seen)
    yield _yatai(seen, YATAI_DEPLOYMENT)
    yield _yatai(seen, YATAI_IMAGE_BUILDER)


def number(version: str) -> tuple[int, int]:
    """v1.36.3 -> (1, 36)"""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _kubernetes(seen: Installation) -> Finding:
    if number(seen.version) >= OLDEST_KUBERNETES:
        return Finding("Kubernetes", State.OK, seen.version)
    oldest = ".".join(map(str, OLDEST_KUBERNETES))
    return Finding("Kubernetes", State.FAILED, f"{seen.version} is too old", f"Upgrade to {oldest} or newer.")


def _clock(seen: Installation) -> Finding:
    apart = abs(seen.server_time - seen.own_time)
    if apart <= CLOCKS_APART:
        return Finding("clock", State.OK, "this machine and the API server agree")
    ahead = "ahead of" if seen.own_time > seen.server_time else "behind"
    return Finding(
        "clock",
        State.WARNING,
        f"this machine is {apart.total_seconds():.0f} s {ahead} the API server",
        "Ages that the commands print are wrong by that. Synchronise the clocks (NTP).",
    )


def _crds(seen: Installation) -> Iterator[Finding]:
    for name, version in CRDS.items():
        part = f"CRD {name}"
        if seen.crds is None:
            yield unreadable(part, "customresourcedefinitions")
            continue
        crd = seen.crds.get(name)
        where = (
            "manifests/crds/e2imodels.yaml"
            if name.endswith(naming.GROUP)
            else f"Yatai ({INSTALL}, section 1)"
        )
        if crd is None:
            yield Finding(part, State.FAILED, "it is not installed", f"Install {where}.")
            continue
        served = [each["name"] for each in crd["spec"]["versions"] if each.get("served")]
        if version in served:
            yield Finding(part, State.OK, f"{version} is served")
        else:
            shown = ", ".join(served) or "none"
            yield Finding(part, State.FAILED, f"{version} is not served, only {shown}", f"Upgrade {where}.")


def _yatai(seen: Installation, name: str) -> Finding:
    if seen.deployments is None:
        return unreadable(name, "deployments")
    found = deployment(seen.deployments, name)
    if found is None:
        return Finding(
            name,
            State.UNKNOWN,
            f"no Deployment has the label app.kubernetes.io/name={name}",
            f"If nothing else does its work, install it ({INSTALL}, section 1).",
        )
    place = f"Deployment {found['metadata']['namespace']}/{found['metadata']['name']}"
    if lacking := "; ".join(_lacking(seen, found, name)):
        return Finding(name, State.FAILED, f"{place} lacks {lacking}", f"Add it ({INSTALL}, section 1).")
    return available(name, found, place)


def secret_of(deployments: tuple[Object, ...] | None, name: str) -> tuple[str, str]:
    """Return namespace and name of the Secret that the controller reads."""
    found = deployment(deployments, name) if deployments else None
    chosen = given_value(found, "YATAI_SYSTEM_NAMESPACE") if found else None
    return chosen or YATAI_SYSTEM, SECRETS[name]


def _lacking(seen: Installation, found: Object, name: str) -> Iterator[str]:
    """Yield each thing that the controller needs and does not have; it starts without it, and does nothing."""
    namespace, secret = secret_of(seen.deployments, name)
    if seen.secrets.get((namespace, secret)) is False and not has_variable(
        found, "YATAI_IMAGE_BUILDER_NAMESPACE"
    ):
        yield f"the Secret {namespace}/{secret}"
    if name == YATAI_DEPLOYMENT and seen.network is False:
        yield f"the ConfigMap {found['metadata']['namespace']}/network"
    if any(container.get("envFrom") for container in containers(found)):
        return
    for variable in VARIABLES[name]:
        if not has_variable(found, variable):
            yield f"the variable {variable}"
