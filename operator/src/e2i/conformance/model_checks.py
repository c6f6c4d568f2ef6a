"""The life of one model: released, asked, replaced under requests, undone, parked, woken and deleted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from e2i.api import conditions, naming
from e2i.conformance import traffic
from e2i.conformance.errors import CheckFailed
from e2i.conformance.room import Room
from e2i.conformance.subject import BAD, FIRST, NAME, SECOND, Subject, release_in_service
from e2i.conformance.traffic import Tally, load_pod, tally_of
from e2i.inspection.document import condition
from e2i.inspection.outcome import outcome
from e2i.kube import ApiError, Object, Resource
from e2i.kube.e2i_kinds import (
    BENTO_DEPLOYMENTS,
    BENTO_REQUESTS,
    BENTOES,
    BUDGETS,
    DEPLOYMENTS,
    E2I_MODELS,
    PODS,
    SERVICES,
)

AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
LEFT = (BENTO_REQUESTS, BENTOES, BENTO_DEPLOYMENTS, DEPLOYMENTS, AUTOSCALERS, BUDGETS, SERVICES, PODS)
"""What a deleted model may leave nothing of."""
STEADY = 3.0
"""Seconds of requests after a change, before they are counted."""
LOAD_WITHIN = 180.0
GONE_WITHIN = 180.0
LOG_LINES, LOG_BYTES = 5, 10_000
ENOUGH = 10
"""Requests that must have been answered before something is changed under them."""


@dataclass
class Life:
    """The model of one run, and what the checks have learned of it."""

    room: Room
    subject: Subject
    first: str = ""
    """The id of the first release."""
    pods: set[str] = field(default_factory=set)
    """Pods that the address has led to."""

    async def ask_for(self, release: str, replicas: int = 1) -> None:
        """Apply the manifest of one of the three releases."""
        await self.room.apply(self.subject.manifest(self.room.namespace, release, replicas))

    async def note_endpoints(self) -> None:
        """Remember where the address leads to now."""
        self.pods |= await self.room.endpoints()


async def first_release(life: Life) -> str:
    """Release the model."""
    await life.ask_for(FIRST)
    model = await life.room.ready()
    life.first = model["status"]["servingRelease"]
    verified = condition(model, conditions.VERIFIED)
    if verified.get("status") != "True":
        raise CheckFailed(f"it is Ready without an answer: {verified.get('message')}")
    return f"release {life.first} is Ready, and answered {life.subject.path}"


async def answers(life: Life) -> str:
    """Send requests to the stable address, from a pod of the cluster."""
    await _start_load(life)
    return f"{await _flowing(life)} at the stable address"


async def second_release(life: Life) -> str:
    """Replace the release under requests."""
    before = await _tally(life)
    await life.ask_for(SECOND)
    model = await life.room.ready()
    now = model["status"]["servingRelease"]
    if now == life.first:
        raise CheckFailed(f"the changed spec is Ready, and release {life.first} serves as before")
    return f"{life.first} -> {now}: {await _none_lost(life, before)}"


async def bad_release(life: Life) -> str:
    """Ask for a release that answers otherwise than expected: it must not get a request."""
    before, serving = await _tally(life), (await life.room.model())["status"]["servingRelease"]
    life.pods.clear()
    await life.ask_for(BAD)
    model = await life.room.settled(life.note_endpoints)
    status = model["status"]
    if outcome(model):
        raise CheckFailed(
            f"release {status['desiredRelease']} is Ready, although no answer can be as it expects"
        )
    await life.note_endpoints()
    lost = await _none_lost(life, before)
    own = f"{naming.release_name(NAME, status['desiredRelease'])}-"
    if reached := sorted(pod for pod in life.pods if pod.startswith(own)):
        raise CheckFailed(f"the address led to pods of the bad release: {', '.join(reached)}")
    address = release_in_service(await _service(life))
    if {status.get("servingRelease"), address} != {serving}:
        raise CheckFailed(
            f"{status.get('servingRelease')} serves and the address names {address}, not {serving}"
        )
    reason = condition(model, conditions.READY).get("reason")
    return f"{status['desiredRelease']} refused ({reason}), {serving} serves: {lost}"


async def undo(life: Life) -> str:
    """Ask for the first release again: nothing is built."""
    before = await _tally(life)
    requests, _ = await life.room.kube.list(BENTO_REQUESTS, life.room.namespace)
    await life.ask_for(FIRST)
    model = await life.room.ready()
    if (now := model["status"]["servingRelease"]) != life.first:
        raise CheckFailed(f"the first spec again is release {now}, not {life.first}")
    again, _ = await life.room.kube.list(BENTO_REQUESTS, life.room.namespace)
    if {_uid(each) for each in again} != {_uid(each) for each in requests}:
        raise CheckFailed("its bento was exported and built again")
    return f"back at {life.first} without a build: {await _none_lost(life, before)}"


async def parked(life: Life) -> str:
    """Set replicas to 0: no pod is left, and the model is Ready."""
    await _end_load(life)
    await life.ask_for(FIRST, replicas=0)

    async def rests() -> bool:
        pods, _ = await life.room.kube.list(PODS, life.room.namespace, labels=naming.RELEASE_LABEL)
        ready = condition(await life.room.model(), conditions.READY)
        return not pods and (ready.get("status"), ready.get("reason")) == ("True", "Parked")

    await life.room.until(rests, life.room.patience, "it is not parked, or has pods")
    return "Ready with reason Parked, and no pod"


async def woken(life: Life) -> str:
    """Set replicas to 1 again: the same release answers."""
    await life.ask_for(FIRST)

    async def serves() -> bool:
        status = (await life.room.ready()).get("status", {})
        return bool(status.get("readyReplicas")) and status.get("servingRelease") == life.first

    await life.room.until(serves, life.room.patience, f"{life.first} has no ready pod")
    await _start_load(life)
    return f"{life.first} again: {await _flowing(life)}"


async def deleted(life: Life) -> str:
    """Delete the model: nothing of it is left."""
    await _end_load(life)
    await life.room.kube.delete(E2I_MODELS, life.room.namespace, NAME)
    seen: list[str] = []

    async def is_empty() -> bool:
        seen.clear()
        if await life.room.kube.get(E2I_MODELS, life.room.namespace, NAME):
            seen.append(f"E2IModel {NAME}")
        for kind in LEFT:
            found, _ = await life.room.kube.list(kind, life.room.namespace)
            seen.extend(f"{kind.kind} {each['metadata']['name']}" for each in found)
        return not seen

    try:
        await life.room.until(is_empty, GONE_WITHIN, "something is left")
    except CheckFailed as failure:
        raise CheckFailed(f"{failure.message}: {', '.join(seen)}") from failure
    return f"none of {len(LEFT)} kinds is left in its namespace"


async def _start_load(life: Life) -> None:
    pods, _ = await life.room.kube.list(PODS, life.room.namespace, labels=f"{naming.MODEL_LABEL}={NAME}")
    there = await life.room.endpoints()
    running = next((each for each in pods if each["metadata"]["name"] in there), None)
    if running is None:
        raise CheckFailed("the address leads to no pod")
    service = await _service(life)
    container = next(each for each in running["spec"]["containers"] if each["name"] == "main")
    address = f"http://{service['spec']['clusterIP']}:{naming.SERVICE_PORT}"
    pod = load_pod(life.subject, container, running, address)
    await life.room.kube.create(PODS, life.room.namespace, dict(pod))


async def _end_load(life: Life) -> None:
    await life.room.kube.delete(PODS, life.room.namespace, traffic.NAME, grace_seconds=0)

    async def is_gone() -> bool:
        return await life.room.kube.get(PODS, life.room.namespace, traffic.NAME) is None

    await life.room.until(is_gone, GONE_WITHIN, "the pod that sends requests is still there")


async def _flowing(life: Life) -> Tally:
    """Return the tally once enough requests were answered; CheckFailed if one was lost."""

    async def enough() -> Tally | None:
        tally = await _read(life)
        return tally if tally and tally.requests >= ENOUGH else None

    tally = await life.room.until(enough, LOAD_WITHIN, f"fewer than {ENOUGH} requests were sent")
    if tally.failed:
        raise CheckFailed(str(tally))
    return tally


async def _tally(life: Life) -> Tally:
    """Return a tally that is newer than this call."""
    known = await _read(life)
    least = known.requests if known else 0

    async def newer() -> Tally | None:
        tally = await _read(life)
        return tally if tally and tally.requests > least else None

    return await life.room.until(newer, LOAD_WITHIN, "the pod that sends requests says nothing new")


async def _none_lost(life: Life, before: Tally) -> Tally:
    """Return the requests since `before`, with those of some more seconds; CheckFailed if one was lost."""
    await asyncio.sleep(STEADY)
    since = (await _tally(life)).since(before)
    if since.failed:
        raise CheckFailed(str(since))
    return since


async def _read(life: Life) -> Tally | None:
    try:
        log = await life.room.kube.log(
            life.room.namespace, traffic.NAME, traffic.CONTAINER, lines=LOG_LINES, limit=LOG_BYTES
        )
    except ApiError:
        return None  # It has not started yet.
    return tally_of(log)


async def _service(life: Life) -> Object:
    found = await life.room.kube.get(SERVICES, life.room.namespace, NAME)
    if found is None:
        raise CheckFailed(f"the model is Ready and has no Service {NAME}")
    return found


def _uid(item: Object) -> str:
    return str(item["metadata"]["uid"])
