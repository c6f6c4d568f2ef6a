"""What passes work with: one of each for the whole operator."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.core.render import BuilderAccess
from e2i.edge.exports import Exports
from e2i.edge.ledgers import Ledgers
from e2i.edge.verifications import Verifications
from e2i.edge.view import View
from e2i.edge.watches import Watches
from e2i.edge.workqueue import Key
from e2i.kube import Kube


@dataclass(frozen=True, kw_only=True)
class Hands:
    """The connections and the work under way."""

    kube: Kube
    view: View
    exports: Exports
    ledgers: Ledgers
    verifications: Verifications
    watches: Watches
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
