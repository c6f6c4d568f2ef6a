"""One pass over one model: observe, plan, execute, report, publish. The spine of the operator."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from e2i import clock
from e2i.controller.core.plan import plan
from e2i.controller.core.status.report import report
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.execute import execute
from e2i.controller.edge.observe import evidence_of, observe
from e2i.controller.edge.publish import publish
from e2i.controller.edge.work_queue import Key

logger = logging.getLogger("e2i")


class Outcome(Enum):
    """How a pass ended; decides when the model's turn comes again."""

    GONE = "there is no such model"
    SETTLED = "nothing was changed"
    CHANGED = "something was changed: look at once what came of it"
    FAILED = "something could not be done: try again later"


@dataclass(frozen=True, kw_only=True)
class Pass:
    outcome: Outcome
    look_again: timedelta | None = None


async def reconcile(key: Key, clients: Clients) -> Pass:
    """Bring the model one step further. ApiError when the status could not be written."""
    model = clients.view.model(key)
    if model is None:
        return Pass(outcome=Outcome.GONE)
    seen = await observe(model, clients, clock.now())
    chosen = plan(model, seen, clock.now())
    if chosen.failure and not chosen.failure.evidence:
        # Now, while there are pods to be asked.
        evidence = await evidence_of(model, seen, chosen, clients.kube)
        chosen = replace(chosen, failure=replace(chosen.failure, evidence=evidence))
    results = await execute(model, chosen.actions, clients, clock.now())
    troubles = [result.trouble for result in results if result.trouble]
    if results and not troubles:
        # What was observed is stale now; the next pass sees and reports what came of it.
        return Pass(outcome=Outcome.CHANGED)
    for trouble in troubles:
        logger.warning(
            "%s/%s %s: %s", *key, trouble.reason.name, trouble.message, extra={"model": "/".join(key)}
        )
    now = clock.now()
    await publish(model, report(model, seen, chosen, results, now), clients.kube, clients.view, now)
    return Pass(outcome=Outcome.FAILED if troubles else Outcome.SETTLED, look_again=chosen.look_again)
