"""What passes work with: one of each for the whole operator."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.controller.core.render.manifests import BuilderAccess
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.jobs.export_jobs import ExportJobs
from e2i.controller.edge.jobs.guard_jobs import GuardJobs
from e2i.controller.edge.jobs.verification_jobs import VerificationJobs
from e2i.controller.edge.release_store_cache import ReleaseStoreCache
from e2i.controller.edge.work_queue import Key
from e2i.kube import Kube


@dataclass(frozen=True, kw_only=True)
class Clients:
    """The connections and the work under way."""

    kube: Kube
    view: Cache
    exports: ExportJobs
    ledgers: ReleaseStoreCache
    verifications: VerificationJobs
    watches: GuardJobs
    access: BuilderAccess

    def let_go(self, key: Key) -> None:
        """The model is gone: whatever was done for it ends."""
        self.exports.abandon(key)
        self.ledgers.forget(key)
        self.verifications.forget(key)
        self.watches.forget(key)

    async def close(self) -> None:
        await self.verifications.close()
        await self.watches.close()
        await self.exports.close()
        await self.kube.close()
