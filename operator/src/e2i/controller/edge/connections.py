"""Opens the connections of an operator: to the API server and to its bucket. All requests are counted."""

from __future__ import annotations

import os

from e2i.archive.s3.bucket import READ_TIMEOUT, Bucket
from e2i.archive.s3.no_bucket import NoBucket
from e2i.archive.s3.settings import NO_BUCKET
from e2i.controller.edge.lease import Lease
from e2i.controller.edge.measures import Measures
from e2i.controller.settings import Settings
from e2i.kube import Kube
from e2i.kube.login import of_process

WAYS = "Name one with KUBECONFIG; in a pod, name where its service account is mounted with E2I_SERVICE_ACCOUNT_DIR."


async def connect_kube(settings: Settings, measures: Measures) -> Kube:
    """Connect as the service account of the pod; outside a pod, as the current kubeconfig says."""
    kube = await of_process(settings.service_account, os.environ, WAYS)
    kube.count(measures.asked_api)
    return kube


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
