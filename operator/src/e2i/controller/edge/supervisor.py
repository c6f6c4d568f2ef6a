"""Runs the tasks that live as long as the operator.

None of them dies unseen: one that ends although nobody stopped it ends the process, and Kubernetes starts it again.
Whether one hangs is seen by those that know how long its work may take (`Operator.signs`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any

from e2i.controller.edge.cancelling import cancel_all

logger = logging.getLogger("e2i")

End = Callable[[str], None]
"""Ends the process; the argument is the reason."""


def end_process(reason: str) -> None:
    """End the process at once, with exit code 1.

    Nothing is closed first: a process may end at any of its writes, and threads must not go on writing.
    """
    logger.critical("the operator ends: %s", reason)
    logging.shutdown()
    os._exit(1)


class Supervisor:
    """The long-lived tasks of one operator; belongs to the event loop."""

    def __init__(self, end: End = end_process) -> None:
        self._end = end
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, object], *, endless: bool = True) -> None:
        """Start a task. If it raises, or returns although it is `endless`, the process ends."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._look_at(ended, endless))

    async def stop(self) -> None:
        """Cancel all tasks and wait for their ends."""
        tasks, self._tasks = self._tasks, set()
        await cancel_all(tasks)

    def _look_at(self, task: asyncio.Task[Any], endless: bool) -> None:
        if task not in self._tasks:
            return  # It was stopped.
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.critical("the task %r failed", task.get_name(), exc_info=error)
            self._end(f"its task {task.get_name()!r} failed: {type(error).__name__}: {error}")
        elif endless or task.cancelled():
            self._end(f"its task {task.get_name()!r} ended although nobody stopped it")
