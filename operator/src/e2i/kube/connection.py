"""One connection to an API server, with one identity: authentication, TLS and pooling are the package's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from kubernetes.aio.dynamic import DynamicClient
from kubernetes.aio.dynamic.exceptions import DynamicApiError

from e2i.kube.errors import ApiError, api_error
from e2i.kube.kinds import Object

SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REQUEST_TIMEOUT = 30.0


class Connection:
    """Sends requests to one API server."""

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
        return cls(_client(configuration))

    @classmethod
    async def from_service_account(cls, directory: Path = SERVICE_ACCOUNT_DIR) -> Self:
        """Connect as the pod's service account; the token is read again every minute."""
        configuration = Configuration()
        loader = InClusterConfigLoader(str(directory / "token"), str(directory / "ca.crt"))
        try:
            loader.load_and_set(configuration)
        except config.ConfigException as error:
            raise ApiError(0, "NoServiceAccount", f"service account in {directory}: {error}") from error
        return cls(_client(configuration))

    async def close(self) -> None:
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

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
            response = await self.open(method, path, body, query or {}, content_type, timeout)
            return json.loads(await response.read()) or {}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = str(error) or type(error).__name__
            raise ApiError(
                0, "Unreachable", f"API server {self._client.configuration.host}: {text}"
            ) from error

    async def open(
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
            raise api_error(error) from error


def _client(configuration: Configuration) -> ApiClient:
    """A client that knows its proxy from the start.

    Left to itself it asks the environment and ~/.netrc for each request, in two threads one after the other,
    and refuses to send our token to a host that ~/.netrc has a password for.
    """
    configuration.client_session_kwargs = {"trust_env": False}
    configuration.proxy = configuration.proxy or _proxy_of(configuration.host)
    return ApiClient(configuration)


def _proxy_of(url: str) -> str | None:
    """What HTTPS_PROXY, HTTP_PROXY and NO_PROXY say about the server at `url`."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
