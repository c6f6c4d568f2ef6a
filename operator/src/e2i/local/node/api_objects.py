"""Requests to the API server about pods, with the node's identity."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from e2i.kube import ApiError, Kube, Object, Resource
from e2i.local.node import clock
from e2i.local.node.environment import Reference, object_data
from e2i.local.node.node_kinds import CONFIG_MAPS, EVENTS, PODS, SECRETS, SERVICE_ACCOUNTS

log = logging.getLogger(__name__)
REMEMBERED_EVENTS = 1000
COUNT_EVERY = 30.0
SHORT_DELAYS = (0.05, 0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True)
class _Posted:
    """An event that was posted to the API server."""

    name: str
    count: int
    written_at: float


class Cluster:
    """The requests that the workers of pods send to the API server."""

    def __init__(self, kube: Kube, component: str, node: str) -> None:
        self._kube = kube
        self._component = component
        self._node = node
        self._events: dict[tuple[str, str, str, str], _Posted] = {}

    async def read(
        self, namespace: str, wanted: Iterable[Reference]
    ) -> dict[Reference, Mapping[str, bytes] | None]:
        """Return the data of each object, None for one that does not exist."""
        found: dict[Reference, Mapping[str, bytes] | None] = {}
        for kind, name in wanted:
            resource = SECRETS if kind == "secret" else CONFIG_MAPS
            found[kind, name] = object_data(kind, await self._allowed(resource, namespace, name))
        return found

    async def _allowed(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Get the object; wait a little when it is forbidden.

        The API server lets a node read the objects that its pods refer to, but learns of a new pod a little later
        than the node.
        """
        for delay in SHORT_DELAYS:
            try:
                return await self._kube.get(resource, namespace, name)
            except ApiError as error:
                if error.status != 403:
                    raise
            await asyncio.sleep(delay)
        return await self._kube.get(resource, namespace, name)

    async def token(self, pod: Object, projection: Object) -> tuple[str, float]:
        """Return a token of the pod's service account and the time at which it expires."""
        metadata, spec = pod["metadata"], pod["spec"]
        request: Object = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [projection["audience"]] if projection.get("audience") else [],
                "expirationSeconds": projection.get("expirationSeconds") or 3600,
                "boundObjectRef": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
            },
        }
        account = spec.get("serviceAccountName") or "default"
        answer = await self._kube.create(
            SERVICE_ACCOUNTS, metadata["namespace"], request, name=account, subresource="token"
        )
        return answer["status"]["token"], clock.seconds_of(answer["status"]["expirationTimestamp"])

    async def patch_status(self, pod: Object, status: Object) -> Object:
        """Write a part of the pod's status; return the changed pod."""
        metadata = pod["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "status": status}
        return await self._kube.patch(
            PODS, metadata["namespace"], metadata["name"], body, subresource="status", strategic=True
        )

    async def remove(self, pod: Object) -> None:
        """Delete the ended pod from the API."""
        metadata = pod["metadata"]
        await self._kube.delete(
            PODS, metadata["namespace"], metadata["name"], uid=metadata["uid"], grace_seconds=0
        )

    async def event(self, about: Object, type_: str, reason: str, message: str) -> None:
        """Post an event, or increase the count of an equal one. Never raises: a lost event does no harm."""
        key = (about["metadata"].get("uid", ""), type_, reason, message)
        posted = self._events.pop(key, None)
        try:
            if posted is None:
                name = await self._first_event(about, type_, reason, message)
                posted = _Posted(name, 1, clock.now())
            else:
                posted = await self._count_up(about["metadata"].get("namespace") or "default", posted)
        except ApiError as error:
            # The API server may have deleted the event (events live an hour): the next one is new.
            log.info("event %s (%s) was not recorded: %s", reason, message, error)
            return
        self._events[key] = posted
        while len(self._events) > REMEMBERED_EVENTS:
            del self._events[next(iter(self._events))]

    async def _count_up(self, namespace: str, posted: _Posted) -> _Posted:
        count, now = posted.count + 1, clock.now()
        # A probe that fails every second must not cause a write every second.
        if now < posted.written_at + COUNT_EVERY:
            return replace(posted, count=count)
        change = {"count": count, "lastTimestamp": clock.timestamp(now)}
        await self._kube.patch(EVENTS, namespace, posted.name, change)
        return _Posted(posted.name, count, now)

    async def _first_event(self, about: Object, type_: str, reason: str, message: str) -> str:
        metadata, now = about["metadata"], clock.timestamp(clock.now())
        namespace = metadata.get("namespace") or "default"
        body: Object = {
            "metadata": {"generateName": f"{metadata['name'][:50]}.", "namespace": namespace},
            "involvedObject": {
                "apiVersion": about.get("apiVersion", "v1"),
                "kind": about.get("kind", "Pod"),
                "name": metadata["name"],
                "namespace": metadata.get("namespace", ""),
                "uid": metadata.get("uid", ""),
            },
            "type": type_,
            "reason": reason,
            "message": message[:1024],
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component, "host": self._node},
            "reportingComponent": self._component,
        }
        created = await self._kube.create(EVENTS, namespace, body)
        return str(created["metadata"]["name"])
