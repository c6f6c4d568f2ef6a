"""The operator as a process that begins with everything imported: it starts in a tenth of the time.

A server process (multiprocessing's forkserver) imports what the operator needs; each operator is forked from it,
and begins with kopf's command line. Nothing of one operator is left for the next.
"""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import os
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Self

from support.operating import Operator

from e2i.controller.__main__ import HANDLERS

# Not e2i.controller.main: kopf imports it, and registers its handlers, in the operator's own process.
PRELOAD = ["pytest", "kopf.cli", "boto3", "e2i.controller.process"]


class WarmOperator(Operator):
    """An operator that is killed and started often."""

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
        argv = ["run", f"--module={HANDLERS}", "--standalone", *argv[argv.index("e2i.controller") + 1 :]]
        # A daemon: one that a failing test left running must not hold up the end of all tests.
        child = context.Process(target=_operate, args=(argv, self._environment, self.log), daemon=True)
        child.start()
        self._child = child

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
