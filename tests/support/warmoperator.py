"""The operator as a process that begins with everything imported: it starts in a tenth of the time.

A server process (multiprocessing's forkserver) imports what the operator needs; each operator is forked from it,
and begins with kopf's command line. Nothing of one operator is left for the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Self

from support.operating import GRACE, Operator, running

from e2i.controller.__main__ import kopf_arguments
from e2i.local.layout import ClusterHome

# Not e2i.controller.main: kopf imports it, and registers its handlers, in the operator's own process.
PRELOAD = ["pytest", "kopf.cli", "boto3", "e2i.controller.process"]


def operating(
    home: ClusterHome, folder: Path, store: Path, **environment: str
) -> contextlib.AbstractContextManager[Operator]:
    """A running operator; it is ended with the block if the test has not done so."""
    return running(WarmOperator(home, folder, store, **environment))


class WarmOperator(Operator):
    """An operator of which the test wants anything but how its program starts."""

    _child: ForkServerProcess | None = None
    _changing: asyncio.Lock

    def of(self, log: Path, environment: Mapping[str, str]) -> Self:
        """Another operator, with its own log, and these variables in place of this one's."""
        other = copy.copy(self)
        other._changing = asyncio.Lock()
        other.log = log
        other._environment = {**self._environment, **environment}
        return other

    def start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOAD)
        argv = self._argv()
        argv = kopf_arguments(argv[argv.index("e2i.controller") + 1 :])
        # It is looked into before the operator has begun to write.
        self.log.touch()
        # A daemon: one that a failing test left running must not hold up the end of all tests.
        child = context.Process(target=_operate, args=(argv, self._environment, self.log), daemon=True)
        child.start()
        self._child = child

    def send(self, how: signal.Signals) -> None:
        assert self._child
        assert self._child.pid
        # It may have ended by itself.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child.pid, how)

    def wait(self) -> int:
        assert self._child
        self._child.join(timeout=GRACE)
        assert self._child.exitcode is not None, f"it did not end within {GRACE:.0f} s"
        return self._child.exitcode

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.is_alive()

    async def restart(self) -> None:
        """Killed, and started again; one that has been ended stays so."""
        async with self._changing:
            if self._child is not None:
                await self._kill(self._child)
                self.start()

    async def end(self) -> None:
        """Killed for good, also when somebody is about to start it again."""
        async with self._changing:
            child, self._child = self._child, None
            if child is not None:
                await self._kill(child)

    async def _kill(self, child: ForkServerProcess) -> None:
        child.kill()
        await asyncio.to_thread(child.join)
        child.close()


def _operate(argv: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    from kopf.cli import main

    # What was imported is not looked through for garbage again and again: that would also copy its memory.
    gc.freeze()
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main(argv, prog_name="kopf")


def _end_with_parent() -> None:
    """A test run that was killed leaves no operators behind."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)
