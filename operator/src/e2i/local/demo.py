"""The steps of `e2i demo`: each prints its progress and returns when it is done; ClusterError if it fails."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp

from e2i.kube import Change, Kube, Object, Resource, Snapshot
from e2i.local import demo_progress
from e2i.local.demo_bentos import BENTO, FIRST, SECOND, WRONG
from e2i.local.demo_traffic import Tally, new_session, predict, trickle
from e2i.local.errors import ClusterError
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome

Say = Callable[[str], None]

MODELS = Resource("serving.e2i.dev", "v1alpha1", "e2imodels", "E2IModel")
SERVICES = Resource("", "v1", "services", "Service")

NAMESPACE, NAME = "models", "churn"
SAMPLE = "manifests/samples/churn.yaml"
CUSTOMER: Object = {
    "tenure_months": 3,
    "monthly_charge": 95.0,
    "support_calls": 8,
    "contract": "two_year",
    "autopay": False,
}
BODY: Object = {"input_data": CUSTOMER}

READY_WITHIN = 600.0
"""Seconds for one version; long, because a slow network may have to bring the model's packages."""
ANSWER_WITHIN = 15.0
MOVED_WITHIN = 30.0
STEADY = 3.0
"""Seconds during which all answers must come from the new version before the trickle ends."""


async def say_existing_model(kube: Kube, say: Say) -> None:
    """Print which model an earlier demo left, and what the next step changes."""
    model = await kube.get(MODELS, NAMESPACE, NAME)
    if model:
        tag = model["spec"]["bento"]["tag"]
        say(f"E2IModel {NAME} exists from an earlier demo with {tag}; the manifest asks for {BENTO}:{FIRST}")


def show_kubectl(home: ClusterHome, say: Say, *arguments: str, directory: Path | None = None) -> None:
    """Run kubectl; show the command as a user would type it, and its output."""
    say(f"$ kubectl {shlex.join(arguments)}")
    paths = (str(directory / item) if directory and item == SAMPLE else item for item in arguments)
    for line in kubectl(home, *paths).splitlines():
        say(line)


def show_plugin(plugin: Path, home: ClusterHome, say: Say, *arguments: str) -> None:
    """Run the plugin; show the command as a user would type it, and its output."""
    say(f"$ kubectl e2i {shlex.join(arguments)}")
    command = [str(plugin), *arguments, "--kubeconfig", str(home.kubeconfig)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in (ended.stdout + ended.stderr).splitlines():
        say(line)


class ModelFollower:
    """Follows the demo's model and prints each change of its conditions once."""

    def __init__(self, home: ClusterHome, kube: Kube, say: Say) -> None:
        self._home = home
        self._kube = kube
        self._say = say
        self._shown: dict[str, demo_progress.Condition] = {}

    async def until_ready(self) -> None:
        """Follow the model until it is ready; ClusterError if it is stalled or takes too long."""
        if stalled := await self._follow():
            raise ClusterError(_stuck("cannot get ready", stalled, self._home))

    async def until_refused(self) -> None:
        """Follow the model until its release is refused; ClusterError if it becomes ready."""
        if not await self._follow():
            raise ClusterError(f"{BENTO}:{WRONG} is wrong, but it was released. Report it.")

    async def _follow(self) -> demo_progress.Condition | None:
        """Return None once the model is ready, or the condition Stalled."""
        try:
            async with asyncio.timeout(READY_WITHIN):
                async for model in _states(self._kube):
                    conditions = demo_progress.current_conditions(model)
                    for condition in demo_progress.news(self._shown, conditions):
                        self._say(str(condition))
                    self._shown |= conditions
                    stalled = demo_progress.stalled(conditions)
                    if stalled or demo_progress.is_ready(conditions):
                        return stalled
        except TimeoutError:
            pass
        late = f"was not ready within {READY_WITHIN:.0f} s"
        raise ClusterError(_stuck(late, self._shown.get("Ready"), self._home))


async def _states(kube: Kube) -> AsyncIterator[Object]:
    async for event in kube.watch(MODELS, NAMESPACE, fields=f"metadata.name={NAME}"):
        match event:
            case Snapshot(objects=objects):
                for model in objects:
                    yield model
            case Change(type="DELETED"):
                raise ClusterError(f"Somebody deleted E2IModel {NAME}. Run the demo again.")
            case Change(object=model):
                yield model


def _stuck(what: str, condition: demo_progress.Condition | None, home: ClusterHome) -> str:
    why = f"{condition.reason}: {condition.message}" if condition else "the operator has written no condition"
    return (
        f"E2IModel {NAME} {what}: {why.rstrip('.')}. "
        f"Look at `e2i local logs operator --name {home.name}`; the components' logs are in {home.logs}."
    )


async def address(kube: Kube) -> str:
    """Return the URL of the model's stable address on this machine."""
    service = await kube.get(SERVICES, NAMESPACE, NAME)
    if service is None:
        raise ClusterError(f"E2IModel {NAME} is ready but has no Service {NAME}. Run the demo again.")
    return f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"


async def show_prediction(url: str, say: Say) -> None:
    """Ask the model about one customer; show the request and the answer."""
    say(f"$ curl -s {url}/predict -H 'Content-Type: application/json' \\")
    say(f"    -d '{json.dumps(BODY)}'")
    deadline = time.monotonic() + ANSWER_WITHIN
    async with new_session() as session:
        while True:
            try:
                say(json.dumps(await predict(session, url, BODY)))
                return
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"{url} did not answer within {ANSWER_WITHIN:.0f} s ({error}). "
                        "Look at `e2i local status` and `e2i local logs node`."
                    ) from error
            await asyncio.sleep(0.2)


async def move_under_traffic(home: ClusterHome, follower: ModelFollower, url: str, say: Say) -> Tally:
    """Release the second version under traffic; return the tally once only that version answers."""

    async def move(tally: Tally) -> None:
        await _ask_for(SECOND, home, say)
        await follower.until_ready()
        await _wait_until_moved(url, tally)
        await asyncio.sleep(STEADY)

    return await _under_traffic(url, say, move)


async def refuse_under_traffic(home: ClusterHome, follower: ModelFollower, url: str, say: Say) -> Tally:
    """Release the wrong version under traffic; return the tally once it was refused."""

    async def refuse(_: Tally) -> None:
        await _ask_for(WRONG, home, say)
        await follower.until_refused()
        await asyncio.sleep(STEADY)

    return await _under_traffic(url, say, refuse)


async def go_back(home: ClusterHome, follower: ModelFollower, say: Say) -> None:
    """Ask for the second version again, which still serves."""
    await _ask_for(SECOND, home, say)
    await follower.until_ready()


async def _under_traffic(url: str, say: Say, work: Callable[[Tally], Awaitable[None]]) -> Tally:
    tally, enough = Tally(), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(trickle(url, BODY, tally, say, enough))
            await work(tally)
            enough.set()
    except ExceptionGroup as faults:
        # The first error cancelled the other tasks.
        raise faults.exceptions[0] from None
    return tally


async def _ask_for(version: str, home: ClusterHome, say: Say) -> None:
    patch = json.dumps({"spec": {"bento": {"tag": f"{BENTO}:{version}"}}})
    command = ("patch", "e2im", NAME, "-n", NAMESPACE, "--type=merge", "-p", patch)
    # In a thread, so that the requests go on meanwhile.
    await asyncio.to_thread(show_kubectl, home, say, *command)


async def _wait_until_moved(url: str, tally: Tally) -> None:
    deadline = time.monotonic() + MOVED_WITHIN
    while tally.last != f"{BENTO}:{SECOND}":
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{url} is still answered by {tally.last or 'nobody'} {MOVED_WITHIN:.0f} s after version "
                f"{SECOND} was ready. Look at `e2i local logs node`."
            )
        await asyncio.sleep(0.05)
