"""Apply an E2IModel and follow it until its release serves or fails. Writes only by server-side apply."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from e2i.deploying.errors import ClusterRefused, ManagedElsewhere, Verdict, from_api
from e2i.deploying.verdict import Serving, State, Waiting, is_given_up, state_of
from e2i.inspection.gitops import managing_tool
from e2i.kube import ApiError, Change, Kube, Object, Snapshot
from e2i.kube.e2i_kinds import E2I_MODELS

T = TypeVar("T")

FIELD_MANAGER = "e2i-deployer"
SETTLE_SECONDS = 20.0
"""Seconds to wait before an old failure counts, if the apply changed nothing. The operator may try again by then, for
instance because a missing bento has been built."""
RETRY_SECONDS = 2.0
"""Seconds for the operator to begin the retry of a failed release, if one was requested."""
REMIND_SECONDS = 20.0
"""Seconds without a change after which `remind` is called."""
BUSY_TRIES = 5
BUSY_WAIT = 5.0


@dataclass(frozen=True)
class Applied:
    """The applied E2IModel, and whether the apply changed its spec."""

    model: Object
    is_new: bool


async def apply(kube: Kube, manifest: Object, *, dry_run: bool = False) -> Applied:
    """Apply the manifest as field manager `e2i-deployer`; DeploymentError if that fails or is not allowed.

    With force: a deployment also replaces fields that somebody else set, for instance by an undo or an edit.
    """
    metadata = manifest["metadata"]
    query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
    if dry_run:
        query["dryRun"] = "All"
    path = E2I_MODELS.path(metadata["namespace"], metadata["name"])
    try:
        live = await _retry_while_busy(lambda: kube.get(E2I_MODELS, metadata["namespace"], metadata["name"]))
        if live is not None and (kept := managing_tool(live)):
            raise ManagedElsewhere(
                f"E2IModel {metadata['namespace']}/{metadata['name']} is managed by {kept}, which would undo this: "
                f"commit the manifest to its repository (e2i manifest writes it)."
            )
        model = await _retry_while_busy(
            lambda: kube.request(
                "PATCH", path, body=manifest, query=query, content_type="application/apply-patch+yaml"
            )
        )
    except ApiError as error:
        raise from_api(error) from error
    generation = model["metadata"]["generation"]
    return Applied(model, live is None or live["metadata"]["generation"] != generation)


async def _retry_while_busy(ask: Callable[[], Awaitable[T]]) -> T:
    """Call `ask` again while the API server answers 429, after the delay that it asks for."""
    for _ in range(BUSY_TRIES - 1):
        try:
            return await ask()
        except ApiError as error:
            if error.status != 429:
                raise
            await asyncio.sleep(min(error.retry_after or 1.0, BUSY_WAIT))
    return await ask()


async def follow(
    kube: Kube,
    applied: Applied,
    tell: Callable[[Waiting], None],
    remind: Callable[[Waiting], None] = lambda _: None,
) -> Serving | Verdict:
    """Wait until the release serves or fails; ClusterRefused if the E2IModel is deleted in the meantime.

    `tell` is called with each state, `remind` with the last state after every 20 s without a change.
    """
    metadata = applied.model["metadata"]
    async with _changes(kube, metadata["namespace"], metadata["name"]) as changes:
        model: Object | None = applied.model
        while True:
            state = _checked_state(model, metadata)
            if isinstance(state, Serving):
                return state
            if isinstance(state, Waiting):
                tell(state)
                model = await _next_change(changes, partial(remind, state))
            elif applied.is_new:
                return state
            else:
                try:
                    async with asyncio.timeout(
                        RETRY_SECONDS if model and is_given_up(model) else SETTLE_SECONDS
                    ):
                        model = await changes.get()
                except TimeoutError:
                    return state


async def _next_change(changes: asyncio.Queue[Object | None], remind: Callable[[], None]) -> Object | None:
    while True:
        try:
            async with asyncio.timeout(REMIND_SECONDS):
                return await changes.get()
        except TimeoutError:
            remind()


def _checked_state(model: Object | None, applied: Object) -> State:
    if model is None or model["metadata"]["uid"] != applied["uid"]:
        raise ClusterRefused(
            f"Somebody deleted E2IModel {applied['namespace']}/{applied['name']} in the meantime. Deploy it again.",
            "Deleted",
        )
    return state_of(model)


@contextlib.asynccontextmanager
async def _changes(kube: Kube, namespace: str, name: str) -> AsyncIterator[asyncio.Queue[Object | None]]:
    """Watch the E2IModel during the block: the queue gets each change, and None after a deletion."""
    changes: asyncio.Queue[Object | None] = asyncio.Queue()
    task = asyncio.create_task(_watch(kube, namespace, name, changes))
    try:
        yield changes
    finally:
        # A cancel can get lost while a connection is being opened, so it is repeated.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=1)


async def _watch(kube: Kube, namespace: str, name: str, changes: asyncio.Queue[Object | None]) -> None:
    async for event in kube.watch(E2I_MODELS, namespace, fields=f"metadata.name={name}"):
        match event:
            case Snapshot(objects=objects):
                changes.put_nowait(objects[0] if objects else None)
            case Change(type="DELETED"):
                changes.put_nowait(None)
            case Change(object=model):
                changes.put_nowait(model)
