"""Gives the Python programs of a bento what a pod's network gives them on a real node.

There is no network namespace here and no DNS. So to listen everywhere means to listen on the pod's own loopback
address, `localhost` with the container's port leads there, and the name of a Service to its cluster address, which
the pod has in a variable. A bento's Python loads this file when it starts: it may import only what is always there.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

EVERYWHERE = ("", "0.0.0.0")  # noqa: S104 - it is what must not be listened on


def host_for(host: Any, port: Any, variables: Mapping[str, str]) -> Any:
    """The address that stands for `host` here; what is no name of the pod's network stays."""
    if host == "localhost" and str(port) == variables.get("PORT"):
        return variables["E2I_POD_ADDRESS"]
    if isinstance(host, str):
        return variables.get(f"{host.upper().replace('-', '_')}_SERVICE_HOST", host)
    return host


def join(variables: Mapping[str, str]) -> None:
    """Let this process look up names and listen as if it were in the pod's network."""
    look_up, listen = socket.getaddrinfo, socket.socket.bind

    def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        return look_up(host_for(host, port, variables), port, *rest, **options)

    def bind(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET and address[0] in EVERYWHERE:
            address = (variables["E2I_POD_ADDRESS"], *address[1:])
        listen(self, address)

    socket.getaddrinfo = getaddrinfo
    socket.socket.bind = bind  # type: ignore[assignment, method-assign]


if "E2I_POD_ADDRESS" in os.environ:
    join(os.environ)
