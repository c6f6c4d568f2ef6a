"""Find the bento of a source, or package it if it does not exist yet.

Registries and packaging block, import for seconds and change the process (folders to import from, variables that
BentoML reads once): they run in a program of their own, `e2i.deploying.prepare_bento`, which ends with us.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2i.api.tags import parse_tag
from e2i.deploying.errors import DeploymentError, ModelNotFound, PackagingRefused
from e2i.deploying.request_manifest import Deployable
from e2i.deploying.sources import Stored, parse_source
from e2i.deploying.stored_bento import find_deployable

Say = Callable[[str], None]

END_SECONDS = 20.0
"""That a packaging has to clear up after itself."""
LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Found:
    """A bento of the store, and whether it was packaged just now."""

    bento: Deployable
    packaged: bool


async def find(uri: str, store: Path, say: Say) -> Found:
    """The bento to release; ModelNotFound or PackagingRefused when there is none and none can be made."""
    source = parse_source(uri)
    if isinstance(source, Stored):
        return Found(await asyncio.to_thread(find_deployable, store, source.tag), packaged=False)
    told = await _prepared(uri, store, say)
    bento = await asyncio.to_thread(find_deployable, store, parse_tag(told["tag"]))
    return Found(bento, packaged=told["packaged"])


async def _prepared(uri: str, store: Path, say: Say) -> dict[str, Any]:
    """What `preparing` came to; its words on the way are passed on."""
    async with _preparing(uri, store) as process:
        while line := await _line(process):
            match json.loads(line):
                case {"say": text}:
                    say(text)
                case {"missing": message}:
                    raise ModelNotFound(message)
                case {"refused": message, "reason": reason}:
                    raise PackagingRefused(message, reason)
                case {"tag": _, "packaged": _} as told:
                    return dict(told)
    raise DeploymentError(
        f"Looking for {uri} ended without a result (exit code {process.returncode}); what it said is above.",
        "PreparingFailed",
    )


async def _line(process: Process) -> bytes:
    return await process.stdout.readline() if process.stdout else b""


@contextlib.asynccontextmanager
async def _preparing(uri: str, store: Path) -> AsyncIterator[Process]:
    """The program at work; however the block ends, it has ended after it, with everything that it began."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "e2i.deploying.prepare_bento",
        uri,
        str(store),
        # It ends when this pipe does: also when we are killed.
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "BENTOML_HOME": str(store), "BENTOML_DO_NOT_TRACK": "True"},
        # An interrupt from the keyboard is for us, and we tell it.
        start_new_session=True,
        limit=LONGEST_LINE,
    )
    try:
        yield process
    finally:
        await asyncio.shield(_end(process))


async def _end(process: Process) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
