"""Ask a component over HTTP whether it is ready."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path

from e2i.local.layout import ClusterHome

ANSWER_TIMEOUT = 2.0


@dataclass(frozen=True)
class Endpoint:
    """The readiness endpoint of a component: GET `path` on 127.0.0.1:`port` answers 200 if it is ready."""

    port: int
    path: str
    authority: str | None = None
    """The authority that signed the server's certificate, for example `cluster-ca`; None for plain HTTP."""
    client: str | None = None
    """The client certificate to show."""


def is_ready(home: ClusterHome, endpoint: Endpoint) -> bool:
    """Send one request; return False after any failure."""
    try:
        connection = _connect(endpoint, home.pki)
        try:
            connection.request("GET", endpoint.path)
            return connection.getresponse().status == 200
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False


def _connect(endpoint: Endpoint, pki: Path) -> http.client.HTTPConnection:
    if endpoint.authority is None:
        return http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=ANSWER_TIMEOUT)
    context = ssl.create_default_context(cafile=pki / f"{endpoint.authority}.crt")
    if endpoint.client:
        context.load_cert_chain(pki / f"{endpoint.client}.crt", pki / f"{endpoint.client}.key")
    return http.client.HTTPSConnection("127.0.0.1", endpoint.port, timeout=ANSWER_TIMEOUT, context=context)
