"""The operator's settings and its keys for the bucket, as its Deployment refers to them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from e2i.inspection.doctor.deployments import containers, deployment
from e2i.kube import Kube, Object, Resource
from e2i.kube.e2i_kinds import DEPLOYMENTS, SECRETS

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
OPERATOR = "e2i-operator"


@dataclass(frozen=True)
class Settings:
    """Variables of the operator's container, and those of them that are keys."""

    values: Mapping[str, str]
    keys: Mapping[str, str]

    @property
    def download_secret(self) -> str:
        """The Secret that must be in each namespace with models; empty where roles take its place."""
        return self.values.get("E2I_DOWNLOAD_SECRET", "e2i-bento-download")


async def operator_settings(kube: Kube) -> Settings | None:
    """Return the settings; None if no operator is installed. ApiError if they may not be read."""
    found, _ = await kube.list(DEPLOYMENTS, labels=f"app.kubernetes.io/name={OPERATOR}")
    operator = deployment(tuple(found), OPERATOR)
    if operator is None:
        return None
    values: dict[str, str] = {}
    keys: dict[str, str] = {}
    for container in containers(operator):
        for source in container.get("envFrom", ()):
            async for name, value, is_key in _given(kube, operator["metadata"]["namespace"], source):
                (keys if is_key else values)[name] = value
        values |= {each["name"]: each["value"] for each in container.get("env", ()) if "value" in each}
    return Settings(values, keys)


async def _given(kube: Kube, namespace: str, source: Object) -> AsyncIterator[tuple[str, str, bool]]:
    if name := source.get("configMapRef", {}).get("name"):
        item = await kube.get(CONFIG_MAPS, namespace, name)
        for key, value in ((item or {}).get("data") or {}).items():
            yield key, value, False
    if name := source.get("secretRef", {}).get("name"):
        item = await kube.get(SECRETS, namespace, name)
        for key, value in ((item or {}).get("data") or {}).items():
            yield key, base64.b64decode(value).decode(), True
