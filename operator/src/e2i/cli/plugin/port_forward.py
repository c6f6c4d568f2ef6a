"""Runs `kubectl port-forward`, which speaks the protocols of all versions of the API server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.session import Target

START_SECONDS = 20.0
END_SECONDS = 5.0
_KEPT_LINES = 5
_LISTENING = re.compile(rb"Forwarding from 127\.0\.0\.1:([0-9]+)")


@dataclass
class PortForward:
    """A port of this machine that leads to a pod of the Service, and the last lines that kubectl wrote."""

    address: str = ""
    words: list[str] = field(default_factory=list)

    def last_words(self) -> str:
        """Return the last line that kubectl wrote on stderr; empty if there is none."""
        return self.words[-1] if self.words else ""


@contextlib.asynccontextmanager
async def forwarded(target: Target, namespace: str, service: str) -> AsyncIterator[PortForward]:
    """Forward a free port to port 3000 of the Service; CommandError when kubectl cannot."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise CommandError("A port-forward needs kubectl on PATH: install it.")
    process = await asyncio.create_subprocess_exec(
        kubectl,
        *arguments(target, namespace, service),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    forward = PortForward()
    stdout, stderr = (cast(asyncio.StreamReader, stream) for stream in (process.stdout, process.stderr))
    reader = asyncio.create_task(_read_lines(stderr, forward.words))
    try:
        forward.address = await _listening(stdout, reader, forward)
        yield forward
    finally:
        await _end(process)
        await reader


def arguments(target: Target, namespace: str, service: str) -> list[str]:
    """Return the arguments of kubectl: the plugin's cluster, and any free port of this machine."""
    chosen = [f"--context={target.context}"] if target.context else []
    chosen += [f"--kubeconfig={target.kubeconfig}"] if target.kubeconfig else []
    return [
        "port-forward",
        *chosen,
        f"--namespace={namespace}",
        "--address=127.0.0.1",
        f"service/{service}",
        ":3000",
    ]


async def _listening(stdout: asyncio.StreamReader, reader: asyncio.Task[None], forward: PortForward) -> str:
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await stdout.readline()
    except TimeoutError:
        raise CommandError(f"kubectl port-forward was not ready within {START_SECONDS:g} s.") from None
    if found := _LISTENING.search(line):
        return f"http://127.0.0.1:{int(found[1])}"
    await asyncio.wait({reader}, timeout=END_SECONDS)
    raise CommandError(f"kubectl port-forward failed: {forward.last_words() or 'it gave no reason'}.")


async def _read_lines(stream: asyncio.StreamReader, words: list[str]) -> None:
    async for line in stream:
        words.append(line.decode(errors="replace").strip())
        del words[:-_KEPT_LINES]


async def _end(process: asyncio.subprocess.Process) -> None:
    # Not process.terminate(): if kubectl has just ended, that would take its exit code away from asyncio, which then
    # writes a warning to stderr.
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
            return
