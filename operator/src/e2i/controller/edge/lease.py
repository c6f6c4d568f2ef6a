"""Holds the Lease that makes one of several operators the active one.

It has a connection of its own, so that a renewal waits for no other request. `check` is the fence: each write asks it
just before it is sent, because a process that was stopped for a while does not know that another one is active.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from e2i import clock
from e2i.api import naming
from e2i.controller.core.evidence.refusals import IF_OTHERS_ARE_ANSWERED, write_refusal
from e2i.controller.core.lease import Sighting, Terms, is_free, parse_claim, sight
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import LEASES

logger = logging.getLogger("e2i")


class LeaseLostError(Exception):
    """Another operator has the Lease."""


def seconds() -> float:
    """Return the seconds of a clock that nobody sets, and that runs on while the process or the machine is stopped."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """The Lease of one operator. Only `check` and `is_held` may be called outside of the event loop."""

    def __init__(self, kube: Kube, namespace: str, name: str, instance: str, terms: Terms) -> None:
        """`instance`: the uid of the pod; empty if processes with the same one could run at the same time."""
        self.identity = f"{instance or secrets.token_hex(8)}_{secrets.token_hex(4)}"
        self.stands_by = False
        """Whether another operator was active at the last look."""
        self.tried = seconds()
        """When the API server was last asked about the Lease."""
        self._kube = kube
        self.namespace = namespace
        self._name = name
        self._terms = terms
        self._body: Object | None = None
        """The Lease as this operator wrote it last; None if it does not hold it."""
        self._renewed = float("-inf")
        """When the last successful renewal began."""
        self._logged = ""
        self.problem = ""
        """What kept the last look or renewal from succeeding; empty if it succeeded."""

    @property
    def place(self) -> str:
        """Namespace and name: e2i-system/e2i-operator"""
        return f"{self.namespace}/{self._name}"

    @property
    def is_held(self) -> bool:
        """Whether this operator may write now."""
        return seconds() - self._renewed < self._terms.write_within

    def check(self) -> None:
        """Raise ApiError unless this operator may write now."""
        if not self.is_held:
            raise ApiError(
                0, "NotActive", "this operator does not write, because its Lease was not renewed in time"
            )

    async def acquire(self) -> None:
        """Wait until this operator holds the Lease."""
        sighting: Sighting | None = None
        while True:
            self.tried = seconds()
            try:
                found = await self._look()
                self.problem = ""
                sighting = sight(sighting, found, seconds())
                if is_free(sighting, self.identity, self._terms, seconds()):
                    await self._write(self._claimed(found))
                    self.stands_by = False
                    logger.info("this operator is active: it holds the Lease %s", self.place)
                    return
                self.stands_by = sighting is not None
                if sighting:
                    self._log(logging.INFO, "this operator is a standby: %s is active", sighting.claim.holder)
            except ApiError as error:
                self.problem = self._explained(error)
                self._log(
                    logging.WARNING,
                    "the Lease %s cannot be had, it is tried again: %s",
                    self.place,
                    self.problem,
                )
            await asyncio.sleep(self._terms.period)

    async def hold(self, renewed: Callable[[Mapping[str, str]], None]) -> None:
        """Renew the Lease for ever; LeaseLostError if another operator has it. `renewed` gets its annotations.

        An API server that does not answer is asked again and again. Meanwhile `check` stops all writes.
        """
        while True:
            await asyncio.sleep(self._terms.period)
            self.tried = seconds()
            try:
                await self._renew()
                self._logged = self.problem = ""
                renewed(self._annotations())
            except ApiError as error:
                self.problem = self._explained(error)
                self._log(
                    logging.WARNING,
                    "the Lease %s was not renewed, it is tried again: %s",
                    self.place,
                    self.problem,
                )

    async def release(self) -> None:
        """Let another operator take the Lease at once. Nothing of this operator may write after that."""
        body, self._body, self._renewed = self._body, None, float("-inf")
        if body is None:
            return
        spec = body["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
        try:
            async with self._bounded():
                await self._kube.replace(LEASES, body | {"spec": spec}, manager=naming.FIELD_MANAGER)
        except ApiError as error:
            logger.info("the Lease was not released, it ends by itself: %s", error)

    async def close(self) -> None:
        """Close the connection."""
        await self._kube.close()

    async def _renew(self) -> None:
        try:
            await self._write(self._body or self._claimed(None))
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            # It may be in conflict with a write of our own, whose answer was lost.
            found = await self._look()
            holder = parse_claim(found).holder if found else self.identity
            if holder != self.identity:
                raise LeaseLostError(f"the Lease is held by {holder or 'nobody'}") from error
            await self._write(found or self._claimed(None))

    def _annotations(self) -> Mapping[str, str]:
        found = (self._body or {}).get("metadata", {}).get("annotations")
        return found if isinstance(found, dict) else {}

    async def _look(self) -> Object | None:
        async with self._bounded():
            return await self._kube.get(LEASES, self.namespace, self._name)

    async def _write(self, body: Object) -> None:
        """Create or replace the Lease; ApiError 409 if another operator was faster."""
        begun = seconds()
        body = body | {"spec": body["spec"] | {"renewTime": _now()}}
        async with self._bounded():
            if "resourceVersion" in body["metadata"]:
                written = await self._kube.replace(LEASES, body, manager=naming.FIELD_MANAGER)
            else:
                written = await self._kube.create(LEASES, self.namespace, body, manager=naming.FIELD_MANAGER)
        if parse_claim(written).holder != self.identity or not isinstance(written.get("metadata"), dict):
            raise ApiError(
                0, "InvalidResponse", "the API server answered with another Lease than was written"
            )
        self._body, self._renewed = written, begun

    def _claimed(self, found: Object | None) -> Object:
        """Return the Lease as it is once this operator has taken it."""
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": found["metadata"] if found else {"name": self._name, "namespace": self.namespace},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": round(self._terms.duration),
                "acquireTime": _now(),
                "leaseTransitions": parse_claim(found).transitions + 1 if found else 0,
            },
        }

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """Give a request half of the time in which it is of use, so that a second one can follow."""
        try:
            async with asyncio.timeout(self._terms.write_within / 2):
                yield
        except TimeoutError as error:
            raise ApiError(
                0, "Timeout", f"the API server did not answer in time. {IF_OTHERS_ARE_ANSWERED}"
            ) from error

    def _explained(self, error: ApiError) -> str:
        """Return the error, with what to do about one that a person has to remove."""
        words = str(error).rstrip(".")
        if error.status == 404:
            return f"{words}. Create the namespace {self.namespace}"
        if error.status == 401:
            # Its token was revoked, or its service account deleted; a container that starts again keeps its token.
            step = f"kubectl rollout restart deployment -l app.kubernetes.io/name=e2i-operator -n {self.namespace}"
            return f"{words}. The token of the operator's service account is not accepted: {step}"
        if "database space exceeded" in error.message:
            return f"{words}. etcd is full: make room in it, and clear its alarm"
        known = write_refusal(error.message)
        return f"{words}. {known[1]}" if known else words

    def _log(self, level: int, line: str, *values: object) -> None:
        """Log the line unless it was the last one."""
        if line % values != self._logged:
            self._logged = line % values
            logger.log(level, line, *values)


def _now() -> str:
    """Return the time for people who read the Lease; no operator compares it with its clock."""
    return clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
