"""Opens the connections of an operator: to the API server and to its bucket. All requests are counted."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from e2i.archive.s3.bucket import READ_TIMEOUT, Bucket
from e2i.archive.s3.no_bucket import NoBucket
from e2i.archive.s3.settings import NO_BUCKET
from e2i.controller.edge.lease import Lease
from e2i.controller.edge.measures import Measures
from e2i.controller.settings import Settings
from e2i.kube import Kube


async def connect_kube(settings: Settings, measures: Measures) -> Kube:
    """Connect as the service account of the pod; outside a pod, as the current kubeconfig says."""
    kube = await _connect(settings)
    kube.count(measures.asked_api)
    return kube


async def _connect(settings: Settings) -> Kube:
    if (settings.service_account / "token").is_file():
        return await Kube.from_service_account(settings.service_account)
    with contextlib.suppress(KeyError):
        return await Kube.from_kubeconfig(Path(os.environ["KUBECONFIG"]))
    return await Kube.from_kubeconfig(Path.home() / ".kube" / "config")


def open_bucket(
    settings: Settings, lease: Lease, measures: Measures, read_timeout: float = READ_TIMEOUT
) -> Bucket:
    """Return the bucket of the settings. Nothing is sent yet, and nothing is written without the lease."""
    if settings.bucket == NO_BUCKET:
        return NoBucket()
    return Bucket(
        settings.bucket,
        endpoint=settings.endpoint,
        region=settings.region,
        read_timeout=read_timeout,
        may_write=lambda: lease.is_held,
        asked=measures.asked_s3,
    )
