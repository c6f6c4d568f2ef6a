"""The end of a container: every process is killed, however slow the machine, and every cancel is obeyed."""

from __future__ import annotations

import ast
import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

import e2i
from e2i.local.node import processes, sweep
from e2i.local.node.actions import Target, perform
from e2i.local.node.launch import Launch
from e2i.local.node.processes import Processes

SLOW = 3600.0
"""Seconds that one look at /proc takes in these tests."""


class Container(Processes):
    """A container with two processes, the second of which starts while the first is killed."""

    def __init__(self) -> None:
        self.left = [{1}, {1, 2}, {2}, set()]

    def members(self) -> set[int]:
        return self.left.pop(0)


async def test_a_look_that_outlasts_the_deadline_leaves_no_process_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed: list[set[int]] = []
    monkeypatch.setattr(sweep, "kill", killed.append)
    monkeypatch.setattr(processes, "AFTER_KILL", -SLOW)
    await Container().kill()
    assert set().union(*killed) == {1, 2}


async def test_what_is_stuck_in_the_kernel_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "kill", lambda _: None)
    monkeypatch.setattr(processes, "AFTER_KILL", -SLOW)
    container = Container()
    container.left = [{1}] * 100
    await container.kill()
    assert len(container.left) == 98


def test_the_cluster_is_swept_however_long_a_look_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, killed = [{1}, {1, 2}, {2}, set[int]()], list[set[int]]()
    monkeypatch.setattr(sweep, "processes", dict)
    monkeypatch.setattr(sweep, "marked", lambda *_: looks.pop(0))
    monkeypatch.setattr(sweep, "kill", killed.append)
    monkeypatch.setattr(sweep, "PATIENCE", -SLOW)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert sweep.kill_cluster(Path("/c")) == 2
    assert set().union(*killed) == {1, 2}


class Command:
    """A process that ends in the moment in which its caller is cancelled."""

    pid, returncode = 1, 0

    async def communicate(self) -> tuple[bytes, bytes]:
        asyncio.get_running_loop().call_soon(self.caller.cancel)
        return b"", b""

    caller: asyncio.Task[None]


async def test_a_probe_that_is_cancelled_while_its_command_ends_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = Command()

    async def start(*_: object, **__: object) -> Command:
        return command

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    launch = Launch(("true",), {"PATH": "/bin:/usr/bin"}, "/", "")
    asked = 0

    async def probe() -> None:
        nonlocal asked
        async with aiohttp.ClientSession() as http:
            while asked < 10:
                asked += 1
                await perform({"exec": {"command": ["true"]}}, Target({}, "127.0.0.1", launch, http), 5.0)
                await asyncio.sleep(0)

    command.caller = asyncio.create_task(probe())
    await asyncio.wait([command.caller])
    assert command.caller.cancelled()
    assert asked == 1


def test_wait_for_is_not_used_because_it_may_swallow_a_cancel() -> None:
    root = Path(e2i.__file__).parent
    users = [
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr == "wait_for"
        and ast.unparse(node.value) == "asyncio"
    ]
    assert users == [], "use `async with asyncio.timeout(...)`"
