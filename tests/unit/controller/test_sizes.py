"""How many pods each of two releases has, step by step, and what share of the requests that is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_model,
    a_service,
    a_workload,
    at_step,
    beside,
    failed,
    seconds,
    seen,
    seen_ready,
)

from e2i.api import naming
from e2i.api.model import Autoscaling, Model, Pause, SetWeight, Step, Strategy
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases import sizes
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules import table

STEPS: tuple[Step, ...] = (SetWeight(10), Pause(60), SetWeight(50), Pause(None), SetWeight(80))
OLD = a_model(env=(("VERSION", "old"),))
OLD_RELEASE = naming.release_of(OLD, DIGEST)
RELEASE = naming.release_of(a_model(), DIGEST)
SHARED = replace(a_service(release=OLD_RELEASE), selector={naming.MODEL_LABEL: "churn"})


def canary(pods: int, *weights: int, autoscaling: Autoscaling | None = None) -> Model:
    steps = tuple(SetWeight(each) for each in weights) or STEPS
    rollout = {"strategy": Strategy.CANARY, "steps": steps}
    return a_model(replicas=pods, autoscaling=autoscaling, rollout=rollout)


def side_by_side(model: Model, *, ready: int = 1, stable: int | None = None) -> Observed:
    state = seen_ready(model, workloads=(a_workload(a_deployment(model), wanted=ready),))
    old = a_deployment(replace(OLD, autoscaling=model.autoscaling))
    return beside(state, old, ready=model.autoscaling.minimum if stable is None else stable, service=SHARED)


@pytest.mark.parametrize(
    ("step", "weight", "rest"),
    [
        (0, 10, None),
        (1, 10, 60),
        (2, 50, None),
        (3, 50, float("inf")),
        (4, 80, None),
        (5, 100, None),
        (9, 100, None),
    ],
)
def test_the_weight_and_the_rest_of_a_step(step: int, weight: int, rest: float | None) -> None:
    assert (sizes.weight(STEPS, step), sizes.pause_seconds(STEPS, step)) == (weight, rest)


def test_before_the_first_weight_a_canary_has_none() -> None:
    assert sizes.weight((Pause(60), SetWeight(10)), 0) == 0
    assert sizes.weight((), 0) == 100


@pytest.mark.parametrize(
    ("pods", "weight", "canary_pods", "stable_pods"),
    [
        pytest.param(10, 10, 1, 10, id="a tenth of ten is one beside ten"),
        pytest.param(10, 50, 10, 10, id="half is as many beside as many"),
        pytest.param(10, 80, 10, 3, id="beyond a half the stable release shrinks"),
        pytest.param(10, 99, 10, 1, id="but never to nothing"),
        pytest.param(1, 10, 1, 1, id="of one pod there is no tenth"),
        pytest.param(3, 1, 1, 3, id="nor is a canary ever nothing"),
        pytest.param(4, 30, 2, 4, id="a half is rounded upwards"),
    ],
)
def test_two_sizes_for_a_share(pods: int, weight: int, canary_pods: int, stable_pods: int) -> None:
    model = at_step(canary(pods, weight), 0)
    state = side_by_side(model, ready=canary_pods)
    assert sizes.size_of(Situation(model, state), RELEASE).minimum == canary_pods
    assert sizes.size_of(Situation(model, state), OLD_RELEASE).minimum == stable_pods


def test_the_stable_release_shrinks_only_when_the_canary_is_whole() -> None:
    model = at_step(canary(10, 80), 0)
    assert sizes.size_of(Situation(model, side_by_side(model, ready=9)), OLD_RELEASE) == model.autoscaling


def test_at_the_end_the_stable_release_keeps_its_last_size() -> None:
    model = at_step(canary(10, 80), 1)
    assert sizes.size_of(Situation(model, side_by_side(model, ready=10)), OLD_RELEASE).maximum == 3
    assert sizes.size_of(Situation(model, side_by_side(model, ready=10)), RELEASE) == model.autoscaling


def test_a_canary_follows_what_the_autoscaler_made_of_the_stable_release() -> None:
    model = at_step(canary(1, 20, autoscaling=Autoscaling(minimum=2, maximum=20)), 0)
    assert sizes.size_of(Situation(model, side_by_side(model, stable=12)), RELEASE) == Autoscaling(
        minimum=3, maximum=3
    )
    gone = replace(side_by_side(model), workloads=())
    assert sizes.size_of(Situation(model, gone), RELEASE) == Autoscaling(minimum=1, maximum=1)


@pytest.mark.parametrize(
    ("model", "state"),
    [
        pytest.param(canary(3), seen(), id="nothing is known yet"),
        pytest.param(canary(3), seen_ready(canary(3)), id="nothing serves yet"),
        pytest.param(
            canary(3), seen_ready(canary(3), service=a_service(release=RELEASE)), id="it serves alone"
        ),
        pytest.param(canary(3), seen_ready(canary(3), service=SHARED), id="what serves is gone"),
        pytest.param(failed(canary(3)), side_by_side(canary(3)), id="it failed"),
        pytest.param(a_model(replicas=3), side_by_side(a_model(replicas=3)), id="it is no canary"),
    ],
)
def test_without_a_canary_everything_has_the_size_of_the_spec(model: Model, state: Observed) -> None:
    assert not sizes.is_canary(Situation(model, state))
    assert sizes.canary_progress(Situation(at_step(model, 1), state)) is None
    assert sizes.size_of(Situation(model, state), OLD_RELEASE) == model.autoscaling


def test_a_canary_that_was_overtaken_begins_anew() -> None:
    model = at_step(canary(3), 3, release="0000aaaa")
    assert sizes.is_canary(Situation(model, side_by_side(model)))
    assert sizes.canary_progress(Situation(model, side_by_side(model))) is None
    assert sizes.canary_progress(Situation(at_step(model, 3), side_by_side(model)))


@pytest.mark.parametrize(
    ("ready", "stable", "percent"),
    [(1, 10, 9), (10, 10, 50), (10, 3, 77), (0, 3, 0), (0, 0, 0)],
)
def test_what_the_share_really_is(ready: int, stable: int, percent: int) -> None:
    model = at_step(canary(10, 10), 0)
    workloads = (
        a_workload(a_deployment(model), wanted=10, ready=ready),
        a_workload(a_deployment(OLD), wanted=10, ready=stable),
    )
    state = replace(side_by_side(model), workloads=workloads)
    assert sizes.actual_weight(Situation(model, state)) == percent


def test_an_address_that_is_not_shared_gives_a_canary_nothing() -> None:
    model = at_step(canary(10, 10), 0)
    alone = replace(side_by_side(model), service=a_service(release=OLD_RELEASE, switched_at=NOON))
    assert sizes.actual_weight(Situation(model, alone)) == 0
    assert sizes.actual_weight(Situation(model, seen())) == 0


IN_PLACE = a_model(
    autoscaling=Autoscaling(minimum=2, maximum=8),
    rollout={"strategy": Strategy.IN_PLACE, "scale_down_delay": 30},
)
EDITED = replace(a_deployment(IN_PLACE), name=naming.inplace_name("churn"))


def edited(pods: int, *, asked: int = 0, switched: int | None = None) -> Situation:
    """An edit in place of `asked` seconds after noon that began with `pods`; it serves since `switched`."""
    spec = {**EDITED.spec, "autoscaling": {**EDITED.spec["autoscaling"], "minReplicas": pods}}
    child = replace(EDITED, spec=spec, asked_at=NOON + seconds(asked))
    since = None if switched is None else NOON + seconds(switched)
    service = a_service(IN_PLACE, release=RELEASE if switched is not None else OLD_RELEASE, switched_at=since)
    return Situation(IN_PLACE, seen_ready(IN_PLACE, deployments=(child,), service=service))


@pytest.mark.parametrize(
    ("situation", "after", "left"),
    [
        pytest.param(edited(6, switched=50), 60, 20, id="a release that has just taken over keeps its pods"),
        pytest.param(edited(6, switched=50), 80, None, id="until its autoscaler has seen the load"),
        pytest.param(edited(6, asked=50, switched=0), 60, 20, id="and so does one that was taken back"),
        pytest.param(edited(2, switched=50), 60, None, id="with the fewest there is nothing to keep"),
    ],
)
def test_how_long_an_edit_in_place_keeps_its_pods(situation: Situation, after: int, left: int | None) -> None:
    now = NOON + seconds(after)
    assert sizes.held_for(situation, now) == (None if left is None else seconds(left))
    (child,) = situation.seen.deployments
    assert sizes.held_size(situation, child, now).minimum == (6 if left else 2)
    if left:
        assert table.plan(situation, now).look_again == seconds(left)


def test_without_an_autoscaler_an_edit_in_place_keeps_nothing() -> None:
    fixed = replace(IN_PLACE, autoscaling=Autoscaling(minimum=2, maximum=2))
    assert sizes.held_for(Situation(fixed, edited(6, switched=50).seen), NOON + seconds(60)) is None


SCALED = a_model(autoscaling=Autoscaling(minimum=2, maximum=8))
NEXT = a_model(env=(("VERSION", "next"),), autoscaling=SCALED.autoscaling)


def scaled(model: Model, *, beside_another: bool) -> Situation:
    """The release of SCALED has the address and began with six pods."""
    child = a_deployment(SCALED)
    child = replace(
        child, spec={**child.spec, "autoscaling": {**child.spec["autoscaling"], "minReplicas": 6}}
    )
    state = seen_ready(SCALED, deployments=(child,), service=a_service(SCALED, release=RELEASE))
    return Situation(model, beside(state, a_deployment(OLD)) if beside_another else state)


@pytest.mark.parametrize(
    ("situation", "least"),
    [
        pytest.param(scaled(SCALED, beside_another=True), 6, id="new: the one before is kept"),
        pytest.param(scaled(SCALED, beside_another=False), 2, id="its autoscaler has seen the load"),
        pytest.param(scaled(NEXT, beside_another=True), 2, id="the one before a next one"),
    ],
)
def test_under_an_autoscaler_a_release_keeps_the_pods_that_it_began_with_while_it_is_new(
    situation: Situation, least: int
) -> None:
    assert sizes.size_of(situation, RELEASE).minimum == least
