"""What serves is asked its golden predictions again and again: in the background, and nothing follows but a metric."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from support.builders import a_model, seen_serving

from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.metrics.operator_series import Probed
from e2i.controller.core.releases.situation import Situation
from e2i.controller.edge.golden_probe import AT_ONCE, GoldenProbe, golden_probe
from e2i.kube import ApiError

CHECKS = {"checks": {"verify": [{"path": "/predict"}]}}
MODEL = a_model(rollout=CHECKS)
WRONG = Problem(reason=Reason.VerificationFailed, message="it should be 7, but is 8", final=True)
NO_SECRET = Problem(reason=Reason.SecretUnreadable, message="there is no Secret token")


class Release:
    """Releases with ready pods, and what they answer."""

    def __init__(self) -> None:
        self.addresses = ["10.0.0.7"]
        self.answer: Problem | Exception | None = None
        self.asked: list[tuple[str, str]] = []
        self.broken = ""
        self.at_once = self.most_at_once = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def release_addresses(self, key: tuple[str, str], release: str) -> list[str]:
        return self.addresses

    async def __call__(self, model: Model, name: str, owner: str) -> Problem | None:
        self.asked.append((name, owner))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.meanwhile()
        self.at_once -= 1
        if model.name == self.broken:
            raise RuntimeError("a bug")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def release() -> Release:
    return Release()


@pytest.fixture
def probe(release: Release) -> GoldenProbe:
    return GoldenProbe(release, release, 1)  # type: ignore[arg-type]


def serving(model: Model = MODEL) -> Situation:
    return Situation(model, seen_serving(model))


async def result(probe: GoldenProbe, key: tuple[str, str] = MODEL.key) -> bool | None:
    await probe.ask_all()
    found = probe.results.get(key)
    return found.passed if found else None


async def test_the_metric_says_what_was_answered_last(probe: GoldenProbe, release: Release) -> None:
    here = serving()
    probe.follow(here)
    assert not probe.results
    assert await result(probe)
    assert here.serving
    assert probe.results == {MODEL.key: Probed(here.serving, passed=True)}
    child = here.seen.deployment(here.serving)
    assert child
    assert release.asked == [(child.name, child.uid)]
    release.answer = WRONG
    assert await result(probe) is False


async def test_only_a_change_is_logged(
    probe: GoldenProbe, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "e2i")
    probe.follow(serving())
    for answer in (WRONG, WRONG, None, None, WRONG):
        release.answer = answer
        await probe.ask_all()
        probe.follow(serving())  # As each pass does.
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO", "WARNING"]
    assert "it should be 7, but is 8" in caplog.text


@pytest.mark.parametrize(
    "model",
    [a_model(), a_model(rollout={"checks": {"verify": [{"path": "no path"}]}})],
    ids=["none", "none that can be read"],
)
async def test_a_model_without_golden_predictions_is_not_asked(
    probe: GoldenProbe, release: Release, model: Model
) -> None:
    probe.follow(serving(model))
    assert await result(probe) is None
    assert not release.asked


async def test_a_model_is_asked_no_more_when_nothing_serves_or_it_is_gone(
    probe: GoldenProbe, release: Release
) -> None:
    probe.follow(serving())
    assert await result(probe)
    probe.follow(Situation(MODEL, seen_serving(MODEL, service=None)))
    assert await result(probe) is None
    probe.follow(serving())
    probe.forget(MODEL.key)
    assert await result(probe) is None
    assert len(release.asked) == 1


async def test_nothing_is_said_while_nobody_can_know(
    probe: GoldenProbe, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    probe.follow(serving())
    assert await result(probe)
    release.answer = ApiError(0, "Unreachable", "no connection")
    assert await result(probe), "as it was"
    assert not caplog.records, "the API server has alerts of its own"
    release.answer = NO_SECRET
    assert await result(probe) is None
    release.answer, release.addresses = WRONG, []
    assert await result(probe) is None, "it is parked"


async def test_other_golden_predictions_begin_anew(probe: GoldenProbe, release: Release) -> None:
    release.answer = WRONG
    probe.follow(serving())
    assert await result(probe) is False
    other = a_model(rollout={"checks": {"verify": [{"path": "/other"}]}})
    probe.follow(serving(other))
    assert not probe.results
    release.meanwhile = lambda: probe.follow(serving())
    await probe.ask_all()
    assert not probe.results, "what was answered is of the others"


async def test_a_bug_of_one_model_keeps_nobody_from_being_asked_and_few_are_asked_at_once(
    probe: GoldenProbe, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    models = [a_model(name=f"m{number}", rollout=CHECKS) for number in range(3 * AT_ONCE)]
    release.broken = "m3"
    for model in models:
        probe.follow(serving(model))
    await probe.ask_all()
    assert len(probe.results) == len(models) - 1
    assert release.most_at_once == AT_ONCE
    assert "could not be asked" in caplog.text


def test_without_the_setting_nobody_is_asked() -> None:
    assert golden_probe(0, None, None, ()) is None  # type: ignore[arg-type]
