"""Reads the settings of operators, as their Deployments name them. Keys, which are in Secrets, are not read."""

from __future__ import annotations

from collections.abc import Mapping

from e2i.inspection.doctor.deployments import containers
from e2i.inspection.doctor.facts import Object, Operator
from e2i.inspection.doctor.policies import CONFIG_MAPS
from e2i.kube import ApiError, Kube

OPERATOR = "e2i-operator"
"""The label app.kubernetes.io/name of whatever belongs to an operator. Names follow the release of the chart."""


async def read_operator(kube: Kube, deployment: Object) -> Operator:
    """Return the operator. What is in a ConfigMap that may not be read counts as not set."""
    metadata = deployment["metadata"]
    settings: dict[str, str] = {}
    for container in containers(deployment):
        for source in container.get("envFrom", ()):
            if name := source.get("configMapRef", {}).get("name"):
                settings |= await _data(kube, metadata["namespace"], name)
        settings |= {each["name"]: each["value"] for each in container.get("env", ()) if each.get("value")}
    return Operator(namespace=metadata["namespace"], name=metadata["name"], settings=settings)


async def _data(kube: Kube, namespace: str, name: str) -> Mapping[str, str]:
    try:
        found = await kube.get(CONFIG_MAPS, namespace, name)
    except ApiError as error:
        if error.status != 403:
            raise
        return {}
    return (found or {}).get("data") or {}
