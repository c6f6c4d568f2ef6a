"""The steps of `e2i demo`, each of which says what it does and ends when it is done, or with a ClusterFault."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp

from e2i.kube import Change, Kube, Object, Resource, Snapshot
from e2i.local import demo_progress
from e2i.local.demo_traffic import Tally, new_session, predict, trickle
from e2i.local.errors import ClusterFault
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome

Say = Callable[[str], None]

MODELS = Resource("serving.e2i.dev", "v1alpha1", "e2imodels", "E2IModel")
SERVICES = Resource("", "v1", "services", "Service")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")

NAMESPACE, NAME = "models", "churn"
BENTO = "churn_model"
FIRST, SECOND, WRONG = "1.0.0", "2.0.0", "3.0.0"
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


def build_bentos(project: Path, store: str, say: Say) -> None:
    """Train and build the versions of the churn model, unless the store has them."""
    for version in (FIRST, SECOND, WRONG):
        arguments = ["bentos/build.py", "churn", "--version", version, "--store", store]
        # A file and not a pipe for the errors: only one pipe can be read line by line without a dead end.
        with tempfile.TemporaryFile("w+") as errors:
            command = [sys.executable, *arguments]
            with subprocess.Popen(
                command, cwd=project, stdout=subprocess.PIPE, stderr=errors, text=True
            ) as running:
                for line in running.stdout or ():
                    say(line.rstrip())
            errors.seek(0)
            lines = errors.read().strip().splitlines() or ["it gave no reason"]
        if running.returncode:
            raise ClusterFault(
                f"The bento {BENTO}:{version} was not built: {lines[-1].removeprefix('Error: ').rstrip('.')}. "
                f"See it whole with `{sys.executable} {' '.join(arguments)}` in {project}."
            )


async def bento_store(kube: Kube) -> str:
    """The BentoML home that the operator reads."""
    settings = await kube.get(CONFIG_MAPS, "e2i-system", "e2i-operator")
    if settings is None:
        raise ClusterFault(
            "The cluster has no ConfigMap e2i-operator in namespace e2i-system. Run `e2i local up` again."
        )
    return str(settings["data"]["E2I_BENTO_STORE"])


async def say_what_is_there(kube: Kube, say: Say) -> None:
    """Tell the user what an earlier demo left, and what the next step does to it."""
    model = await kube.get(MODELS, NAMESPACE, NAME)
    if model:
        tag = model["spec"]["bento"]["tag"]
        say(f"E2IModel {NAME} is there from before, with {tag}; the manifest asks for {BENTO}:{FIRST}")


def show_kubectl(home: ClusterHome, say: Say, *arguments: str, directory: Path | None = None) -> None:
    """Run kubectl and show the command as a user would type it, and what it printed."""
    quoted = (f"'{argument}'" if "{" in argument else argument for argument in arguments)
    say(f"$ kubectl {' '.join(quoted)}")
    paths = (str(directory / item) if directory and item == SAMPLE else item for item in arguments)
    for line in kubectl(home, *paths).splitlines():
        say(line)


def show_plugin(plugin: Path, home: ClusterHome, say: Say, *arguments: str) -> None:
    """Run the plugin and show it as a user would call it, and what it printed."""
    say(f"$ kubectl e2i {' '.join(arguments)}")
    command = [str(plugin), *arguments, "--kubeconfig", str(home.kubeconfig)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in (told.stdout + told.stderr).splitlines():
        say(line)


async def follow_until_ready(home: ClusterHome, kube: Kube, say: Say) -> None:
    """Say each change of the model's conditions until it is ready; ClusterFault when it will not be."""
    if stuck := await _follow(home, kube, say):
        raise ClusterFault(_stuck("cannot get ready", stuck, home))


async def follow_until_given_up(home: ClusterHome, kube: Kube, say: Say) -> None:
    """The same until the release is given up; ClusterFault when it gets ready after all."""
    if not await _follow(home, kube, say):
        raise ClusterFault(f"{BENTO}:{WRONG} is wrong and was released all the same: report it.")


async def _follow(home: ClusterHome, kube: Kube, say: Say) -> demo_progress.Condition | None:
    """Until the model is ready, or until the returned condition says that it will not be."""
    shown: dict[str, demo_progress.Condition] = {}
    try:
        async with asyncio.timeout(READY_WITHIN):
            async for model in _states(kube):
                conditions = demo_progress.current_conditions(model)
                for condition in demo_progress.news(shown, conditions):
                    say(str(condition))
                shown = conditions
                stalled = demo_progress.stalled(conditions)
                if stalled or demo_progress.is_ready(conditions):
                    return stalled
    except TimeoutError:
        pass
    late = f"was not ready within {READY_WITHIN:.0f} s"
    raise ClusterFault(_stuck(late, shown.get("Ready"), home))


async def _states(kube: Kube) -> AsyncIterator[Object]:
    async for event in kube.watch(MODELS, NAMESPACE, fields=f"metadata.name={NAME}"):
        match event:
            case Snapshot(objects=objects):
                for model in objects:
                    yield model
            case Change(type="DELETED"):
                raise ClusterFault(f"Somebody deleted E2IModel {NAME}. Run the demo again.")
            case Change(object=model):
                yield model


def _stuck(what: str, condition: demo_progress.Condition | None, home: ClusterHome) -> str:
    why = f"{condition.reason}: {condition.message}" if condition else "the operator said nothing about it"
    return (
        f"E2IModel {NAME} {what}: {why.rstrip('.')}. "
        f"Look at `e2i local logs operator --name {home.name}`; the components' logs are in {home.logs}."
    )


async def address(kube: Kube) -> str:
    """The model's stable address as this machine reaches it."""
    service = await kube.get(SERVICES, NAMESPACE, NAME)
    if service is None:
        raise ClusterFault(f"E2IModel {NAME} is ready but has no Service {NAME}. Run the demo again.")
    return f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"


async def show_prediction(url: str, say: Say) -> None:
    """Ask the model about one customer and show the request and the answer."""
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
                    raise ClusterFault(
                        f"{url} did not answer within {ANSWER_WITHIN:.0f} s ({error}). "
                        "Look at `e2i local status` and `e2i local logs node`."
                    ) from error
            await asyncio.sleep(0.2)


async def move_under_traffic(home: ClusterHome, kube: Kube, url: str, say: Say) -> Tally:
    """Apply the second version while requests go on; returns their count once only that version answers."""

    async def move(tally: Tally) -> None:
        await _ask_for(SECOND, home, say)
        await follow_until_ready(home, kube, say)
        await _wait_until_moved(url, tally)
        await asyncio.sleep(STEADY)

    return await _under_traffic(url, say, move)


async def refuse_under_traffic(home: ClusterHome, kube: Kube, url: str, say: Say) -> Tally:
    """Apply the wrong version while requests go on; returns their count once it was given up."""

    async def refuse(_: Tally) -> None:
        await _ask_for(WRONG, home, say)
        await follow_until_given_up(home, kube, say)
        await asyncio.sleep(STEADY)

    return await _under_traffic(url, say, refuse)


async def go_back(home: ClusterHome, kube: Kube, say: Say) -> None:
    """Ask for the second version again, which still serves."""
    await _ask_for(SECOND, home, say)
    await follow_until_ready(home, kube, say)


async def _under_traffic(url: str, say: Say, work: Callable[[Tally], Awaitable[None]]) -> Tally:
    tally, enough = Tally(), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(trickle(url, BODY, tally, say, enough))
            await work(tally)
            enough.set()
    except ExceptionGroup as faults:
        # The first to give up cancelled the others.
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
            raise ClusterFault(
                f"{url} is still answered by {tally.last or 'nobody'} {MOVED_WITHIN:.0f} s after version "
                f"{SECOND} was ready. Look at `e2i local logs node`."
            )
        await asyncio.sleep(0.05)
