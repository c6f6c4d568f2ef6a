"""A namespace of the test cluster that the policies of manifests/policies/guard guard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from support.operating import apply_files

from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import SERVICES
from e2i.local.kubectl import apply_all
from e2i.local.layout import ClusterHome

FOLDER = Path(__file__).resolve().parents[2] / "manifests" / "policies" / "guard"
FILES = ("privileges.yaml", "service-accounts.yaml", "own-labels.yaml", "own-objects.yaml", "images.yaml")
GUARDED = {"serving.e2i.dev/guarded": "true"}
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PATIENCE = 90.0


def put_guard(home: ClusterHome) -> None:
    """Apply the policies; the stand-in's own users may write too, as the real Yatai's accounts may."""
    apply_files(home, *(FOLDER / file for file in FILES))
    writers = yaml.safe_load((FOLDER / "writers.yaml").read_text())
    writers["data"]["users"] += "e2i:yatai-deployment\ne2i:yatai-image-builder\n"
    apply_all(home, [], [writers])


async def guard(kube: Kube, namespace: str, accounts: str = "") -> None:
    """Guard an existing namespace, and wait until the policies are in force there."""
    annotations = {"serving.e2i.dev/service-accounts": accounts} if accounts else {}
    body = {"metadata": {"labels": GUARDED, "annotations": annotations}}
    await kube.patch(NAMESPACES, None, namespace, body)
    deadline = time.monotonic() + PATIENCE
    while not await refusal(kube, SERVICES, namespace, _PLANTED):
        assert time.monotonic() < deadline, "the policies did not come into force"
        await asyncio.sleep(0.2)


_PLANTED: Mapping[str, Any] = {
    "metadata": {"name": "planted", "labels": {"serving.e2i.dev/model": "churn"}},
    "spec": {"ports": [{"port": 80}]},
}


async def refusal(kube: Kube, resource: Resource, namespace: str, body: Mapping[str, Any]) -> str:
    """Return the message with which this object is refused, "" if it would be taken; nothing is stored."""
    try:
        await dry_run(kube, resource, namespace, body)
    except ApiError as error:
        if error.status not in (403, 422):
            raise
        print(error.message)  # noqa: T201 - shown by `pytest -rP`, to be read as users would
        return error.message
    return ""


async def dry_run(kube: Kube, resource: Resource, namespace: str, body: Mapping[str, Any]) -> Object:
    """Return the object as it would be stored."""
    whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
    return await kube.request("POST", resource.path(namespace), body=whole, query={"dryRun": "All"})
