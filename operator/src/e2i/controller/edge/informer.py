"""Keeps the cache equal to one kind of the cluster: lists it, then follows its changes.

A list is the authority. It comes at the start, whenever changes may have been missed, and once an hour.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from e2i.api import naming
from e2i.controller.core.evidence.refusals import list_refusal
from e2i.controller.core.health import Sign
from e2i.controller.core.parse import BUILD_PODS
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.own_writes import OwnWrites
from e2i.controller.edge.seen import Seen
from e2i.controller.edge.work_queue import Key
from e2i.kube import ApiError, Changed, Failed, Kube, Listed, Resource
from e2i.kube.e2i_kinds import (
    BENTO_DEPLOYMENTS,
    BENTO_REQUESTS,
    BENTOES,
    BUDGETS,
    DEPLOYMENTS,
    E2I_MODELS,
    PODS,
    SERVICES,
    YATAI_KINDS,
)
from e2i.kube.versions import later

RELIST = 3600.0
"""Seconds between two lists. The watches report everything; a list corrects what a bug would lose."""
LONGEST_SILENCE = 900.0
"""Seconds without a sign of life after which a watch hangs: a bookmark or the end of its stream comes much sooner."""

logger = logging.getLogger("e2i")


@dataclass(frozen=True)
class Source:
    """A kind, and the label selector of its objects that concern the operator."""

    resource: Resource
    labels: str = ""
    cached_as: str = ""
    """The kind in the cache, if it is another one."""
    namespace: str | None = None
    """The only namespace that is looked at; None for the whole cluster."""

    @property
    def kind(self) -> str:
        return self.cached_as or self.resource.kind

    @property
    def title(self) -> str:
        """How tasks and messages name it: Pod, or Pod in models"""
        return f"{self.kind} in {self.namespace}" if self.namespace else self.kind


_OURS = naming.label_selector({naming.MANAGED_BY_LABEL: naming.FIELD_MANAGER})
SOURCES = (
    # A Bento or deployment of somebody else may have the name of a child, so all are read.
    Source(BENTO_REQUESTS),
    Source(BENTO_DEPLOYMENTS),
    # Those that the image builder makes have no labels.
    Source(BENTOES, _OURS),
    # yatai-deployment copies our labels to what it creates; the Service of a release has them too.
    Source(DEPLOYMENTS, naming.MODEL_LABEL),
    Source(SERVICES, _OURS),
    Source(BUDGETS, _OURS),
    # After the BentoRequests: a pod that builds an image names its request and not its model.
    Source(PODS, naming.MODEL_LABEL),
    Source(PODS, naming.BUILD_LABEL, BUILD_PODS),
    # Last, so that no model is reconciled before its children are known.
    Source(E2I_MODELS),
)


def sources(namespaces: Sequence[str]) -> tuple[Source, ...]:
    """Return the sources of these namespaces, in the order of `SOURCES`; of the whole cluster if there are none."""
    return tuple(
        replace(source, namespace=namespace) for source in SOURCES for namespace in namespaces or (None,)
    )


class Informer:
    """Follows one source. Every object that is new wakes the model that it concerns."""

    def __init__(
        self, source: Source, kube: Kube, cache: Cache, own_writes: OwnWrites, wake: Callable[[Key], None]
    ) -> None:
        self.source = source
        self.problem = ""
        """Why the kind cannot be listed or watched now; empty if it can, or if it is not served."""
        self.alive_at: float | None = None
        """When the API server last answered or could not be asked, by the clock of the event loop."""
        self._kube = kube
        self._cache = cache
        self._own_writes = own_writes
        self._wake = wake
        self._version = ""
        """Version of the last list."""
        self._newest = ""
        """Newest version that a list or a watch has reported."""

    async def read(self) -> Listed[Seen | None] | None:
        """Return a full list, None if it is of a kind of Yatai that is not served; ApiError if there is none."""
        source = self.source
        try:
            parse = partial(self._cache.see, source.kind)
            found, version = await self._kube.list_parsed(
                source.resource, parse, namespace=source.namespace, labels=source.labels
            )
        except ApiError as error:
            if not self._is_not_served(error):
                raise
            return None
        return Listed(tuple(found), version)

    def take_list(self, listed: Listed[Seen | None] | None) -> None:
        """Bring the cache up to date by a list; none: the kind is noted as not served."""
        if listed is None:
            self._note_served(False)
        else:
            self._take_list(listed.values, listed.version)

    async def run(self) -> None:
        """Follow the kind without end. Begins after the last list, or with one."""
        self._note_alive()
        source = self.source
        news = self._kube.track(
            source.resource,
            partial(self._cache.see, source.kind),
            namespace=source.namespace,
            labels=source.labels,
            since=self._version,
            relist=RELIST,
        )
        async for each in news:
            self._note_alive()
            match each:
                case Listed(values=found, version=version):
                    self._take_list(found, version)
                case Changed(type=change, value=seen):
                    self.take(change, seen)
                case Failed(error=error):
                    self._note_error(error)

    def signs(self) -> Iterator[Sign]:
        """Return the age of the last sign of life, once the kind is followed."""
        if self.alive_at is not None:
            age = asyncio.get_running_loop().time() - self.alive_at
            yield Sign(f"the watch of {self.source.title}", age, LONGEST_SILENCE)

    def take(self, change: str, seen: Seen | None) -> None:
        """Update the cache with a change, and wake the model that it concerns."""
        if seen is None:
            return
        self._newest = later(self._newest, seen.version)
        self._own_writes.take(self.source.kind, seen.key, partial(self._take, change, seen))

    def _take(self, change: str, seen: Seen) -> None:
        kind, cache = self.source.kind, self._cache
        if change == "DELETED":
            concerned = cache.remove(kind, seen.key, seen.value.uid)
        else:
            concerned = cache.take(kind, seen) or cache.overtaken(kind, seen)
        if concerned:
            self._wake(concerned)

    def _take_list(self, found: Iterable[Seen | None], version: str) -> None:
        # The API server lists its newest version: an older one than before is that of a backup.
        began_again = later(self._newest, version) != version
        kind, namespace = self.source.kind, self.source.namespace
        if began_again:
            logger.warning("%s: the cluster went back to an earlier state", self.source.resource.plural)
        self._version = self._newest = version
        self._own_writes.forget(kind, namespace)
        self.problem = ""
        concerned = self._cache.replace(kind, found, version, namespace=namespace, began_again=began_again)
        for key in concerned:
            self._wake(key)
        self._note_served(True)

    def _note_error(self, error: ApiError) -> None:
        if self._is_not_served(error):
            self._note_served(False)
            self.problem = ""
            return
        where = f" in {self.source.namespace}" if self.source.namespace else ""
        kind = f"{self.source.resource.plural}{where}"
        told = list_refusal(error.status, str(error))
        problem = f"{kind} cannot be watched: {told}"
        if problem != self.problem:
            self.problem = problem
            logger.warning("%s cannot be watched: %s; it is tried again", kind, told)

    def _note_alive(self) -> None:
        self.alive_at = asyncio.get_running_loop().time()

    def _is_not_served(self, error: ApiError) -> bool:
        return error.status == 404 and self.source.resource in YATAI_KINDS

    def _note_served(self, served: bool) -> None:
        """Note whether the API server has the kind; if that is new, every model is looked at again."""
        kind = frozenset((self.source.resource.kind,))
        missing = self._cache.missing_kinds
        self._cache.missing_kinds = missing - kind if served else missing | kind
        if self._cache.missing_kinds != missing:
            for model in self._cache.models():
                self._wake(model.key)
