"""An object of the cluster as it was seen."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.api.model import Model
from e2i.controller.core.children import Child
from e2i.controller.edge.work_queue import Key
from e2i.kube.versions import is_ordered, later


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as the cache keeps it: its resourceVersion, and the values that the operator needs."""

    version: str
    value: Model | Child

    @property
    def key(self) -> Key:
        return self.value.namespace, self.value.name

    def is_newer(self, version: str, *, unless_known: bool) -> bool:
        """Return whether it is newer than `version`. Only decimal numbers have an order: else `unless_known`."""
        if self.version == version:
            return False
        if not (is_ordered(self.version) and is_ordered(version)):
            return unless_known
        return later(self.version, version) == self.version
