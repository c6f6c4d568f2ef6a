"""Makes the notifiers that the settings ask for."""

from __future__ import annotations

from collections.abc import Iterator

from e2i.archive.s3.bucket import Bucket
from e2i.controller.core.notifications import DRIFTED, RETRAINED
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.jobs.turns import Turns
from e2i.controller.edge.notifier import Address, Marks, Notifier
from e2i.controller.edge.retraining import Retraining
from e2i.controller.settings import Settings
from e2i.kube import Kube


def notifiers(
    settings: Settings, cache: Cache, kube: Kube, namespace: str, bucket: Bucket, turns: Turns
) -> Iterator[Notifier]:
    """Return the notifiers of the settings; `namespace` is that of the operator."""
    if settings.notify_url:
        address = Address(settings.notify_url, settings.notify_token)
        yield Notifier(cache, Marks(bucket, settings.prefix, turns), address)
    if settings.retrain_template:
        marks = Marks(bucket, settings.prefix, turns, RETRAINED)
        jobs = Retraining(kube, settings.retrain_template, namespace)
        yield Notifier(cache, marks, jobs, "E2I_RETRAIN_TEMPLATE", DRIFTED)
