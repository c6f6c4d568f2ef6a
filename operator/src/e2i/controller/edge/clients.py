"""The clients and background jobs that all passes share; the operator has one of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from e2i.api.artifact import ArchivePlace
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.render.manifests import BuilderAccess
from e2i.controller.edge.bucket_refill import BucketRefill
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.claims import Claims
from e2i.controller.edge.drift_watch import DriftWatch
from e2i.controller.edge.event_queue import EventQueue
from e2i.controller.edge.failure_memory import FailureMemory
from e2i.controller.edge.golden_probe import GoldenProbe
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.export_jobs import ExportJobs
from e2i.controller.edge.jobs.guard_jobs import GuardJobs
from e2i.controller.edge.jobs.release_store_jobs import ReleaseStoreJobs
from e2i.controller.edge.jobs.verification_jobs import VerificationJobs
from e2i.controller.edge.measures import Measures
from e2i.controller.edge.notifier import Notifier
from e2i.controller.edge.own_writes import OwnWrites
from e2i.controller.edge.pod_policy import PodPolicy
from e2i.controller.edge.service_look import ServiceLook
from e2i.controller.edge.stretches import Stretches
from e2i.controller.edge.traces import Traces
from e2i.controller.edge.work_queue import Key
from e2i.controller.edge.workload_patches import WorkloadPatches
from e2i.kube import Kube


@dataclass(frozen=True, kw_only=True)
class Clients:
    """Clients of the outside systems, and the jobs that run between two passes."""

    kube: Kube
    cache: Cache
    events: EventQueue
    claims: Claims
    archive_use: ArchiveUse
    export_jobs: ExportJobs
    release_store_jobs: ReleaseStoreJobs
    verification_jobs: VerificationJobs
    guard_jobs: GuardJobs
    failure_memory: FailureMemory
    pod_policy: PodPolicy
    service_look: ServiceLook
    access: BuilderAccess
    archive_place: ArchivePlace
    secrets: tuple[str, ...] = ()
    """The operator's own keys, which no message may contain."""
    measures: Measures = field(default_factory=Measures)
    traces: Traces = field(default_factory=Traces)
    notifiers: tuple[Notifier, ...] = ()
    """None without E2I_NOTIFY_URL and E2I_RETRAIN_TEMPLATE."""
    drift_watch: DriftWatch | None = None
    """None with E2I_DRIFT_SECONDS=0."""
    golden_probe: GoldenProbe | None = None
    """None with E2I_PROBE_SECONDS=0."""
    bucket_refill: BucketRefill | None = None
    """None with E2I_BUCKET=-."""
    own_writes: OwnWrites = field(default_factory=OwnWrites)
    stretches: Stretches = field(default_factory=Stretches)
    workload_patches: WorkloadPatches = field(default_factory=WorkloadPatches)
    may_patch: bool = False
    """E2I_PATCH_DEPLOYMENTS: whether fields of pods may be written into Deployments."""

    def follow(self, here: Situation) -> None:
        """Let those that look at what serves, in the background, know which release it is."""
        if self.drift_watch:
            self.drift_watch.follow(here)
        if self.golden_probe:
            self.golden_probe.follow(here)

    def cancel_jobs(self, key: Key) -> None:
        """Cancel the jobs of a model that is gone, and forget what was read for it."""
        self.export_jobs.cancel(key)
        self.verification_jobs.cancel(key)
        self.guard_jobs.cancel(key)
        self.release_store_jobs.forget(key)
        if self.drift_watch:
            self.drift_watch.forget(key)
        if self.golden_probe:
            self.golden_probe.forget(key)
        if self.bucket_refill:
            self.bucket_refill.forget(key)
        for notifier in self.notifiers:
            notifier.forget(key)
        self.service_look.forget(key)
        self.stretches.forget(key)
        self.failure_memory.forget(key)
        self.claims.forget(key)
        self.measures.forget(key)
        self.traces.forget(key)

    async def close(self) -> None:
        """Cancel all jobs, post the Events that wait, and close the connections."""
        await self.verification_jobs.close()
        await self.guard_jobs.close()
        await self.export_jobs.close()
        await self.release_store_jobs.close()
        await self.service_look.close()
        await self.events.close()
        await self.traces.close()
        for notifier in self.notifiers:
            await notifier.close()
        await self.kube.close()
