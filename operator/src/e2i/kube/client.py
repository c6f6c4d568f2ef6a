"""The verbs of the Kubernetes API."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from e2i.kube.connection import APPLY, Connection
from e2i.kube.e2i_kinds import PODS
from e2i.kube.errors import ApiError
from e2i.kube.kinds import Object, Resource
from e2i.kube.listing import list_objects, whole
from e2i.kube.responses import read
from e2i.kube.watching import Change, News, Snapshot, follow, track

T = TypeVar("T")

LOG_TIMEOUT = 10.0


class Kube(Connection):
    """A connection with the verbs of the API, on objects in JSON form. Every failure is an ApiError."""

    async def get(
        self, resource: Resource, namespace: str | None, name: str, *, subresource: str = ""
    ) -> Object | None:
        """Return the object, or None if it does not exist."""
        try:
            return await self.request("GET", resource.path(namespace, name, subresource))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """Return all objects that match, and the list's resourceVersion."""
        return await list_objects(self, resource, namespace, _selectors(labels, fields), whole)

    async def list_parsed(
        self,
        resource: Resource,
        parse: Callable[[Object], T],
        *,
        namespace: str | None = None,
        labels: str = "",
    ) -> tuple[Sequence[T], str]:
        """Return `parse` of all objects that match, and the list's resourceVersion.

        Only one page of objects is in memory at a time.
        """
        return await list_objects(self, resource, namespace, _selectors(labels, ""), parse)

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        body: Object,
        *,
        name: str = "",
        subresource: str = "",
        manager: str = "",
    ) -> Object:
        """Create an object, or post to a subresource of `name` (a token, a binding, an eviction)."""
        path = resource.path(namespace, name or None, subresource)
        return await self.request("POST", path, body=body, query=_manager(manager))

    async def replace(
        self, resource: Resource, body: Object, *, subresource: str = "", manager: str = ""
    ) -> Object:
        """Replace an object that was read before; ApiError 409 if somebody changed it in the meantime.

        Without metadata.resourceVersion it replaces any version.
        """
        metadata = body["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        return await self.request("PUT", path, body=body, query=_manager(manager))

    async def apply(
        self, resource: Resource, body: Object, *, manager: str, force: bool = False, subresource: str = ""
    ) -> Object:
        """Server-side apply: own exactly the fields in `body` as `manager`."""
        metadata = body["metadata"]
        return await self.request(
            "PATCH",
            resource.path(metadata.get("namespace"), metadata["name"], subresource),
            body=body,
            query={"fieldManager": manager, "force": "true" if force else "false"},
            content_type=APPLY,
        )

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Object,
        *,
        subresource: str = "",
        strategic: bool = False,
        manager: str = "",
    ) -> Object:
        """Merge `body` into the object (JSON merge patch, or strategic merge for built-in kinds)."""
        kind = "application/strategic-merge-patch+json" if strategic else "application/merge-patch+json"
        path = resource.path(namespace, name, subresource)
        return await self.request("PATCH", path, body=body, query=_manager(manager), content_type=kind)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
        propagation: str | None = None,
    ) -> None:
        """Delete the object if it exists; with `uid`, only if it has that uid (else ApiError 409)."""
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if uid:
            body["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        if propagation:
            body["propagationPolicy"] = propagation
        try:
            await self.request("DELETE", resource.path(namespace, name), body=body)
        except ApiError as error:
            if error.status != 404:
                raise

    async def log(
        self, namespace: str, pod: str, container: str, *, lines: int, limit: int, previous: bool = False
    ) -> str:
        """Return the last lines of a container's log, at most `limit` bytes counted from their beginning.

        With `previous`, the log of the run before the current one. ApiError if there is no such log.
        """
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(limit)}
        if previous:
            query["previous"] = "true"
        path = PODS.path(namespace, pod, "log")
        async with self.open("GET", path, query, LOG_TIMEOUT) as response:
            return (await read(response)).decode(errors="replace")

    def watch(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[Snapshot | Change]:
        """Yield a Snapshot, then Changes, without end; a Snapshot again whenever changes may have been missed.

        Never raises: after a failure it starts again, with a growing delay of at most 10 s.
        """
        return follow(self, resource, namespace, _selectors(labels, fields))

    def track(
        self,
        resource: Resource,
        parse: Callable[[Object], T],
        *,
        namespace: str | None = None,
        labels: str = "",
        since: str = "",
        relist: float = math.inf,
    ) -> AsyncIterator[News[T]]:
        """Yield what happens to a kind, parsed: Listed, Changed, Failed after a failure, Quiet.

        With `since`, the version of a list that the caller has, it begins with the changes after it. Every `relist`
        seconds it lists again.
        """
        return track(self, resource, namespace, _selectors(labels, ""), parse, since=since, relist=relist)


def _selectors(labels: str, fields: str) -> dict[str, str]:
    chosen = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in chosen.items() if value}


def _manager(manager: str) -> dict[str, str]:
    return {"fieldManager": manager} if manager else {}
