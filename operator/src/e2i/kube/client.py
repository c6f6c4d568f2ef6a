"""What can be asked of an API server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import aiohttp

from e2i.kube.connection import Connection
from e2i.kube.errors import ApiError
from e2i.kube.kinds import Object, Resource
from e2i.kube.watching import Change, Snapshot, changes

PAGE = 500
PODS = Resource("", "v1", "pods", "Pod")
LOG_TIMEOUT = 10.0


class Kube(Connection):
    """The verbs of the Kubernetes API, on objects in JSON form."""

    async def get(
        self, resource: Resource, namespace: str | None, name: str, *, subresource: str = ""
    ) -> Object | None:
        """The object, or None when it is not there."""
        try:
            return await self.request("GET", resource.path(namespace, name, subresource))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """All objects that match, in pages of 500, and the list's resourceVersion."""
        query: dict[str, str] = {"limit": str(PAGE), **_selectors(labels, fields)}
        objects: list[Object] = []
        while True:
            page = await self.request("GET", resource.path(namespace), query=query)
            for item in page["items"]:
                # Items of a list carry neither: give every object the same form wherever it came from.
                item.setdefault("apiVersion", resource.api_version)
                item.setdefault("kind", resource.kind)
                objects.append(item)
            token = page["metadata"].get("continue")
            if not token:
                return objects, page["metadata"]["resourceVersion"]
            query["continue"] = token

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
        return await self.request("POST", path, body=body, query=_owned_by(manager))

    async def replace(
        self, resource: Resource, body: Object, *, subresource: str = "", manager: str = ""
    ) -> Object:
        """Replace an object read before; 409 Conflict when somebody changed it since.

        A body without metadata.resourceVersion replaces whatever is there.
        """
        metadata = body["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        return await self.request("PUT", path, body=body, query=_owned_by(manager))

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
            content_type="application/apply-patch+yaml",
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
        return await self.request("PATCH", path, body=body, query=_owned_by(manager), content_type=kind)

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
        """Delete the object; one that is already gone is success. With `uid`, only that very object."""
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
        """The last lines of a container's log, at most `limit` bytes of them counted from their beginning.

        `previous`: of the run before the present one. ApiError when there is no such log.
        """
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(limit)}
        if previous:
            query["previous"] = "true"
        path = PODS.path(namespace, pod, "log")
        try:
            response = await self.open("GET", path, None, query, "application/json", LOG_TIMEOUT)
            text: bytes = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(
                0, "Unreachable", f"log of pod {pod}: {str(error) or type(error).__name__}"
            ) from error
        return text.decode(errors="replace")

    async def watch(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[Snapshot | Change]:
        """Yield a Snapshot, then Changes, for ever; a Snapshot again whenever history was lost.

        Reconnects by itself with a growing delay of at most 10 s; never raises for an unreachable server.
        """
        delay = 0.0
        while True:
            try:
                objects, version = await self.list(resource, namespace, labels=labels, fields=fields)
                yield Snapshot(tuple(objects))
                delay = 0.0
                path = resource.path(namespace)
                while True:
                    async for change in changes(self, path, version, _selectors(labels, fields)):
                        version = change.object["metadata"]["resourceVersion"]
                        if change.object.get("kind"):
                            yield change
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError):
                delay = min(10.0, delay * 2 or 0.1)
                # Jitter, so that many watchers do not come back in the same instant; not a secret.
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311


def _selectors(labels: str, fields: str) -> dict[str, str]:
    chosen = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in chosen.items() if value}


def _owned_by(manager: str) -> dict[str, str]:
    return {"fieldManager": manager} if manager else {}
