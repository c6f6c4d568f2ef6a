"""Models on the whole local cluster: bentos to release, a namespace of one's own, requests to the address."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from support.built_bentos import build_once, copy_store
from support.cluster import TestCluster
from support.stage import Stage, condition, is_ready, staging

from e2i.kube import Object, Resource
from e2i.kube.e2i_kinds import SERVICES
from e2i.local.demo_traffic import Tally, new_session, predict, trickle

PROJECT = Path(__file__).resolve().parents[2]
MOODY = PROJECT / "tests" / "e2e" / "moody"
FIRST, SECOND = "moody:1.0.0", "moody:2.0.0"
HOPELESS = "hopeless:1.0.0"
"""Its image cannot be built: it asks for a package that nobody has."""
SECRETS = Resource("", "v1", "secrets", "Secret")
DOWNLOAD_SECRET = "e2i-bento-download"
SMALL = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
REACHED_WITHIN = 10.0
PATIENCE = 180.0
"""Seconds; only a bound for a machine under heavy load."""


def build_moody(store: Path) -> None:
    """Build `moody` into the store once; its second version and `hopeless` are copies with another name."""
    if bento_folder(store, FIRST).exists():
        return
    lock = PROJECT / "requirements.lock"

    def build(folder: Path) -> None:
        environment = {
            "BENTOML_HOME": str(folder),
            "BENTOML_DO_NOT_TRACK": "True",
            # The packages of this environment, which uv has in its cache.
            "UV_CONSTRAINT": str(lock),
        }
        command = [Path(sys.executable).with_name("bentoml"), "build", "--version=1.0.0", MOODY]
        built = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
        assert built.returncode == 0, built.stderr

    copy_store(build_once("moody", [MOODY, lock], build), store)
    copy_bento(store, FIRST, SECOND)
    copy_bento(store, FIRST, HOPELESS)
    requirements = bento_folder(store, HOPELESS) / "env" / "python" / "requirements.txt"
    requirements.write_text(requirements.read_text() + "\ne2i-nobody-has-this-package==1.0.0\n")


def copy_bento(store: Path, tag: str, new_tag: str = "") -> str:
    """Put the bento into the store under another tag as well, by default one that is new; the tag."""
    new_tag = new_tag or f"copy:{uuid.uuid4().hex[:8]}"
    folder = bento_folder(store, new_tag)
    shutil.copytree(bento_folder(store, tag), folder)
    name, version = new_tag.split(":")
    record = folder / "bento.yaml"
    content = yaml.safe_load(record.read_text()) | {"name": name, "version": version}
    record.write_text(yaml.safe_dump(content))
    return new_tag


def bento_folder(store: Path, tag: str) -> Path:
    return store / "bentos" / tag.replace(":", "/")


@contextlib.asynccontextmanager
async def place(cluster: TestCluster) -> AsyncIterator[Stage]:
    """A namespace with what a model needs there: the Secret that its image build downloads the bento with."""
    async with staging(cluster) as stage:
        await give_download_secret(stage)
        yield stage


async def give_download_secret(stage: Stage) -> None:
    secret = await stage.kube.get(SECRETS, "models", DOWNLOAD_SECRET)
    assert secret
    metadata = {"name": DOWNLOAD_SECRET, "namespace": stage.namespace}
    await stage.kube.create(SECRETS, stage.namespace, {"metadata": metadata, "data": secret["data"]})


async def create(stage: Stage, name: str, tag: str = FIRST, mood: str = "", **spec: Any) -> Object:
    env = {"env": [{"name": "MOOD", "value": mood}]} if mood else {}
    return await stage.create(name, tag, **{"resources": SMALL, **env, **spec})


async def ready(stage: Stage, name: str) -> Object:
    """The model, once it is Ready as its spec is now."""

    async def look() -> Object | None:
        model = await stage.model(name)
        return model if is_ready(model) else None

    model: Object = await stage.until(look, f"{name} to be Ready", PATIENCE)
    return model


async def told(stage: Stage, name: str, reason: str) -> str:
    """Ready's message, once it is False with this reason."""

    async def look() -> str | None:
        found = condition(await stage.model(name), "Ready")
        return found["message"] if found and found["reason"] == reason else None

    message: str = await stage.until(look, f"reason {reason} of {name}", PATIENCE)
    print(f"{reason}: {message}")  # noqa: T201
    return message


async def address(stage: Stage, name: str) -> str:
    """Where the model answers, as the host and every pod reach it."""
    service = await stage.child(SERVICES, name)
    assert service, f"{name} has no Service"
    host = service["spec"]["clusterIP"]
    if stage.is_elsewhere:
        await require_reachable(host)
    return f"http://{host}:3000"


async def require_reachable(host: str) -> None:
    """Skip the test where this machine has no way to the addresses of the cluster's Services."""
    try:
        async with asyncio.timeout(REACHED_WITHIN):
            _, writer = await asyncio.open_connection(host, 3000)
        writer.close()
    except TimeoutError:
        pytest.skip(f"this machine has no way to the cluster's Services ({host}): docs/howto/kind.md")


async def routed_answer(stage: Stage, name: str, body: Object) -> Object:
    """The answer at the address of a Service with ready pods, which the node may learn a moment later."""
    async with new_session() as session, asyncio.timeout(PATIENCE):
        while True:
            try:
                return await predict(session, await address(stage, name), body)
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.2)


async def answered_by(stage: Stage, name: str) -> str:
    """The bento that answers at the address of a Ready model."""
    answer = await routed_answer(stage, name, {"text": "hello"})
    assert answer["text"] == "hello"
    return str(answer["bento"])


@contextlib.asynccontextmanager
async def requests(url: str) -> AsyncIterator[Tally]:
    """Twenty requests a second, at most, while the block lasts."""
    tally, enough = Tally(), asyncio.Event()
    async with asyncio.TaskGroup() as senders:
        for _ in range(2):
            senders.create_task(trickle(url, {"text": "hello"}, tally, lambda line: None, enough))
        try:
            yield tally
        finally:
            enough.set()
