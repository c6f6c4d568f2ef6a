"""How an API server is reached: its address, TLS, a proxy, and the credentials of one identity."""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from e2i.kube.errors import ApiError

TOKEN_READ_EVERY = 60.0
"""Seconds. The kubelet renews a token when a fifth of its life is left, so ten minutes or more before its end."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """One way to one API server."""

    server: str
    """https://127.0.0.1:6443"""
    credentials: Callable[[], Awaitable[Mapping[str, str]]]
    """Returns the headers that say who asks; ApiError (BadCredentials) if there are none."""
    tls: ssl.SSLContext
    tls_server_name: str | None = None
    """The name in the server's certificate, if it is not that of the address."""
    proxy: str | None = None
    proxy_headers: Mapping[str, str] | None = None


def service_account(directory: Path, environment: Mapping[str, str]) -> Access:
    """Return the access of a pod with this service account; ApiError (NoServiceAccount) if there is none."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    if not (host and port):
        message = (
            f"service account in {directory}: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set"
        )
        raise ApiError(0, "NoServiceAccount", message)
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    token = _Token(directory / "token")
    try:
        token.read()
        tls = ssl.create_default_context(cafile=str(directory / "ca.crt"))
    except (OSError, ValueError) as error:
        raise ApiError(0, "NoServiceAccount", f"service account in {directory}: {error}") from error
    return Access(server=server, credentials=token.headers, tls=tls, proxy=proxy_for(server))


def proxy_for(url: str) -> str | None:
    """Return the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for the server at `url`, if any."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


class _Token:
    """A token in a file, which the kubelet replaces before it ends."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._value = ""
        self._read_at = 0.0

    def read(self) -> None:
        """Read the file; OSError if it cannot be read, ValueError if it is empty."""
        self._value = self._file.read_text().strip()
        self._read_at = time.monotonic()
        if not self._value:
            raise ValueError(f"{self._file} is empty")

    async def headers(self) -> Mapping[str, str]:
        """Return the header of this minute's token."""
        if time.monotonic() - self._read_at >= TOKEN_READ_EVERY:
            try:
                self.read()
            except (OSError, ValueError) as error:
                raise ApiError(0, "BadCredentials", f"The credentials cannot be renewed: {error}") from error
        return {"Authorization": f"Bearer {self._value}"}
