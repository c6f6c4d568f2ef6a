"""Makes one pass over one model: observe, plan, execute, report, publish."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from e2i import clock
from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.controller.core.actions import Result, writes
from e2i.controller.core.explanation import explain
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.plan import CLUSTER_POLL, Plan
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.table import plan
from e2i.controller.core.status.report import report
from e2i.controller.edge import log_context
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.execute import execute
from e2i.controller.edge.failure_evidence import evidence_of
from e2i.controller.edge.observe import observe
from e2i.controller.edge.publish import publish
from e2i.controller.edge.work_queue import Key
from e2i.kube import ApiError

logger = logging.getLogger("e2i")


class Outcome(Enum):
    """How a pass ended. It decides when the next pass comes."""

    GONE = "there is no such model"
    SETTLED = "nothing had to be changed"
    CHANGED = "something was changed: the next pass follows at once, also if another action failed"
    FAILED = "nothing was changed and an action failed: the next pass follows after a delay"


@dataclass(frozen=True, kw_only=True)
class Pass:
    """The result of a pass; `look_again`: the delay after which the next pass is due in any case."""

    outcome: Outcome
    look_again: timedelta | None = None

    @property
    def result(self) -> str:
        """The word of controller-runtime for it."""
        if self.outcome in (Outcome.FAILED, Outcome.CHANGED):
            return "error" if self.outcome is Outcome.FAILED else "requeue"
        return "requeue_after" if self.look_again is not None else "success"


async def reconcile(key: Key, clients: Clients) -> Pass:
    """Bring the model one step closer to its spec."""
    model = clients.cache.model(key)
    if model is None:
        return Pass(outcome=Outcome.GONE)
    version = clients.cache.version(naming.KIND, key)
    clients.measures.sought(model)
    if rival := await clients.claims.rival(model):
        return await _leave(model, rival, clients)
    is_contested = await clients.claims.clear(model)
    # Observing only reads: that the model waits for a running export is said here.
    clients.export_jobs.subscribe(model.reference, model.key)
    here = Situation(model, await observe(model, clients, clock.now()))
    clients.follow(here)
    log_context.add(generation=model.generation, release=here.asked)
    chosen = plan(here, clock.now())
    if chosen.failure:
        chosen = await _note_failure(here, chosen, chosen.failure, clients)
    if _must_claim(model, version, clients) and any(writes(action) for action in chosen.actions):
        # The first status says who operates the model. Of several that try it at the same time one succeeds.
        claimed = replace(chosen, reason=Reason.Pending, message="the operator begins with the model")
        status = report(here, claimed, (), clock.now(), clients.claims.mine)
        await publish(model, status, clients, clock.now(), version)
        return Pass(outcome=Outcome.CHANGED)
    results = await execute(model, chosen.actions, clients, clock.now())
    clients.measures.acted(results)
    problems = [result.problem for result in results if result.problem]
    for problem in problems:
        logger.warning(
            "%s/%s %s: %s", *key, problem.reason.name, problem.message, extra={"reason": problem.reason.name}
        )
    if any(result.succeeded for result in results):
        # What was observed is out of date, so nothing is reported. The next pass observes the effect; it repeats what
        # failed or is under way now, and reports that.
        return Pass(outcome=Outcome.CHANGED)
    is_written = await _publish(here, chosen, results, clients, "" if clients.claims.has(model) else version)
    return Pass(
        outcome=Outcome.FAILED if problems or not is_written else Outcome.SETTLED,
        look_again=_next_look(chosen, is_contested=is_contested),
    )


def _next_look(chosen: Plan, *, is_contested: bool) -> timedelta | None:
    """Return when to look again: soon at a contested model, because no watch shows the end of the other operator."""
    return min(chosen.look_again or CLUSTER_POLL, CLUSTER_POLL) if is_contested else chosen.look_again


def _must_claim(model: Model, version: str, clients: Clients) -> bool:
    """Whether the status has to name this operator before anything is written for the model."""
    return not clients.claims.has(model) and not clients.claims.had_namespace(model, version)


async def _note_failure(here: Situation, chosen: Plan, failure: Failure, clients: Clients) -> Plan:
    """Add the evidence to the failure. The next passes know it, also if the status cannot be written."""
    if not failure.evidence:
        # Collected now, because its pods are about to be removed.
        chosen = explain(chosen, await evidence_of(here, chosen, clients), here.model)
    clients.failure_memory.note(here.model.key, chosen.failure or failure)
    return chosen


async def _leave(model: Model, rival: str, clients: Clients) -> Pass:
    """Do nothing for a model of another operator, and say so once."""
    clients.cancel_jobs(model.key)
    await clients.claims.contest(model, rival, clock.now())
    return Pass(outcome=Outcome.SETTLED, look_again=CLUSTER_POLL)


async def _publish(
    here: Situation, chosen: Plan, results: Sequence[Result], clients: Clients, version: str
) -> bool:
    """Write the status, and return whether that succeeded. What serves is looked after in any case."""
    now = clock.now()
    try:
        status = report(here, chosen, results, now, clients.claims.mine)
        await publish(here.model, status, clients, now, version)
    except ApiError as error:
        logger.warning("%s/%s: the status was not written: %s; it is tried again", *here.model.key, error)
        return False
    return True
