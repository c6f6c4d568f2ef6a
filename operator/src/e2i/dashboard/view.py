"""E2IModels as the pages show them: values of text and numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api import conditions
from e2i.inspection.document import condition, is_current, is_paused
from e2i.inspection.outcome import outcome

Body = Mapping[str, Any]

STATES = {True: "ready", False: "needs action", None: "in progress"}
"""The state of a model in words, by `outcome`."""


@dataclass(frozen=True)
class Row:
    """One model in the list."""

    namespace: str
    name: str
    kind: str
    bento: str
    state: str
    """A value of STATES."""
    reason: str
    message: str
    ready: int
    wanted: int
    serving: str
    url: str


@dataclass(frozen=True)
class Step:
    """A command with which a person acts, and when it helps."""

    command: str
    purpose: str


@dataclass(frozen=True)
class Detail:
    """One model with all that its status says."""

    row: Row
    conditions: tuple[Body, ...]
    history: tuple[Body, ...]
    failures: tuple[Body, ...]
    rollout: Body
    steps: tuple[Step, ...]


def rows(models: Iterable[Body], search: str = "") -> list[Row]:
    """Return the models whose names, bento or reason contain `search`: those that need a person first."""
    order = list(STATES.values())
    found = [row_of(model) for model in models]
    wanted = search.casefold()
    kept = [row for row in found if wanted in _searched(row)]
    urgency = {order[1]: 0, order[2]: 1, order[0]: 2}
    return sorted(kept, key=lambda row: (urgency[row.state], row.namespace, row.name))


def counts(found: Iterable[Row]) -> dict[str, int]:
    """Return how many models are in each state."""
    states = [row.state for row in found]
    return {state: states.count(state) for state in STATES.values()}


def row_of(model: Body) -> Row:
    """Return a model as a line of the list."""
    metadata, spec, status = model["metadata"], model["spec"], model.get("status", {})
    ready = condition(model, conditions.READY)
    return Row(
        namespace=metadata["namespace"],
        name=metadata["name"],
        kind=spec["type"],
        bento=spec["bento"]["tag"],
        state=STATES[outcome(model)],
        reason=ready.get("reason", "") if is_current(model) else "NotSeenYet",
        message=ready.get("message", "") if is_current(model) else "the operator has not seen this spec yet",
        ready=status.get("readyReplicas", 0),
        wanted=status.get("replicas", 0),
        serving=status.get("servingRelease") or "",
        url=status.get("url") or "",
    )


def detail_of(model: Body) -> Detail:
    """Return all that the page of one model shows."""
    status = model.get("status", {})
    return Detail(
        row=row_of(model),
        conditions=tuple(status.get("conditions", ())),
        history=tuple(status.get("history", ())),
        failures=tuple(status.get("failedReleases", ())),
        rollout=status.get("rollout") or {},
        steps=tuple(_steps(model)),
    )


def _steps(model: Body) -> Iterable[Step]:
    """Yield the commands that fit to the state of the model."""
    status, metadata = model.get("status", {}), model["metadata"]
    where = f"{metadata['name']} -n {metadata['namespace']}"
    yield Step(f"kubectl e2i status {where}", "releases, images and pods, each with its cause")
    if status.get("failedReleases"):
        yield Step(f"kubectl e2i retry {where}", "try the failed release again, when its cause is gone")
    if any(entry["result"] == "Superseded" for entry in status.get("history", ())):
        yield Step(f"kubectl e2i undo {where}", "go back to the release before")
    if status.get("rollout"):
        yield Step(f"kubectl e2i promote {where}", "let the canary take its next step")
        yield Step(f"kubectl e2i pause {where}", "keep the canary where it is")
    if is_paused(model):
        yield Step(f"kubectl e2i resume {where}", "go on with the rollout")


def _searched(row: Row) -> str:
    return " ".join((row.namespace, row.name, row.bento, row.reason, row.kind)).casefold()
