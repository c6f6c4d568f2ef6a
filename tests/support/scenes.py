"""What many scenarios begin and end with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.fake_yatai import MEMORY
from support.world import World, digest_of

HOUR = 3600


def mode(value: str) -> list[dict[str, str]]:
    """The variable by which the world knows what is wrong with a release."""
    return [{"name": "MODE", "value": value}]


def marked(value: str) -> dict[str, dict[str, str]]:
    """The same by the limit of memory. The bucket keeps it, and no values of variables."""
    return {"limits": {"memory": next(amount for amount, mode in MEMORY.items() if mode == value)}}


def hurried(**rollout: Any) -> dict[str, Any]:
    """A rollout whose waits are short."""
    return {"progressDeadlineSeconds": 100, "scaleDownDelaySeconds": 10, **rollout}


async def serve(world: World, passes: int = 60, **spec: Any) -> str:
    """Apply a spec that goes well, and wait until its release serves."""
    world.apply(**spec)
    await world.run(passes=passes)
    name = spec.get("name", "churn")
    assert world.condition(name=name) == "True/Ready"
    return world.address(name) or ""


async def until(world: World, happened: Callable[[], object], within: int = 200) -> None:
    """Let a second pass after the other until it has happened."""
    for _ in range(within):
        if happened():
            return
        await world.run(passes=1)
    raise AssertionError(f"it has not happened after {within} s: {world.status()}")


async def quiet(world: World) -> None:
    """Settled means quiet: neither another pass, nor a restart, nor an hour later is anything written."""
    world.kube.writes.clear()
    for _ in range(2):
        for model in list(world.cache.models()):
            await world.run_pass(model.key)
        await world.restart()
        await world.run(passes=3)
        await world.run(passes=30, step=HOUR / 30)
    assert not world.kube.writes


def spoil(world: World, cause: str, release: str = "bad") -> None:
    """Make the release with this MODE, or the bento churn:2, fail in a certain way."""
    yatai = world.yatai
    places: dict[str, set[str]] = {
        "BuildFailed": yatai.bad_builds,
        "BuildDeadlineExceeded": yatai.slow_builds,
        "ProgressDeadlineExceeded": yatai.bad_pods,
        "CrashLoop": yatai.crashing,
        "ImagePullFailed": yatai.unpullable,
        "DeploymentRefused": yatai.parked,
        "PodsRefused": yatai.refused,
        "PredictionNotFinite": world.verification.bad_answers,
        "ErrorRatioExceeded": world.guard.bad_metrics,
    }
    places[cause].add(digest_of("churn:2") if cause.startswith("Build") else release)


def heal(world: World) -> None:
    """Nothing is wrong any more."""
    yatai = world.yatai
    for place in (yatai.bad_builds, yatai.slow_builds, yatai.bad_pods, yatai.crashing, yatai.unpullable):
        place.clear()
    for place in (yatai.parked, yatai.refused, world.verification.bad_answers, world.guard.bad_metrics):
        place.clear()


CAUSES = (
    "BuildFailed",
    "BuildDeadlineExceeded",
    "ProgressDeadlineExceeded",
    "CrashLoop",
    "ImagePullFailed",
    "DeploymentRefused",
    "PodsRefused",
    "PredictionNotFinite",
    "ErrorRatioExceeded",
)
CHECKED: dict[str, Any] = {
    "verify": [{"path": "/predict"}],
    "watch": {"seconds": 20, "maxErrorRatio": "0.1"},
}
"""A rollout in which each of the causes can be found."""
