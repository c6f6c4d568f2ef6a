"""Endpoints of the E2IModels of a cluster: their stable addresses, and the releases behind them.

Needs the extra `kubectl`, or `operator`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2i.api import naming
from e2i.client.endpoints import Endpoint, Endpoints, Identity
from e2i.client.errors import ModelNotFound, NotReady
from e2i.kube import Kube, Object
from e2i.kube.e2i_kinds import E2I_MODELS, SERVICES
from e2i.kube.kubeconfig import config_files, context_of
from e2i.kube.local_service import local_address
from e2i.kube.login import from_context, from_pod, is_pod

MAY_ANSWER = ("Serving", "Superseded")
"""Results of releases in status.history whose pods may still answer."""


async def cluster_endpoints(
    namespace: str = "", *, context: str | None = None, kubeconfig: Path | None = None
) -> Endpoints:
    """Return the endpoints of all models of a namespace, found as kubectl would: by the kubeconfig, or as this pod.

    ApiError or KubeconfigError if the cluster cannot be asked.
    """
    if kubeconfig is None and context is None and is_pod(os.environ):
        kube, own = await from_pod()
    else:
        chosen = context_of(config_files(kubeconfig, os.environ), context)
        kube, own = await from_context(chosen), chosen.namespace
    async with kube:
        return await read_endpoints(kube, namespace or own)


async def read_endpoints(kube: Kube, namespace: str) -> Endpoints:
    """Return the endpoints of all models of a namespace, those without an address as such; ApiError if the cluster
    refuses."""
    models, _ = await kube.list(E2I_MODELS, namespace)
    found = {model["metadata"]["name"]: await _endpoint(kube, model) for model in models}
    return Endpoints(
        (endpoint for endpoint in found.values() if endpoint),
        {name: _no_address(namespace, name) for name, endpoint in found.items() if endpoint is None},
    )


async def read_release(kube: Kube, namespace: str, name: str, release: str = "") -> Endpoint:
    """Return the endpoint of one release, at its own address, by default of the one that serves.

    So every answer is of this release, whatever becomes of the model meanwhile. A model that is changed in place has no
    such addresses: then it is the model's. ModelNotFound, or NotReady if the release does not run.
    """
    model = await kube.get(E2I_MODELS, namespace, name)
    if model is None:
        raise ModelNotFound(name, _no_model(namespace, name))
    whole = await _endpoint(kube, model)
    wanted = release or (model.get("status") or {}).get("servingRelease", "")
    if not wanted or whole is None:
        raise NotReady(name, _no_address(namespace, name))
    identity = next((one for one in whole.releases.values() if one.release == wanted), None)
    service = naming.release_name(name, wanted)
    if await kube.get(SERVICES, namespace, service) is None:
        if release and (whole.serving is None or whole.serving.release != release):
            raise NotReady(
                name,
                f"Release {release} of {namespace}/{name} does not run. `kubectl e2i history {name} -n {namespace}` "
                "lists the releases; take the one that serves, or roll back first.",
            )
        return whole
    local = await local_address(kube, namespace, service)
    return Endpoint(
        model=name,
        url=f"http://{local or f'{service}.{namespace}.svc'}:{naming.SERVICE_PORT}",
        serving=Identity(wanted, identity.digest if identity else ""),
    )


def endpoint_of(model: Object, url: str = "") -> Endpoint | None:
    """Return the endpoint of an E2IModel at `url`, or at the address in its status; None if it has none."""
    status = model.get("status") or {}
    address = url or status.get("url")
    if not isinstance(address, str) or not address:
        return None
    identities = [
        _identity(entry) for entry in status.get("history") or () if entry.get("result") in MAY_ANSWER
    ]
    serving = status.get("servingRelease", "")
    return Endpoint(
        model=model["metadata"]["name"],
        url=address,
        serving=next((one for one in identities if one.release == serving), Identity(serving, "")),
        # The newest first: a bento that was released twice is that of its last release.
        releases={one.bento: one for one in reversed([*identities, *_canary(status)])},
    )


async def _endpoint(kube: Kube, model: Object) -> Endpoint | None:
    metadata = model["metadata"]
    # Only the nodes of a cluster know the names of its Services, and this machine is the node of the local one.
    local = await local_address(kube, metadata["namespace"], metadata["name"])
    return endpoint_of(model, f"http://{local}:{naming.SERVICE_PORT}" if local else "")


def _identity(entry: Mapping[str, Any]) -> Identity:
    return Identity(str(entry["release"]), str(entry.get("digest", "")), str(entry.get("bentoTag", "")))


def _canary(status: Mapping[str, Any]) -> list[Identity]:
    """Return the release that is not in the history yet, because it has only a share of the requests."""
    artifact, desired = status.get("artifact") or {}, status.get("desiredRelease", "")
    if desired == status.get("servingRelease") or not artifact.get("tag"):
        return []
    return [Identity(desired, str(artifact.get("digest", "")), str(artifact["tag"]))]


def _no_model(namespace: str, name: str) -> str:
    return f"There is no E2IModel {namespace}/{name}. `kubectl get e2imodels -n {namespace}` lists them."


def _no_address(namespace: str, name: str) -> str:
    return f"{namespace}/{name} serves nothing yet. Look at `kubectl e2i status {name} -n {namespace}`."
