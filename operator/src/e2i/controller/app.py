"""The lifecycle of the operator: it starts, follows the cluster, runs passes in its workers, and stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from e2i.controller.core.health import Sign
from e2i.controller.core.metrics.operator_series import Picture
from e2i.controller.edge import log_context
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.event_queue import POSTERS
from e2i.controller.edge.first_lists import list_all
from e2i.controller.edge.informer import Informer, sources
from e2i.controller.edge.scrape import picture
from e2i.controller.edge.supervisor import Supervisor
from e2i.controller.edge.work_queue import Key, Queue
from e2i.controller.reconcile import Outcome, Pass, reconcile
from e2i.kube import ApiError

logger = logging.getLogger("e2i")

LONGEST_PASS = 600.0
"""Seconds. A pass that takes longer hangs: each of its requests has a timeout of its own."""


class Operator:
    """One operator. `run_next_pass` is one step of a worker, so a test can run without workers."""

    def __init__(
        self,
        clients: Clients,
        queue: Queue,
        supervisor: Supervisor,
        *,
        workers: int,
        namespaces: Sequence[str] = (),
        check_bucket: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._clients = clients
        self._queue = queue
        self._supervisor = supervisor
        self._workers = workers
        self._check_bucket = check_bucket
        self.informers = tuple(
            Informer(source, clients.kube, clients.cache, clients.own_writes, queue.add)
            for source in sources(namespaces)
        )
        self._begun: dict[Key, float] = {}
        """When the pass that is running for a key began."""
        self._uids: dict[Key, str] = {}
        """Uid of the model that the background jobs of a key work for."""

    async def start(self) -> None:
        """Read all that it watches, then start the workers; ApiError if the cluster cannot be read."""
        await self.resync()
        for informer in self.informers:
            self._supervisor.start(f"watch {informer.source.title}", informer.run())
        self._supervisor.start("bucket check", self._check_bucket(), endless=False)
        for number in range(self._workers):
            self._supervisor.start(f"worker {number}", self._work())
        for notifier in self._clients.notifiers:
            self._supervisor.start(notifier.setting, notifier.run())
        if self._clients.drift_watch:
            self._supervisor.start("drift", self._clients.drift_watch.run())
        if self._clients.golden_probe:
            self._supervisor.start("probe", self._clients.golden_probe.run())
        if self._clients.bucket_refill:
            self._supervisor.start("refill", self._clients.bucket_refill.run())
        for number in range(POSTERS):
            self._supervisor.start(f"events {number}", self._clients.events.run())

    async def stop(self) -> None:
        """Cancel all work and close the connections. The next operator continues from what is persisted."""
        await self._supervisor.stop()
        await self._clients.close()

    def health(self) -> dict[str, object]:
        """Return what the liveness endpoint shows: models in the cache and in the queue, exports that hang."""
        return {
            "models": sum(1 for _ in self._clients.cache.models()),
            "waiting": len(self._queue),
            "hungExports": self._clients.export_jobs.hung,
        }

    def picture(self) -> Picture:
        """Return what the metrics show of the present."""
        return picture(self._clients, self.informers, len(self._queue), self._begun.values())

    def signs(self) -> Iterator[Sign]:
        """Return the signs of life of watches and queues, and the age of each pass that is running."""
        for informer in self.informers:
            yield from informer.signs()
        yield from self._clients.export_jobs.signs()
        yield from self._clients.release_store_jobs.signs()
        now = asyncio.get_running_loop().time()
        for key, begun in self._begun.items():
            yield Sign(f"the pass of {'/'.join(key)}", now - begun, LONGEST_PASS)

    def problems(self) -> list[str]:
        """Return why kinds cannot be watched now, and which operators have models of this one."""
        return [*filter(None, (each.problem for each in self.informers)), *self._clients.claims.problems()]

    async def resync(self) -> None:
        """List all kinds, update the cache, and queue every model for which the cache was wrong."""
        await list_all(self.informers)

    async def run_next_pass(self) -> None:
        """Wait for the next key of the queue and run one pass for it; only cancellation raises."""
        key = await self._queue.get()
        self._begun[key] = begun = asyncio.get_running_loop().time()
        log_context.begin_pass(key)
        result = "error"
        try:
            ended = await self.run_pass(key)
            result = ended.result
            self._schedule(key, ended)
        except ApiError as error:
            logger.warning("%s/%s: %s; it is tried again", *key, error)
            self._queue.failed(key)
        except Exception:
            # A bug must not end the worker, and must not be repeated without a pause.
            logger.exception("%s/%s: the pass failed", *key)
            self._queue.failed(key)
        finally:
            del self._begun[key]
            self._clients.measures.pass_ended(result, asyncio.get_running_loop().time() - begun)
            self._queue.done(key)

    async def run_pass(self, key: Key) -> Pass:
        """Run one pass for the model."""
        self._cancel_outdated_jobs(key)
        return await reconcile(key, self._clients)

    async def _work(self) -> None:
        while True:
            await self.run_next_pass()
            # A pass over a model at rest waits for nothing: thousands of them in a row would hold up everything else.
            await asyncio.sleep(0)

    def _cancel_outdated_jobs(self, key: Key) -> None:
        """Cancel the background jobs of a model that is gone, also if a new one has its name now.

        The uid decides, so neither a late DELETED event nor a deletion that only a list found matters.
        """
        model = self._clients.cache.model(key)
        known = self._uids.get(key)
        if known and (model is None or model.uid != known):
            self._clients.cancel_jobs(key)
            del self._uids[key]
        if model is not None:
            self._uids[key] = model.uid

    def _schedule(self, key: Key, ended: Pass) -> None:
        """Put the key back into the queue as the outcome of its pass requires."""
        match ended.outcome:
            case Outcome.GONE:
                self._queue.forget(key)
            case Outcome.CHANGED:
                self._queue.changed(key)
            case Outcome.FAILED:
                self._queue.failed(key)
            case Outcome.SETTLED:
                self._queue.settled(key)
        if ended.look_again is not None:
            self._queue.add_after(key, ended.look_again)
