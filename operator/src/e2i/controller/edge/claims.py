"""Keeps two installations of the operator from acting on one model: the status names the one that operates it.

An installation is an operator with its standbys: they share a Lease, and its place is their name. Only operators write
a status, so nobody else can claim a model or end a claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from e2i.api import conditions, naming
from e2i.api.conditions import Reason, fact
from e2i.api.model import Model
from e2i.controller.core.lease import Sighting, sight
from e2i.controller.core.status.transitions import transitions
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.event_queue import EventQueue
from e2i.controller.edge.lease import seconds
from e2i.controller.edge.transition_log import log_transition
from e2i.controller.edge.work_queue import Key
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import E2I_MODELS, LEASES
from e2i.kube.versions import is_earlier

RELEASED_FOR = 60.0
"""Seconds after which a Lease that was given away has no operator any more. Between two of a rollout it is free too."""
LOOK_EVERY = 10.0
"""Seconds for which an answer about a Lease is used for all models."""
_PLACE = re.compile(r"[a-z0-9][-a-z0-9]{0,62}/[a-z0-9][-.a-z0-9]{0,252}")


_CONTENDER = re.compile(r"The one with the Lease ([^ ]+) is set ")


@dataclass
class _Look:
    at: float
    is_gone: bool
    sighting: Sighting | None


@dataclass(frozen=True)
class _Neighbour:
    """A model that this installation operates, at least since it had this version."""

    key: Key
    uid: str
    since: str


class Claims:
    """The claims of other installations, as the models say them, and whether these installations are still there."""

    def __init__(self, kube: Kube, mine: str, cache: Cache, events: EventQueue) -> None:
        """`mine`: the place of this operator's Lease, e2i-system/e2i-operator."""
        self.mine = mine
        self._kube = kube
        self._cache = cache
        self._events = events
        self._looks: dict[str, _Look] = {}
        self._withheld: dict[Key, str] = {}
        self._neighbours: dict[str, _Neighbour] = {}
        """By namespace."""
        self._met: dict[Key, str] = {}
        """Uids of the models whose condition of before this operator's start was looked at."""

    def has(self, model: Model) -> bool:
        """Return whether the model says that this installation operates it."""
        return model.status.get("operator") == self.mine

    def had_namespace(self, model: Model, version: str) -> bool:
        """Return whether this installation operated a neighbour before the new model, of this version, was made.

        Whoever sees such a model has seen that neighbour's status before, so the model need not be claimed first.
        """
        known = self._neighbours.get(model.namespace)
        if known is None or not self._still_has(known):
            mine = next((each for each in self._until_mine(model.namespace) if self.has(each)), None)
            if mine is None:
                return False
            known = _Neighbour(mine.key, mine.uid, self._cache.version(naming.KIND, mine.key))
            self._neighbours[model.namespace] = known
        return model.generation == 1 and not model.status and is_earlier(known.since, version)

    def _still_has(self, known: _Neighbour) -> bool:
        found = self._cache.model(known.key)
        return found is not None and found.uid == known.uid and self.has(found)

    def problems(self) -> list[str]:
        """Return for each other installation a sentence about a model that it keeps this one from."""
        return sorted(set(self._withheld.values()))

    def forget(self, key: Key) -> None:
        """Forget a model that is gone."""
        self._withheld.pop(key, None)
        self._met.pop(key, None)

    async def rival(self, model: Model) -> str:
        """Return the installation that operates the model, if it is another one and was not removed.

        A model that nobody operates yet belongs to the one that operates its neighbours.
        """
        claimed = await self._claimed(model) or await self._claimed_near(model.namespace)
        if claimed in ("", self.mine):
            self._withheld.pop(model.key, None)
            return ""
        return claimed

    async def _claimed_near(self, namespace: str) -> str:
        """Return the installation that models of the namespace name: this one if any does, else the first one."""
        others = dict.fromkeys(str(each.status.get("operator", "")) for each in self._until_mine(namespace))
        if self.mine in others:
            return self.mine
        for named in others:
            if _PLACE.fullmatch(named) and not await self._is_gone(named):
                return named
        return ""

    def _until_mine(self, namespace: str) -> Iterator[Model]:
        """Yield the models of the namespace, none after the first of this installation: there may be thousands."""
        for each in self._cache.models():
            if each.namespace == namespace:
                yield each
                if self.has(each):
                    return

    async def _claimed(self, model: Model) -> str:
        """Return the installation that the model names; empty if it names none, or one that was removed."""
        named = str(model.status.get("operator", ""))
        if named == self.mine:
            return named
        return named if _PLACE.fullmatch(named) and not await self._is_gone(named) else ""

    async def contest(self, model: Model, rival: str, now: datetime) -> None:
        """Say on the model, once for each spec, that this installation leaves it to the other one.

        Not before the other one has written its status.
        """
        self._withheld[model.key] = said(rival, self.mine)
        before = _contested(model)
        if not model.status.get("operator") or any(
            each.get("observedGeneration") == model.generation for each in before
        ):
            return
        told = fact(conditions.CONTESTED, "True", Reason.SeveralOperators, said(rival, self.mine))
        (condition,) = conditions.merge_conditions(before, (told,), model.generation, now)
        await self._apply(model, {"conditions": [condition]})
        for transition in transitions(before, [condition]):
            log_transition(model, transition)
            self._events.add(model, transition, now)

    async def clear(self, model: Model) -> bool:
        """Remove that condition where it may be out of date, and return whether it stays and has to be looked at again.

        An installation that is still there says it again; one that was removed says nothing.
        """
        met = self._met.get(model.key) == model.uid
        self._met[model.key] = model.uid
        for each in _contested(model):
            is_new = met and each.get("observedGeneration") == model.generation
            if not is_new or await self._is_gone(_contender(str(each.get("message", "")))):
                await self._apply(model, {})
                return False
            return True
        return False

    async def _apply(self, model: Model, status: Object) -> None:
        """Own exactly this of the status, beside what the operator of the model owns."""
        metadata = {"name": model.name, "namespace": model.namespace, "uid": model.uid}
        body = {"apiVersion": naming.API_VERSION, "kind": naming.KIND, "metadata": metadata, "status": status}
        await self._kube.apply(
            E2I_MODELS, body, manager=naming.CONTENDER_FIELD_MANAGER, force=True, subresource="status"
        )

    async def _is_gone(self, place: str) -> bool:
        """Return whether the Lease was deleted, or given away for good. If it cannot be read, it counts."""
        now, known = seconds(), self._looks.get(place)
        if known and now - known.at < LOOK_EVERY:
            return known.is_gone
        if not _PLACE.fullmatch(place):
            return False
        namespace, _, name = place.partition("/")
        try:
            found = await self._kube.get(LEASES, namespace, name)
        except ApiError:
            return False
        seen = sight(known.sighting if known else None, found, now) if found else None
        is_free = seen is not None and not seen.claim.holder and now - seen.since >= RELEASED_FOR
        self._looks[place] = _Look(now, found is None or is_free, seen)
        return self._looks[place].is_gone


def said(first: str, second: str) -> str:
    """Return the sentence of condition, event and log."""
    namespace, _, name = first.partition("/")
    return (
        f"the operator with the Lease {first} operates the models of this namespace. The one with the Lease {second} "
        "is set to have this namespace too, and does nothing here. Give the namespace to one of them (E2I_NAMESPACES). "
        f"If the first was removed, kubectl delete lease {name} -n {namespace} lets the other one take over"
    )


def _contender(message: str) -> str:
    """Return the Lease of the installation that wrote this sentence of `said`; empty if it is another sentence."""
    found = _CONTENDER.search(message)
    return found[1] if found else ""


def _contested(model: Model) -> list[Object]:
    return [dict(each) for each in model.status.get("conditions", ()) if each["type"] == conditions.CONTESTED]
