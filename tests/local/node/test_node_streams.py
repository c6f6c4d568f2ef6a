"""`kubectl exec`, `cp` and `port-forward` of today's kubectl, through the API server to the node."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import pty
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.nodelab import PATIENCE, Lab, eventually, is_running

from e2i.local.node.sweep import processes

pytestmark = pytest.mark.api

ECHO = """
import socket, threading
listener = socket.create_server((__import__("os").environ["E2I_POD_ADDRESS"], 7000))
def serve(connection):
    with connection:
        while piece := connection.recv(65536):
            connection.sendall(piece)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],)).start()
"""


async def a_pod(lab: Lab, script: str = "sleep 1000") -> None:
    await lab.run("a", script, main={"env": [{"name": "GREETING", "value": "hello"}]})
    await lab.until("a", is_running)


async def exec_(lab: Lab, *command: str, stdin: bytes | None = None) -> tuple[int, bytes, bytes]:
    """Run kubectl exec; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        str(lab.home.kubectl),
        *["--kubeconfig", str(lab.home.kubeconfig), "-n", lab.namespace, "exec", "a"],
        *([] if stdin is None else ["-i"]),
        *["--", *command],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate(stdin)
    return process.returncode or 0, output, errors


async def test_a_command_runs_as_the_container_does(lab: Lab) -> None:
    await a_pod(lab)
    code, output, errors = await exec_(lab, "sh", "-c", "echo $GREETING; echo why >&2; exit 3")
    assert (code, output) == (3, b"hello\n")
    assert errors.splitlines()[0] == b"why"
    assert b"exit code 3" in errors


async def test_input_is_passed_on_and_ends(lab: Lab) -> None:
    await a_pod(lab)
    content = os.urandom(3_000_000)
    code, output, _ = await exec_(lab, "sha256sum", stdin=content)
    assert (code, output.split()[0].decode()) == (0, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("no-such-program",), b"executable file not found in PATH"),
        (("sh", "-c", "kill -9 $$"), b"exit code 137"),
    ],
)
async def test_a_command_that_fails_says_why(lab: Lab, command: tuple[str, ...], sentence: bytes) -> None:
    await a_pod(lab)
    code, _, errors = await exec_(lab, *command)
    assert code != 0
    assert sentence in errors


async def test_a_command_whose_client_goes_away_is_killed(lab: Lab) -> None:
    await a_pod(lab)
    task = asyncio.create_task(exec_(lab, "sleep", "987654", stdin=None))

    def sleepers() -> list[int]:
        return [pid for pid in processes() if command_line(pid).split(b"\0")[1:] == [b"987654", b""]]

    async def runs() -> bool:
        return bool(sleepers())

    async def is_gone() -> bool:
        return not sleepers()

    await eventually(runs)
    for pid in processes():
        if b"kubectl\0" in command_line(pid) and b"\x00987654\x00" in command_line(pid):
            os.kill(pid, 9)
    await eventually(is_gone)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def test_a_terminal_is_one(lab: Lab) -> None:
    """`kubectl exec -it`: the command has a terminal of its own, of the size of the user's."""
    await a_pod(lab)
    outer, inner = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        str(lab.home.kubectl),
        *["--kubeconfig", str(lab.home.kubeconfig), "-n", lab.namespace, "exec", "-it", "a", "--", "sh"],
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    shown = b""

    async def until(pattern: bytes) -> None:
        nonlocal shown
        async with asyncio.timeout(PATIENCE):
            while not re.search(pattern, shown):
                shown += await asyncio.to_thread(os.read, outer, 4096)

    try:
        await until(rb"[#$] $")
        os.write(outer, b"tty; cat\n")
        await until(rb"/dev/pts/\d+\r\n")
        # Until cat reads, an interrupt might meet the shell alone, which waits on for cat.
        os.write(outer, b"heard\n")
        await until(rb"heard\r\nheard\r\n")
        os.write(outer, b"\x03")
        # An interrupt throws away what was typed before the next prompt.
        await until(rb"\^C[^#$]*[#$] $")
        os.write(outer, b"echo end-$((40 + 2)); exit 5\n")
        await until(rb"end-42")
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 5
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        os.close(outer)


async def test_files_are_copied_both_ways(lab: Lab, tmp_path: Path) -> None:
    await a_pod(lab)
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    here.write_bytes(os.urandom(2_000_000))
    await lab.kubectl("cp", str(here), f"a:{there}")
    await lab.kubectl("cp", f"a:{there}", str(back))
    assert back.read_bytes() == here.read_bytes()


@contextlib.asynccontextmanager
async def forwarded(lab: Lab, target: str, port: int) -> AsyncIterator[int]:
    """Run kubectl port-forward; yield the local port."""
    process = await asyncio.create_subprocess_exec(
        str(lab.home.kubectl),
        *["--kubeconfig", str(lab.home.kubeconfig), "-n", lab.namespace, "port-forward", target, f":{port}"],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(PATIENCE):
            line = (await process.stdout.readline()).decode()
        found = re.search(r"127\.0\.0\.1:(\d+) ->", line)
        assert found, line
        yield int(found[1])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_connections_are_forwarded_side_by_side(lab: Lab) -> None:
    await a_pod(lab, f"exec {sys.executable} -c '{ECHO}'")

    async def echo(port: int, content: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def send() -> None:
            writer.write(content)
            await writer.drain()
            writer.write_eof()

        _, answer = await asyncio.gather(send(), reader.read(-1))
        writer.close()
        return answer

    async with forwarded(lab, "pod/a", 7000) as port:

        async def listens() -> bool:
            with contextlib.suppress(OSError):
                return await echo(port, b"x") == b"x"
            return False

        await eventually(listens)
        contents = [os.urandom(500_000 + number) for number in range(5)]
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.gather(*(echo(port, each) for each in contents)) == contents


async def test_a_service_is_forwarded_to_its_pod(lab: Lab) -> None:
    script = f"exec {sys.executable} -m http.server --bind $E2I_POD_ADDRESS 8000"
    await lab.run("a", script, main={"ports": [{"name": "web", "containerPort": 8000}]})
    await lab.until("a", is_running)
    await lab.kubectl("label", "pod", "a", "app=a")
    await lab.kubectl("create", "service", "clusterip", "a", "--tcp=80:8000")

    async with aiohttp.ClientSession() as http:

        async def answers() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                async with (
                    forwarded(lab, "service/a", 80) as port,
                    http.get(f"http://127.0.0.1:{port}/") as got,
                ):
                    return got.status == 200
            return False

        await eventually(answers)


async def test_a_port_without_a_listener_is_named(lab: Lab) -> None:
    await a_pod(lab)
    process = await asyncio.create_subprocess_exec(
        str(lab.home.kubectl),
        *["--kubeconfig", str(lab.home.kubeconfig), "-n", lab.namespace, "port-forward", "a", ":7001"],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    found = re.search(rb"127\.0\.0\.1:(\d+) ->", await process.stdout.readline())
    assert found
    _, writer = await asyncio.open_connection("127.0.0.1", int(found[1]))
    async with asyncio.timeout(PATIENCE):
        _, errors = await process.communicate()
    writer.close()
    assert b"nobody accepts connections on port 7001 of the pod (Connection refused)" in errors
