"""Builds the operator from its settings: its connections, its background jobs, and what they share."""

from __future__ import annotations

import os
from functools import partial

from e2i.api.artifact import ArchivePlace
from e2i.archive.s3.bucket import Bucket
from e2i.archive.s3.settings import NO_BUCKET, own_secrets
from e2i.controller.app import Operator
from e2i.controller.core.render.manifests import BuilderAccess
from e2i.controller.edge.bringing import bringing
from e2i.controller.edge.bucket_check import check_bucket
from e2i.controller.edge.bucket_refill import BucketRefill
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.claims import Claims
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.connections import connect_kube, open_bucket
from e2i.controller.edge.drift_watch import drift_watch
from e2i.controller.edge.event_queue import EventQueue
from e2i.controller.edge.event_recorder import EventRecorder
from e2i.controller.edge.failure_memory import FailureMemory
from e2i.controller.edge.golden_probe import golden_probe
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.export_job import Work
from e2i.controller.edge.jobs.export_jobs import ExportJobs
from e2i.controller.edge.jobs.guard_jobs import GuardJobs
from e2i.controller.edge.jobs.release_store_jobs import ReleaseStoreJobs
from e2i.controller.edge.jobs.turns import Turns
from e2i.controller.edge.jobs.verification_jobs import VerificationJobs
from e2i.controller.edge.lease import Lease
from e2i.controller.edge.measures import Measures
from e2i.controller.edge.notifiers import notifiers
from e2i.controller.edge.pod_policy import PodPolicy
from e2i.controller.edge.release_store import ReleaseStore
from e2i.controller.edge.service_look import ServiceLook
from e2i.controller.edge.span_exporter import traces_to
from e2i.controller.edge.supervisor import Supervisor
from e2i.controller.edge.work_queue import Queue
from e2i.controller.settings import Settings
from e2i.kube import Kube

STORE_REQUESTS = 4
"""Reads and deletions in the bucket at the same time."""
STORE_TIMEOUT = 10.0
"""Seconds that a small answer of the S3 server may take."""


async def connect(settings: Settings, lease: Lease, supervisor: Supervisor, measures: Measures) -> Operator:
    """Build the operator from its settings; ApiError if no connection can be made. It is not started yet."""
    kube = await _fenced_kube(settings, lease, measures)
    queue, place = Queue(measures), partial(open_bucket, settings, lease, measures)
    archives = ArchivePlace(settings.bucket, settings.prefix, settings.share_archives)
    bucket = place(read_timeout=STORE_TIMEOUT)
    turns, use = Turns("bucket", STORE_REQUESTS), ArchiveUse(cache := Cache())
    records = ReleaseStoreJobs(store := _store(settings, bucket), queue.add, use, turns)
    exports = _export_jobs(settings, bring := bringing(settings, place()), records, use, queue, measures)
    refill = BucketRefill(cache, archives, store, bring, use, records.doubt, queue.add)
    events = EventQueue(EventRecorder(kube).record, queue.calm)
    clients = Clients(
        kube=kube,
        cache=cache,
        events=events,
        claims=Claims(kube, lease.place, cache, events),
        archive_use=use,
        export_jobs=exports,
        release_store_jobs=records,
        verification_jobs=VerificationJobs(kube, queue.add, own_secrets(os.environ), measures.verified),
        guard_jobs=GuardJobs(cache.of_models, queue.add, settings.pod_network),
        failure_memory=FailureMemory(),
        pod_policy=PodPolicy(kube),
        service_look=ServiceLook(kube, cache),
        measures=measures,
        traces=traces_to(settings.traces_endpoint),
        notifiers=tuple(notifiers(settings, cache, kube, lease.namespace, bucket, turns)),
        drift_watch=drift_watch(settings, cache.of_models, queue.add),
        golden_probe=golden_probe(settings.probe_seconds, kube, cache.of_models, own_secrets(os.environ)),
        bucket_refill=refill if settings.bucket != NO_BUCKET else None,
        may_patch=settings.patch_deployments,
        access=_builder_access(settings),
        archive_place=archives,
        secrets=own_secrets(os.environ),
    )
    check, namespaces = partial(check_bucket, bucket, archives, turns), settings.namespaces
    return Operator(
        clients, queue, supervisor, workers=settings.workers, namespaces=namespaces, check_bucket=check
    )


async def _fenced_kube(settings: Settings, lease: Lease, measures: Measures) -> Kube:
    """Return a connection that refuses to write while the lease is not held."""
    kube = await connect_kube(settings, measures)
    kube.fence(lease.check)
    return kube


def _store(settings: Settings, bucket: Bucket) -> ReleaseStore:
    return ReleaseStore(bucket, settings.prefix, is_shared=settings.share_archives)


def _export_jobs(
    settings: Settings,
    bring: Work,
    records: ReleaseStoreJobs,
    use: ArchiveUse,
    queue: Queue,
    measures: Measures,
) -> ExportJobs:
    drop, limited = records.delete_leftover, settings.largest_bento_of
    shared, ended = settings.share_archives, measures.exported
    return ExportJobs(
        bring, queue.add, settings.exports, use, drop, is_shared=shared, limited=limited, ended=ended
    )


def _builder_access(settings: Settings) -> BuilderAccess:
    endpoint = (("AWS_ENDPOINT_URL", settings.endpoint),) if settings.endpoint else ()
    return BuilderAccess(secret=settings.download_secret, env=(*endpoint, ("AWS_REGION", settings.region)))
