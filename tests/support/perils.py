"""What can happen to a release, each played once under load; the Run tells what it cost.

The tests assert what must hold in every run; the benchmark makes a table of all.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from support.e2e import PATIENCE, SECOND, ready
from support.load import RATE
from support.rollouts import (
    Run,
    Share,
    alone,
    quarantined,
    releases,
    switched,
    under_load,
)
from support.stage import Stage

from e2i.api import naming
from e2i.local import processes

TO_SWITCH = "change to switch"
DETECTED = "first failure to detection"
WRITTEN = "detection to the write"
NEW_CONNECTIONS = "detection to the old release alone, new connections"
KEPT_CONNECTIONS = "detection to the old release alone, kept connections"
LONG_ENOUGH = 5.0
"""Seconds of a canary's step that are enough to count shares in."""
ERRORS = {"seconds": 60, "maxErrorRatio": "0.05", "minRequests": 20}
GOLDEN = {"path": "/predict", "body": '{"text": "hello"}', "timeoutSeconds": 10, "retries": 1}


async def good_release(stage: Stage, name: str, rate: float = RATE) -> Run:
    """Another bento: exported, built, verified, switched to, and the previous one taken away."""
    async with under_load(stage, name, rate) as run:
        await stage.change(name, bento={"tag": SECOND})
        await ready(stage, name)
        await alone(stage, name)
    run.note(TO_SWITCH, run.changed_at, run.timeline.moved(run.after, run.changed_at))
    return run


async def never_ready(stage: Stage, name: str, rate: float = RATE) -> Run:
    return await _failing(stage, name, rate, "never ready", progressDeadlineSeconds=20)


async def answers_nan(stage: Stage, name: str, rate: float = RATE) -> Run:
    return await _failing(stage, name, rate, "answers NaN", verify=[GOLDEN])


async def crashes_after_switch(stage: Stage, name: str, rate: float = RATE) -> Run:
    """Both pods die under the requests, some seconds after they got them."""
    watch = {"seconds": 60, "maxErrorRatio": "0.5"}
    return await _failing(stage, name, rate, f"crashes: {2 * int(rate)}", watch=watch, verify=[GOLDEN])


async def errors_after_switch(stage: Stage, name: str, rate: float = RATE) -> Run:
    return await _failing(stage, name, rate, "errors: 0.25", watch=ERRORS)


async def slow_after_switch(stage: Stage, name: str, rate: float = RATE) -> Run:
    watch = {"seconds": 60, "maxLatencyP99": "500ms", "minRequests": 20}
    return await _failing(stage, name, rate, "slow: 1", watch=watch)


async def failing_canary(stage: Stage, name: str, rate: float = RATE) -> Run:
    """It fails at its first step, with a part of the requests."""
    steps = [{"setWeight": 25}, {"pause": {}}]
    return await _failing(stage, name, rate, "errors: 0.25", strategy="Canary", steps=steps, watch=ERRORS)


async def _failing(stage: Stage, name: str, rate: float, mood: str, **rollout: Any) -> Run:
    """A release that fails; the load goes on until the one before serves alone and the failed one's pods are gone."""
    async with under_load(stage, name, rate) as run:
        await stage.change(name, env=[{"name": "MOOD", "value": mood}], rollout=rollout)
        failed = await quarantined(stage, name)
        await alone(stage, name)
    _time_the_rollback(run, name, failed)
    return run


def _time_the_rollback(run: Run, name: str, failed: str) -> None:
    """Nothing, unless the release had got requests: astray is one that met it after the decision, or failed."""
    detected, left = run.timeline.quarantined(failed), run.timeline.left(run.before)
    if left is None:
        return
    pods = naming.release_name(name, failed)
    astray = [each for each in run.tally.outcomes if each.release == pods or each.failure]
    run.note(DETECTED, min((each.ended for each in astray if each.failure), default=None), detected)
    run.note(WRITTEN, detected, run.timeline.moved(run.before, left))
    run.note(NEW_CONNECTIONS, detected, max((each.due for each in astray if each.fresh), default=None))
    run.note(KEPT_CONNECTIONS, detected, max((each.due for each in astray if not each.fresh), default=None))


async def canary(stage: Stage, name: str, rate: float = RATE) -> Run:
    """A quarter of the pods, then half, then all."""
    pause = {"pause": {"duration": "10s"}}
    steps = [{"setWeight": 25}, pause, {"setWeight": 50}, pause]
    async with under_load(stage, name, rate) as run:
        await stage.change(
            name, bento={"tag": SECOND}, rollout={"strategy": "Canary", "steps": steps, "verify": [GOLDEN]}
        )
        await ready(stage, name)
        await alone(stage, name)
    pods = naming.release_name(name, run.after)
    run.shares = [
        Share(weight, 100 * run.tally.share(pods, since, until))
        for since, until, weight in run.timeline.weights()
        if until - since >= LONG_ENOUGH
    ]
    return run


async def reverted(stage: Stage, name: str, rate: float = RATE) -> Run:
    """A good release, taken back in the spec once the one before has no pods any more."""
    await _release_another(stage, name)
    await alone(stage, name)
    return await _take_back(stage, name, rate)


async def reverted_at_once(stage: Stage, name: str, rate: float = RATE) -> Run:
    """The same while the pods of the one before still run."""
    await _release_another(stage, name)
    return await _take_back(stage, name, rate)


async def _release_another(stage: Stage, name: str) -> None:
    await stage.change(name, env=[{"name": "MOOD", "value": "slow start: 5"}])
    await ready(stage, name)


async def _take_back(stage: Stage, name: str, rate: float) -> Run:
    async with under_load(stage, name, rate) as run:
        await stage.change(name, env=[])
        await ready(stage, name)
        await alone(stage, name)
    run.note(TO_SWITCH, run.changed_at, run.timeline.moved(run.after, run.changed_at))
    return run


async def in_place(stage: Stage, name: str, rate: float = RATE) -> Run:
    """Another bento with spec.rollout.strategy InPlace, once the model has come to be run that way."""
    await stage.change(
        name, rollout={"strategy": "InPlace"}, env=[{"name": "MOOD", "value": "slow start: 1"}]
    )
    await ready(stage, name)
    await alone(stage, name)
    async with under_load(stage, name, rate) as run:
        await stage.change(name, bento={"tag": SECOND})
        await ready(stage, name)
        await alone(stage, name)
    return run


async def operator_killed(stage: Stage, name: str, rate: float = RATE) -> Run:
    """SIGKILL once when the new release's pods are being made, once when the address has just moved."""
    async with under_load(stage, name, rate) as run:
        await stage.change(name, bento={"tag": SECOND})

        async def being_made() -> bool:
            return len(await releases(stage, name)) == 2

        await stage.until(being_made, "the second BentoDeployment", PATIENCE)
        kill_operator(stage)
        await switched(stage, name, run.before)
        kill_operator(stage)
        await ready(stage, name)
        await alone(stage, name)
    return run


def kill_operator(stage: Stage) -> None:
    """SIGKILL to every process of the operator's pod; the node starts its container again."""
    here = processes.marked(processes.POD_VARIABLE, str(stage.home.root))
    chosen = [process for process in here if b"e2i.controller" in _command(process.pid)]
    assert chosen, "no process of the operator runs"
    for process in chosen:
        os.kill(process.pid, signal.SIGKILL)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""
