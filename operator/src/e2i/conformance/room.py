"""The suite's own namespace with its model: what is done there, and what is to be seen."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from e2i.api import conditions
from e2i.conformance.errors import CheckFailed
from e2i.conformance.subject import NAME
from e2i.inspection.document import condition, is_current
from e2i.inspection.outcome import outcome
from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import E2I_MODELS, SECRETS

T = TypeVar("T")
Say = Callable[[str], None]

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
MANAGER = "e2i-conformance"
EVERY = 0.5
GONE_WITHIN = 300.0


class Room:
    """The namespace. `patience`: seconds for each thing that is waited for."""

    def __init__(self, kube: Kube, namespace: str, patience: float, say: Say) -> None:
        self.kube = kube
        self.namespace = namespace
        self.patience = patience
        self.say = say

    async def apply(self, manifest: Mapping[str, Any]) -> None:
        """Apply the model's manifest."""
        await self.kube.apply(E2I_MODELS, dict(manifest), manager=MANAGER, force=True)

    async def model(self) -> Object:
        """Return the model; CheckFailed if it is gone."""
        found = await self.kube.get(E2I_MODELS, self.namespace, NAME)
        if found is None:
            raise CheckFailed(f"somebody deleted E2IModel {self.namespace}/{NAME}")
        return found

    async def settled(self, while_waiting: Callable[[], Awaitable[None]] | None = None) -> Object:
        """Wait until the model is Ready or a person has to act, and return it; CheckFailed if it takes too long."""
        told = ""

        async def look() -> Object | None:
            nonlocal told
            model = await self.model()
            reason = condition(model, conditions.READY).get("reason", "") if is_current(model) else told
            if reason != told:
                told = reason
                self.say(f"   {reason}: {condition(model, conditions.READY).get('message', '')}")
            if while_waiting:
                await while_waiting()
            return None if outcome(model) is None else model

        found: Object = await self.until(look, self.patience, "the model is neither Ready nor given up")
        return found

    async def ready(self) -> Object:
        """Wait until the model is Ready; CheckFailed with the operator's words if it cannot become so."""
        model = await self.settled()
        if not outcome(model):
            said = condition(model, conditions.READY)
            raise CheckFailed(f"{said.get('reason')}: {said.get('message')}")
        return model

    async def endpoints(self) -> frozenset[str]:
        """Return the names of the pods that the model's address leads to now."""
        found, _ = await self.kube.list(
            ENDPOINT_SLICES, self.namespace, labels=f"kubernetes.io/service-name={NAME}"
        )
        return frozenset(
            each["targetRef"]["name"]
            for piece in found
            for each in piece.get("endpoints") or ()
            if "targetRef" in each and each.get("conditions", {}).get("ready", True)
        )

    async def until(self, look: Callable[[], Awaitable[T | None]], within: float, what: str) -> T:
        """Ask until there is an answer; CheckFailed(`what`) after so many seconds. A busy API server is asked again."""
        deadline = time.monotonic() + within
        while True:
            with contextlib.suppress(Busy):
                async with _patient():
                    if found := await look():
                        return found
            if time.monotonic() > deadline:
                raise CheckFailed(f"{what} after {within:.0f} s")
            await asyncio.sleep(EVERY)


class Busy(Exception):
    """The API server asked to come again, or did not answer this time."""


@contextlib.asynccontextmanager
async def _patient() -> AsyncIterator[None]:
    try:
        yield
    except ApiError as error:
        if 400 <= error.status < 500 and error.status != 429:
            raise
        raise Busy from error


@contextlib.asynccontextmanager
async def opened(kube: Kube, namespace: str, patience: float, say: Say) -> AsyncIterator[Room]:
    """Make the namespace, and remove it with all that is in it; CheckFailed if somebody has one of this name."""
    try:
        labels = {"app.kubernetes.io/part-of": MANAGER}
        await kube.create(NAMESPACES, None, {"metadata": {"name": namespace, "labels": labels}})
    except ApiError as error:
        if error.status != 409:
            raise
        raise CheckFailed(
            f"the namespace {namespace} exists: the suite removes what is in its namespace, so it takes no other's"
        ) from error
    room = Room(kube, namespace, patience, say)
    try:
        yield room
    finally:
        await _remove(room)


async def _remove(room: Room) -> None:
    room.say(f"removing the namespace {room.namespace}")
    # The model first: its operator has to see it go.
    await room.kube.delete(E2I_MODELS, room.namespace, NAME)
    await room.kube.delete(NAMESPACES, None, room.namespace)

    async def is_gone() -> bool:
        return await room.kube.get(NAMESPACES, None, room.namespace) is None

    try:
        await room.until(is_gone, GONE_WITHIN, "it is still there")
    except CheckFailed as failure:
        room.say(f"{failure.message}: look at `kubectl get namespace {room.namespace} -o yaml`")


async def copy_secret(kube: Kube, name: str, source: str, target: str) -> bool:
    """Copy the Secret that builds download bentos with; return False if the source namespace has none."""
    found = await kube.get(SECRETS, source, name)
    if found is None:
        return False
    body = {"metadata": {"name": name, "namespace": target}, "data": found.get("data") or {}}
    await kube.create(SECRETS, target, body)
    return True
