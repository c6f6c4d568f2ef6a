"""Find the bento of a source, or package it if it does not exist yet.

Registries and packaging block, take seconds to import and change the process (sys.path, variables that BentoML reads
once). So they run in a subprocess, `e2i.deploying.prepare_bento`, which ends when this process ends.
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
"""Time for the subprocess to clean up before it is killed."""
LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Found:
    """A bento of the store, and whether this call packaged it."""

    bento: Deployable
    packaged: bool


async def find(uri: str, store: Path, say: Say) -> Found:
    """Return the bento of a model URI; ModelNotFound or PackagingRefused if there is none and none can be made."""
    source = parse_source(uri)
    if isinstance(source, Stored):
        return Found(await asyncio.to_thread(find_deployable, store, source.tag), packaged=False)
    result = await _prepare_in_subprocess(uri, store, say)
    bento = await asyncio.to_thread(find_deployable, store, parse_tag(result["tag"]))
    return Found(bento, packaged=result["packaged"])


async def _prepare_in_subprocess(uri: str, store: Path, say: Say) -> dict[str, Any]:
    """Run the subprocess, pass its progress to `say`, and return its result: {tag, packaged}."""
    async with _subprocess(uri, store) as process:
        while line := await _line(process):
            match json.loads(line):
                case {"say": text}:
                    say(text)
                case {"missing": message}:
                    raise ModelNotFound(message)
                case {"refused": message, "reason": reason}:
                    raise PackagingRefused(message, reason)
                case {"tag": _, "packaged": _} as result:
                    return dict(result)
    raise DeploymentError(
        f"The search for {uri} ended without a result (exit code {process.returncode}). Its output above says more.",
        "PreparingFailed",
    )


async def _line(process: Process) -> bytes:
    return await process.stdout.readline() if process.stdout else b""


@contextlib.asynccontextmanager
async def _subprocess(uri: str, store: Path) -> AsyncIterator[Process]:
    """Start the subprocess for the block. After the block it has ended, with its own children."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "e2i.deploying.prepare_bento",
        uri,
        str(store),
        # The subprocess ends when this pipe is closed, also if this process is killed.
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "BENTOML_HOME": str(store), "BENTOML_DO_NOT_TRACK": "True"},
        # Ctrl-C must reach this process only, which then ends the subprocess.
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
