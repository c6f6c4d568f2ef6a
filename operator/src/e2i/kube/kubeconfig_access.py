"""Reads an access from a kubeconfig, by the client package: certificates, tokens, OIDC and credential plugins.

The only module that imports the package, and imported only for a kubeconfig that `plain_kubeconfig` does not know: the
package needs half a second of CPU and 28 MiB (docs/decisions/0002-api-client.md, 0058-what-tests-share.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from e2i.kube.access import Access, proxy_for
from e2i.kube.errors import ApiError


async def kubeconfig_access(path: Path, context: str | None) -> Access:
    """Return the access of the kubeconfig's context; ApiError (BadKubeconfig) if the file cannot be used."""
    configuration = Configuration()
    try:
        await config.load_kube_config(
            str(path), context=context, client_configuration=configuration, persist_config=False
        )
    except config.ConfigException as error:
        raise ApiError(0, "BadKubeconfig", f"kubeconfig {path} cannot be used: {error}") from error

    async def credentials() -> Mapping[str, str]:
        try:
            settings = await configuration.auth_settings()
        except config.ConfigException as error:
            raise ApiError(0, "BadCredentials", f"The credentials cannot be renewed: {error}") from error
        return {setting["key"]: setting["value"] for setting in settings.values()}

    return Access(
        server=configuration.host,
        credentials=credentials,
        tls=ApiClient(configuration).rest_client.ssl_context,
        tls_server_name=configuration.tls_server_name,
        proxy=configuration.proxy or proxy_for(configuration.host),
        proxy_headers=configuration.proxy_headers,
    )
