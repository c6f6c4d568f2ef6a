"""The actions of probes and lifecycle hooks: call a URL, open a connection, run a command, sleep."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import aiohttp

from e2i.kube import Object
from e2i.local.node.launch import Launch
from e2i.local.node.probing import port_number
from e2i.local.node.processes import StartError, run_briefly


@dataclass(frozen=True)
class Target:
    """The container of an action."""

    container: Object
    address: str
    """The address on which its processes listen on this machine."""
    launch: Launch
    http: aiohttp.ClientSession


async def perform(handler: Object, target: Target, seconds: float) -> str | None:
    """Perform the action of a probe or hook within `seconds`; return None, or a sentence on why it failed."""
    try:
        async with asyncio.timeout(seconds):
            return await _perform(handler, target)
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except (OSError, aiohttp.ClientError, StartError, ValueError) as error:
        return str(error) or type(error).__name__


async def _perform(handler: Object, target: Target) -> str | None:
    if "httpGet" in handler:
        return await _get(handler["httpGet"], target)
    if "tcpSocket" in handler:
        spec = handler["tcpSocket"]
        port = port_number(spec["port"], target.container)
        _, writer = await asyncio.open_connection(spec.get("host") or target.address, port)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return None
    if "exec" in handler:
        code, output = await run_briefly(target.launch, handler["exec"]["command"])
        return None if code == 0 else f"command ended with exit code {code}: {output}"
    if "sleep" in handler:
        await asyncio.sleep(handler["sleep"]["seconds"])
        return None
    return "the local node offers httpGet, tcpSocket, exec and, for hooks, sleep"


async def _get(spec: Object, target: Target) -> str | None:
    host = spec.get("host") or target.address
    port = port_number(spec["port"], target.container)
    url = (
        f"{spec.get('scheme', 'HTTP').lower()}://{host}:{port}/{(spec.get('path') or '/').removeprefix('/')}"
    )
    headers = {"User-Agent": "kube-probe/1.36", "Accept": "*/*"}
    headers |= {entry["name"]: entry["value"] for entry in spec.get("httpHeaders") or []}
    # Certificates are not checked, as in a kubelet: a probe asks whether a server answers, not which one.
    async with target.http.get(url, headers=headers, allow_redirects=False, ssl=False) as answer:
        if 200 <= answer.status < 400:
            return None
        return f"HTTP probe failed with statuscode: {answer.status}"
