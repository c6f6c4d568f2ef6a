"""The one module that calls a Kubernetes API server; the operator's edge and the local cluster share it.

Objects go in and out as plain dictionaries in the API's JSON form: the typed models of the `kubernetes`
package cost 80 MiB of memory and buy nothing where every object is turned into a small value at once.
The package's asynchronous client does authentication, TLS and connection pooling.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from kubernetes.aio.dynamic import DynamicClient
from kubernetes.aio.dynamic.exceptions import DynamicApiError

Object = dict[str, Any]
"""One API object in its JSON form."""

SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REQUEST_TIMEOUT = 30.0
WATCH_TIMEOUT = 300
PAGE = 500


@dataclass(frozen=True)
class Resource:
    """Where a kind lives in the API: `Resource("apps", "v1", "deployments", "Deployment")`."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/" + "/".join(parts)


class ApiError(Exception):
    """The API server refused, or could not be reached (`status` 0).

    `reason` is the API's own word (NotFound, Conflict, Forbidden, Invalid, ...), `message` its sentence.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True)
class Snapshot:
    """Everything that exists now; what is not in it is gone."""

    objects: tuple[Object, ...]


@dataclass(frozen=True)
class Change:
    """One object came, changed or went after the last Snapshot."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


class Kube:
    """A connection to one API server with one identity."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        # Only its request() is used: no discovery, paths are built by Resource.
        self._dynamic = DynamicClient(client)

    @classmethod
    async def from_kubeconfig(cls, path: Path, context: str | None = None) -> Self:
        """Connect as the kubeconfig says; ApiError(0) when the file cannot be used."""
        configuration = Configuration()
        try:
            await config.load_kube_config(
                str(path), context=context, client_configuration=configuration, persist_config=False
            )
        except config.ConfigException as error:
            raise ApiError(0, "BadKubeconfig", f"kubeconfig {path} cannot be used: {error}") from error
        return cls(ApiClient(configuration))

    @classmethod
    async def from_service_account(cls, directory: Path = SERVICE_ACCOUNT_DIR) -> Self:
        """Connect as the pod's service account; the token is read again every minute."""
        configuration = Configuration()
        loader = InClusterConfigLoader(str(directory / "token"), str(directory / "ca.crt"))
        try:
            loader.load_and_set(configuration)
        except config.ConfigException as error:
            raise ApiError(0, "NoServiceAccount", f"service account in {directory}: {error}") from error
        return cls(ApiClient(configuration))

    async def close(self) -> None:
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

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
    ) -> Object:
        """Merge `body` into the object (JSON merge patch, or strategic merge for built-in kinds)."""
        kind = "application/strategic-merge-patch+json" if strategic else "application/merge-patch+json"
        return await self.request(
            "PATCH", resource.path(namespace, name, subresource), body=body, content_type=kind
        )

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
                    async for change in self._stream(path, version, _selectors(labels, fields)):
                        version = change.object["metadata"]["resourceVersion"]
                        if change.object.get("kind"):
                            yield change
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError):
                delay = min(10.0, delay * 2 or 0.1)
                # Jitter, so that many watchers do not come back in the same instant; not a secret.
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311

    async def _stream(self, path: str, version: str, selectors: Mapping[str, str]) -> AsyncIterator[Change]:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(random.randint(WATCH_TIMEOUT // 2, WATCH_TIMEOUT)),  # noqa: S311
            **selectors,
        }
        response = await self._open("GET", path, None, query, "application/json", WATCH_TIMEOUT + 30.0)
        with contextlib.closing(response):
            async for line in _lines(response):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise ApiError(status.get("code", 0), status.get("reason", ""), status.get("message", ""))
                if event["type"] == "BOOKMARK":
                    # Only its version is news: the kind is dropped so that watch() does not yield it.
                    event["object"].pop("kind", None)
                    event["type"] = "MODIFIED"
                yield Change(event["type"], event["object"])

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109
    ) -> Object:
        """Send one request and return the answer's JSON; every failure is an ApiError."""
        try:
            response = await self._open(method, path, body, query or {}, content_type, timeout)
            return json.loads(await response.read()) or {}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = str(error) or type(error).__name__
            raise ApiError(
                0, "Unreachable", f"API server {self._client.configuration.host}: {text}"
            ) from error

    async def _open(
        self,
        method: str,
        path: str,
        body: Object | None,
        query: Mapping[str, str],
        content_type: str,
        timeout: float,  # noqa: ASYNC109
    ) -> Any:
        try:
            return await self._dynamic.request(
                method,
                path,
                body=body,
                query_params=list(query.items()),
                content_type=content_type,
                _request_timeout=timeout,
                serialize=False,
            )
        except DynamicApiError as error:
            raise _api_error(error) from error


async def _lines(response: Any) -> AsyncIterator[bytes]:
    """Split a watch stream into lines of any length (the client's own readline() stops at 128 KiB)."""
    buffer = bytearray()
    async for chunk in response.content.iter_any():
        buffer += chunk
        while (end := buffer.find(b"\n")) >= 0:
            yield bytes(buffer[:end])
            del buffer[: end + 1]


def _selectors(labels: str, fields: str) -> dict[str, str]:
    chosen = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in chosen.items() if value}


def _owned_by(manager: str) -> dict[str, str]:
    return {"fieldManager": manager} if manager else {}


def _api_error(error: DynamicApiError) -> ApiError:
    headers = error.headers or {}
    retry_after = headers.get("Retry-After")
    try:
        status = json.loads(error.body or "")
    except ValueError:
        status = {}
    reason = status.get("reason") or error.reason or ""
    message = status.get("message") or str(error.body or error.reason)
    return ApiError(error.status, reason, message, float(retry_after) if retry_after else None)
