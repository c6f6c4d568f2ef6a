"""Remembers failures until the status has them: a status that cannot be written must not hold up the way back."""

from __future__ import annotations

from e2i.api.model import Model
from e2i.controller.core import persisted_status
from e2i.controller.core.persisted_status import Failure
from e2i.controller.edge.work_queue import Key


class FailureMemory:
    """The failures that the operator noted, by the model's key. Lost by a restart: the release is judged again."""

    def __init__(self) -> None:
        self._noted: dict[Key, dict[str, Failure]] = {}

    def note(self, key: Key, failure: Failure) -> None:
        """Remember a failure before the status is written."""
        self._noted.setdefault(key, {})[failure.trial] = failure

    def unwritten(self, model: Model) -> tuple[Failure, ...]:
        """Return the failures that the status does not have, and forget the others."""
        written = {failure.trial for failure in persisted_status.failures(model)}
        noted = self._noted.get(model.key, {})
        for trial in written & noted.keys():
            del noted[trial]
        return tuple(noted.values())

    def forget(self, key: Key) -> None:
        """Forget the failures of a model that is gone."""
        self._noted.pop(key, None)
