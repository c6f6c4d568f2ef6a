"""Brings about one cause on the local cluster, and gathers what people and machines are told of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any

from support.causes import Cause
from support.e2e import PATIENCE, address, create, ready, told
from support.rollouts import KEPT_FOR, alone
from support.stage import Stage, condition

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.kube import Object
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, EVENTS
from e2i.local.demo_traffic import new_session, predict
from e2i.local.kubectl import OPERATOR, OPERATOR_NAMESPACE, kubectl

SHORTEST = 10
"""Seconds of a deadline, as short as the schema allows."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A cause, once the model has come to rest."""

    cause: Cause
    stage: Stage
    before: str
    """The good release; empty where there is none."""
    asked: Object
    """The spec with the change that fails."""
    model: Object
    events: list[Object]
    """Those of the failure's reason, and of the one that was told on the way; oldest first."""
    log: list[dict[str, Any]]
    """The same of the operator's log."""
    answerer: str
    """The BentoDeployment whose pod answers; empty where none is sure to."""
    made: frozenset[str]
    """uids of the model's BentoDeployments."""

    @property
    def status(self) -> Object:
        status: Object = self.model["status"]
        return status

    @property
    def failed(self) -> str:
        """The release that was asked for."""
        release: str = self.status["desiredRelease"]
        return release


async def play(stage: Stage, cause: Cause) -> Outcome:
    before = "" if cause.alone else await _begin(stage, cause)
    async with cause.obstacle(stage, cause.model):
        if cause.alone:
            await create(stage, cause.model, cause.bento, **cause.change)
        else:
            await stage.change(cause.model, **cause.change)
        if cause.passing:
            await told(stage, cause.model, cause.passing.name)
            await stage.change(cause.model, rollout={"progressDeadlineSeconds": SHORTEST})
        asked = (await stage.model(cause.model))["spec"]
        async with _after_switch(stage, cause, before):
            await stage.until(
                lambda: _at_rest(stage, cause, before), f"{cause.reason.name} of {cause.model}", PATIENCE
            )
        if cause.goes_back:
            await alone(stage, cause.model)
    return await _look(stage, cause, before, asked)


async def _begin(stage: Stage, cause: Cause) -> str:
    await create(stage, cause.model, cause.bento, rollout={"scaleDownDelaySeconds": KEPT_FOR})
    release: str = (await ready(stage, cause.model))["status"]["servingRelease"]
    return release


def _after_switch(stage: Stage, cause: Cause, before: str) -> contextlib.AbstractAsyncContextManager[None]:
    return cause.after_switch(stage, cause.model, before) if cause.after_switch else contextlib.nullcontext()


async def _at_rest(stage: Stage, cause: Cause, before: str) -> bool:
    """Whether the failure is told as final with its words, and what follows from it is done."""
    model = await stage.model(cause.model)
    summary = [condition(model, kind) for kind in ("Ready", "Stalled")]
    final = [found for found in summary if found and found["reason"] == cause.reason.name]
    again = "It is tried again at" if cause.reason is Reason.PodsLost else "It is not tried again"
    words = (cause.words, again) if cause.is_quarantined else (cause.words,)
    if len(final) != len(summary) or any(each not in final[0]["message"] for each in words):
        return False
    current = model["status"]["observedGeneration"] == model["metadata"]["generation"]
    back = model["status"].get("servingRelease") == before and condition(model, "RolledBack") is not None
    return current and (back or not cause.goes_back)


async def _look(stage: Stage, cause: Cause, before: str, asked: Object) -> Outcome:
    model = await stage.model(cause.model)
    serving = model["status"].get("servingRelease")
    return Outcome(
        cause=cause,
        stage=stage,
        before=before,
        asked=asked,
        model=model,
        events=await _events(stage, cause),
        log=await asyncio.to_thread(_log, stage, cause),
        answerer=await _answerer(stage, cause) if serving and serving == before else "",
        made=await made(stage, cause.model),
    )


async def made(stage: Stage, name: str) -> frozenset[str]:
    """uids of the model's BentoDeployments."""
    found, _ = await stage.kube.list(
        BENTO_DEPLOYMENTS, stage.namespace, labels=f"{naming.MODEL_LABEL}={name}"
    )
    return frozenset(each["metadata"]["uid"] for each in found)


async def _events(stage: Stage, cause: Cause) -> list[Object]:
    async def look() -> list[Object]:
        found, _ = await stage.kube.list(EVENTS, stage.namespace)
        mine = [each for each in found if each["involvedObject"]["name"] == cause.model]
        return sorted(
            (each for each in mine if each["reason"] in _words(cause)),
            key=lambda each: each["metadata"]["name"],
        )

    # It is sent after the status.
    events: list[Object] = await stage.until(look, f"an event of {cause.model}")
    return events


def _words(cause: Cause) -> set[str]:
    return {reason.name for reason in cause.told}


def _log(stage: Stage, cause: Cause) -> list[dict[str, Any]]:
    text = kubectl(stage.home, "logs", f"--namespace={OPERATOR_NAMESPACE}", f"deployment/{OPERATOR}")
    lines = [json.loads(line) for line in text.splitlines()]
    return [
        line
        for line in lines
        if line.get("model") == f"{stage.namespace}/{cause.model}" and line.get("reason") in _words(cause)
    ]


async def _answerer(stage: Stage, cause: Cause) -> str:
    async with new_session() as session:
        answer = await predict(session, await address(stage, cause.model), {"text": "hello"})
    return str(answer["release"])
