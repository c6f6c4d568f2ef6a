"""Find the address of a Service of the local cluster, where it can be reached directly.

On another cluster the Service's 10.x.y.z exists inside the cluster only, and here it may be somebody's host.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from e2i.kube.client import Kube
from e2i.kube.errors import ApiError
from e2i.kube.kinds import Resource

SERVICES = Resource("", "v1", "services", "Service")


async def local_address(kube: Kube, namespace: str, name: str) -> str | None:
    """Return the Service's clusterIP if it is an address of this machine, else None; also if it may not be read."""
    if not is_loopback(urlsplit(kube.server).hostname or ""):
        return None
    try:
        service = await kube.get(SERVICES, namespace, name)
    except ApiError as error:
        if error.status != 403:
            raise
        return None
    address = (service or {}).get("spec", {}).get("clusterIP", "")
    return address if is_loopback(address) else None


def is_loopback(host: str) -> bool:
    """Return whether `host` is an address of the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
