"""Posts Events as client-go's recorder does: a repeated Event is counted in the one that is there.

They are core/v1 Events: `kubectl describe` sorts by `lastTimestamp`, which events.k8s.io/v1 does not let a client set.
An Event is a courtesy, the condition has the same words. So a failure is logged and never stops a pass.
"""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from e2i.api import naming
from e2i.api.conditions import LONGEST_MESSAGE, timestamp
from e2i.api.model import Model
from e2i.api.plain_text import cut
from e2i.controller.core.status.transitions import Transition
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import EVENTS

REMEMBERED = 4096
"""Series, and models with a budget, that are remembered. The longest unused is forgotten first."""
BURST = 60
"""Events of one model that are posted without a pause: about those of eight releases."""
REFILL = 30.0
"""Seconds after which a model that used its burst may post one more Event."""
logger = logging.getLogger("e2i")

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Key(NamedTuple):
    """Two transitions with the same key are one series."""

    uid: str
    type: str
    reason: str
    message: str


@dataclass(frozen=True)
class _Series:
    """The Event that a series is counted in."""

    name: str
    count: int


@dataclass(frozen=True)
class _Budget:
    """How many Events a model may post."""

    left: float
    since: datetime


class EventRecorder:
    """The Events of one operator. A restart forgets the series, and the next one begins at 1."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._series: OrderedDict[_Key, _Series] = OrderedDict()
        self._budgets: OrderedDict[str, _Budget] = OrderedDict()
        self._created = 0

    async def record(self, model: Model, transition: Transition, now: datetime) -> None:
        """Post the transition, or count it in the Event of its series. Drop it if the model has posted too many."""
        if not self._take_from_budget(model.uid, now):
            logger.debug("event %s of %s/%s was dropped: too many", transition.reason, *model.key)
            return
        key = _Key(model.uid, transition.type, transition.reason, transition.message)
        try:
            series = await self._repeat(model, key, now) or await self._create(model, transition, now)
        except ApiError as error:
            # In a namespace that is being deleted nothing is created: each model would say so of each of its events.
            if error.is_of_ending_namespace:
                return
            logger.warning("event for %s/%s was not posted: %s", model.namespace, model.name, error)
            return
        _remember(self._series, key, series)

    async def _repeat(self, model: Model, key: _Key, now: datetime) -> _Series | None:
        """Count one more in the Event of the series; None if there is no such Event."""
        series = self._series.pop(key, None)
        if series is None:
            return None
        repeated = _Series(series.name, series.count + 1)
        change = {"count": repeated.count, "lastTimestamp": timestamp(now)}
        try:
            await self._kube.patch(
                EVENTS, model.namespace, repeated.name, change, manager=naming.FIELD_MANAGER
            )
        except ApiError as error:
            if error.status == 404:
                return None  # The API server has removed it: it keeps Events for an hour.
            raise
        return repeated

    async def _create(self, model: Model, transition: Transition, now: datetime) -> _Series:
        self._created += 1
        event = _event(model, transition, now, self._created)
        await self._kube.create(EVENTS, model.namespace, event, manager=naming.FIELD_MANAGER)
        return _Series(event["metadata"]["name"], 1)

    def _take_from_budget(self, uid: str, now: datetime) -> bool:
        """Take one Event from the model's budget; False if nothing is left."""
        budget = self._budgets.pop(uid, _Budget(BURST, now))
        refilled = budget.left + max(0.0, (now - budget.since).total_seconds()) / REFILL
        left = min(float(BURST), refilled)
        allowed = left >= 1
        _remember(self._budgets, uid, _Budget(left - 1 if allowed else left, now))
        return allowed


def _remember(known: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    known[key] = value
    while len(known) > REMEMBERED:
        known.popitem(last=False)


def _name(model: Model, now: datetime, number: int) -> str:
    """churn.64f0c3a1b2c3d001: sorted by name, the Events of one second stay in their order."""
    micros = int(now.timestamp() * 1_000_000)
    return f"{model.name[:50].rstrip('-.')}.{micros:013x}{number % 0x1000:03x}"


def _event(model: Model, transition: Transition, now: datetime, number: int) -> Object:
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": _name(model, now, number), "namespace": model.namespace},
        "involvedObject": {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "namespace": model.namespace,
            "name": model.name,
            "uid": model.uid,
        },
        "type": "Warning" if transition.warning else "Normal",
        "reason": transition.reason,
        "message": cut(transition.message, LONGEST_MESSAGE),
        "count": 1,
        "firstTimestamp": timestamp(now),
        "lastTimestamp": timestamp(now),
        "source": {"component": naming.FIELD_MANAGER},
        "reportingComponent": f"{naming.GROUP}/{naming.FIELD_MANAGER}",
        "reportingInstance": os.environ.get("HOSTNAME", naming.FIELD_MANAGER)[:128],
    }
