"""Applies a manifest in a dry run of the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api import naming
from e2i.api.naming import CLI_FIELD_MANAGER
from e2i.cli.plugin import client_side_apply
from e2i.cli.plugin.errors import CommandError, explained_error
from e2i.cli.plugin.session import Session
from e2i.inspection import gitops
from e2i.kube import ApiError, Object, Resource
from e2i.kube.e2i_kinds import BENTO_REQUESTS, BENTOES, DEPLOYMENTS, E2I_MODELS, PODS

NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
_SERVING = "yatai.ai/bento-deployment-component-type=api-server"
"""Label of the Deployments that answer requests; the runners of an old-style bento have other sidecars."""
_DRY_RUN = {"dryRun": "All", "fieldManager": CLI_FIELD_MANAGER, "fieldValidation": "Strict"}


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """One E2IModel before and after an apply; `live` is None if there is none yet."""

    namespace: str
    name: str
    live: Object | None = None
    after: Object | None = None
    requests: tuple[Object, ...] = ()
    """The model's BentoRequests and Bentos: images that exist or are being built."""
    workloads: tuple[Object, ...] = ()
    """The model's Deployments, or one of another model if it has none: they show Yatai's sidecars.

    None if there is not any, or if the user may not list them.
    """
    refusal: str = ""
    """Why the API server refuses the manifest; `after` is None then."""


async def dry_run(session: Session, wanted: Mapping[str, Any], namespace: str | None) -> DryRun:
    """Apply `wanted` in a dry run. `namespace` is that of -n; the manifest must not name another one."""
    name, own = wanted["metadata"]["name"], wanted["metadata"].get("namespace")
    if namespace and own and own != namespace:
        raise CommandError(
            f"{name} names the namespace {own}, and -n says {namespace}: leave one of them out."
        )
    where = own or session.namespace
    body = {**wanted, "metadata": {**wanted["metadata"], "namespace": where}}
    try:
        live, requests, workloads = await asyncio.gather(
            session.kube.get(E2I_MODELS, where, name),
            _requests(session, where, name),
            _workloads(session, where, name),
        )
        after = await _dry_run(session, live, body)
    except ApiError as error:
        # A refusal concerns this object only; an unreachable cluster concerns all.
        if error.status in (0, 401):
            raise
        return DryRun(namespace=where, name=name, refusal=_words(error))
    return DryRun(namespace=where, name=name, live=live, after=after, requests=requests, workloads=workloads)


async def _requests(session: Session, namespace: str, name: str) -> tuple[Object, ...]:
    """Return the model's BentoRequests and its Bentos of images from elsewhere; none without Yatai's CRDs."""
    labels = f"{naming.MODEL_LABEL}={name}"
    try:
        answers = [
            await session.kube.list(kind, namespace, labels=labels) for kind in (BENTO_REQUESTS, BENTOES)
        ]
    except ApiError as error:
        if error.status == 404:
            return ()
        raise
    return tuple(body for found, _ in answers for body in found)


async def _workloads(session: Session, namespace: str, name: str) -> tuple[Object, ...]:
    """Return the model's Deployments, else the first one of its namespace or of the cluster that has its kind."""
    places = (
        ({"labelSelector": f"{naming.MODEL_LABEL}={name},{_SERVING}"}, namespace),
        ({"labelSelector": f"{naming.MODEL_LABEL},{_SERVING}", "limit": "1"}, namespace),
        ({"labelSelector": f"{naming.MODEL_LABEL},{_SERVING}", "limit": "1"}, None),
    )
    for query, where in places:
        try:
            answer = await session.kube.request("GET", DEPLOYMENTS.path(where), query=query)
        except ApiError as error:
            if error.status == 403:
                return ()
            raise
        if found := answer.get("items"):
            return tuple(found)
    return ()


async def read_nodes(session: Session) -> tuple[tuple[Object, ...] | None, tuple[Object, ...]]:
    """Return all nodes and all pods; None for the nodes if the user may not list both."""
    try:
        (nodes, _), (pods, _) = await asyncio.gather(
            session.kube.list(NODES),
            session.kube.list(PODS, fields="status.phase!=Succeeded,status.phase!=Failed"),
        )
    except ApiError as error:
        if error.status != 403:
            raise
        return None, ()
    return tuple(nodes), tuple(pods)


async def _dry_run(session: Session, live: Object | None, body: Object) -> Object:
    path = E2I_MODELS.path(body["metadata"]["namespace"], None if live is None else body["metadata"]["name"])
    if live is None:
        return await session.kube.request("POST", path, body=body, query=_DRY_RUN)
    body = gitops.with_tool_metadata(live, body)
    if manager := client_side_apply.applier(live):
        query = {**_DRY_RUN, "fieldManager": manager, "force": "true"}
        kind = "application/apply-patch+yaml"
        return await session.kube.request("PATCH", path, body=body, query=query, content_type=kind)
    patch, kind = client_side_apply.merge_patch(live, body), "application/merge-patch+json"
    return await session.kube.request("PATCH", path, body=patch, query=_DRY_RUN, content_type=kind)


def _words(error: ApiError) -> str:
    """Return the API server's sentence for an invalid object, and ours for every other refusal."""
    if error.status in (400, 422):
        return error.message
    return explained_error(error.status, error.reason, error.message).message
