"""What a pass over a model at rest costs: an operator without workers, which makes one pass after the other.

A program of its own: `rest_passes.py ROUNDS NAMESPACE MODEL...` prints the CPU of each pass in ms; its settings are in
the environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from e2i.controller.app import Operator
from e2i.controller.connect import connect
from e2i.controller.core.lease import Terms
from e2i.controller.edge.connections import connect_kube
from e2i.controller.edge.lease import Lease
from e2i.controller.edge.measures import Measures
from e2i.controller.edge.supervisor import Supervisor
from e2i.controller.edge.work_queue import Key
from e2i.controller.process import SYSTEM_NAMESPACE
from e2i.controller.reconcile import Outcome
from e2i.controller.settings import read_settings

WARM_UP = 60.0
"""Seconds for the records of all models to be read from the bucket."""


async def measure(rounds: int, keys: Sequence[Key]) -> float:
    """Milliseconds of CPU for a pass that finds nothing to do."""
    settings, measures = read_settings(os.environ), Measures()
    lease = Lease(
        await connect_kube(settings, measures), SYSTEM_NAMESPACE, settings.lease_name, "", Terms(15)
    )
    await lease.acquire()
    operator = await connect(settings, lease, Supervisor(_end), measures)
    await operator.resync()
    deadline = time.monotonic() + WARM_UP
    while not await _all_settled(operator, keys):
        if time.monotonic() > deadline:
            raise RuntimeError("the models do not come to rest")
        await asyncio.sleep(0.5)  # A watch would cost the operator CPU that is measured.
    before = time.process_time()
    for _ in range(rounds):
        await _all_settled(operator, keys)
    spent = time.process_time() - before
    await operator.stop()
    await lease.release()
    await lease.close()
    return 1000 * spent / rounds / len(keys)


async def _all_settled(operator: Operator, keys: Sequence[Key]) -> bool:
    """Make a pass over each model; return whether none had anything to do."""
    return all([(await operator.run_pass(key)).outcome is Outcome.SETTLED for key in keys])


def _end(reason: str) -> NoReturn:
    raise SystemExit(reason)


if __name__ == "__main__":
    models = [(sys.argv[2], name) for name in sys.argv[3:]]
    print(f"{asyncio.run(measure(int(sys.argv[1]), models)):.3f}")  # noqa: T201 - read by who started it
