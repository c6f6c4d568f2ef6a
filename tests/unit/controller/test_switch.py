"""The address: where it leads, in whose share, and what holds it where it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    TAG,
    a_deployment,
    a_line,
    a_model,
    a_record,
    a_request,
    a_service,
    a_workload,
    at_step,
    beside,
    failed,
    seconds,
    seen,
    seen_ready,
    seen_serving,
    seen_starting,
)

from e2i.api import naming, release_record
from e2i.api.conditions import Reason
from e2i.api.model import Model, Pause, SetWeight, Step, Strategy
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import ApplyService, WriteRecord
from e2i.controller.core.observed import Observed
from e2i.controller.core.persisted_status import Entry
from e2i.controller.core.releases import recording
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.rules import address, switch
from e2i.controller.core.rules.table import plan

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
OLD = a_model(env=(("VERSION", "old"),))
OLD_RELEASE = naming.release_of(OLD, DIGEST)
LONG_AGO = NOON - seconds(3600)
OLD_SERVES = a_service(release=OLD_RELEASE, switched_at=LONG_AGO)
ALL = {naming.MODEL_LABEL: "churn"}
SHARED = replace(OLD_SERVES, selector=ALL)
STEPS: tuple[Step, ...] = (SetWeight(10), Pause(60), SetWeight(50), Pause(None))
CANARY = a_model(rollout={"strategy": Strategy.CANARY, "steps": STEPS})
IN_PLACE = a_model(rollout={"strategy": Strategy.IN_PLACE})
EDITED = replace(a_deployment(IN_PLACE), name="churn-inplace")
NEW_PODS = (a_workload(a_deployment(MODEL)),)
THIRD = a_model(env=(("VERSION", "third"),))


def side_by_side(service: Any = SHARED, **changes: Any) -> Observed:
    return beside(seen_ready(MODEL), a_deployment(OLD), service=service, **changes)


@pytest.mark.parametrize(
    ("model", "state", "selector"),
    [
        pytest.param(at_step(CANARY, 0), side_by_side(OLD_SERVES), ALL, id="a canary with a share: all pods"),
        pytest.param(at_step(CANARY, 0), side_by_side(SHARED), None, id="it has them already"),
        pytest.param(failed(at_step(CANARY, 0)), side_by_side(SHARED), naming.pod_labels("churn", OLD_RELEASE),
                     id="a canary that failed loses its share at once"),
        pytest.param(at_step(CANARY, 0, release="0000aaaa"), side_by_side(SHARED),
                     naming.pod_labels("churn", OLD_RELEASE), id="so does one that was overtaken"),
        pytest.param(a_model(), side_by_side(SHARED), naming.pod_labels("churn", OLD_RELEASE),
                     id="so does one that is no canary any more"),
        pytest.param(a_model(), side_by_side(replace(OLD_SERVES, serving=None)),
                     naming.pod_labels("churn", OLD_RELEASE), id="a lost annotation is written again"),
        pytest.param(a_model(), side_by_side(OLD_SERVES), None, id="nothing is to be changed"),
        pytest.param(a_model(), replace(side_by_side(SHARED), workloads=()), naming.pod_labels("churn", OLD_RELEASE),
                     id="without any ready pod it is narrowed, before a third release gets its first ones"),
        pytest.param(a_model(), replace(side_by_side(OLD_SERVES), workloads=()), None,
                     id="one that is narrow stays so without a ready pod"),
        pytest.param(MODEL, side_by_side(SHARED, workloads=NEW_PODS), None,
                     id="the only ready pods at it keep their requests"),
        pytest.param(at_step(CANARY, 0), side_by_side(OLD_SERVES, workloads=NEW_PODS), ALL,
                     id="a canary gets the requests that its predecessor cannot answer"),
        pytest.param(at_step(CANARY, 0), side_by_side(SHARED, workloads=NEW_PODS), None, id="and keeps them"),
        pytest.param(THIRD, side_by_side(SHARED, workloads=NEW_PODS), naming.pod_labels("churn", RELEASE),
                     id="also when it is overtaken"),
        pytest.param(a_model(), seen_ready(MODEL), None, id="there is no address yet"),
        pytest.param(a_model(), seen_ready(MODEL, service=replace(SHARED, serving=None)), None,
                     id="nobody knows whose it is"),
        pytest.param(IN_PLACE, seen_serving(IN_PLACE, deployments=(EDITED,), workloads=(a_workload(EDITED),)), ALL,
                     id="one that is edited in place keeps all its pods"),
    ],
)  # fmt: skip
def test_where_the_address_leads(model: Model, state: Observed, selector: dict[str, str] | None) -> None:
    chosen = address.restore_address(Situation(model, state), NOON)
    (action,) = chosen.actions if chosen else (None,)
    assert (dict(action.selector) if isinstance(action, ApplyService) else None) == selector


NAMELESS = replace(a_deployment(THIRD), name="a", uid="uid-a", release=None)
"""A BentoDeployment that lost its labels."""


@pytest.mark.parametrize(
    ("state", "release", "since"),
    [
        pytest.param(side_by_side(SHARED, workloads=NEW_PODS), RELEASE, None, id="to a running one, from now on"),
        pytest.param(side_by_side(SHARED, workloads=()), OLD_RELEASE, LONG_AGO, id="nowhere: it is where it was"),
        pytest.param(
            side_by_side(
                SHARED,
                deployments=(NAMELESS, a_deployment(MODEL), a_deployment(OLD)),
                workloads=(replace(a_workload(NAMELESS), release=None), *NEW_PODS),
            ),
            RELEASE, None, id="never to one that nobody knows by its name",
        ),
    ],
)  # fmt: skip
def test_an_address_that_all_pods_share_moves(state: Observed, release: str, since: datetime | None) -> None:
    chosen = address.restore_address(Situation(THIRD, state), NOON)
    assert chosen
    assert chosen.actions == (ApplyService(release, naming.pod_labels("churn", release), since),)


def test_putting_the_address_right_does_not_count_as_a_switch() -> None:
    chosen = address.restore_address(Situation(MODEL, side_by_side(SHARED)), NOON)
    assert chosen
    (action,) = chosen.actions
    assert isinstance(action, ApplyService)
    assert action.switched_at == LONG_AGO


@pytest.mark.parametrize(
    ("model", "state", "goes"),
    [
        pytest.param(MODEL, seen_serving(MODEL), False, id="nothing failed"),
        pytest.param(failed(MODEL), side_by_side(OLD_SERVES), False, id="the one before it never lost the address"),
        pytest.param(failed(replace(MODEL, status={"history": [a_line(OLD_RELEASE)]})),
                     beside(seen_serving(MODEL), a_deployment(OLD)), True, id="it failed after the switch"),
        pytest.param(failed(MODEL), seen_serving(MODEL, records=(a_record(OLD),)), False,
                     id="what has to be made again takes the usual way"),
    ],
)  # fmt: skip
def test_a_rollback_is_one_write(model: Model, state: Observed, goes: bool) -> None:
    chosen = address.roll_back_failed_release(Situation(model, state), NOON)
    expected = (ApplyService(OLD_RELEASE, naming.pod_labels("churn", OLD_RELEASE)),) if goes else None
    assert (chosen.actions if chosen else None) == expected


def test_there_is_nothing_to_go_back_to_without_a_ready_pod() -> None:
    state = beside(seen(requests=(a_request(),)), a_deployment(OLD), ready=None, service=OLD_SERVES)
    assert address.roll_back_failed_release(Situation(failed(MODEL), state), NOON) is None


@pytest.mark.parametrize(
    ("model", "after", "step", "left"),
    [
        pytest.param(CANARY, 0, 0, 0, id="the first step"),
        pytest.param(at_step(CANARY, 0), 0, 1, 0, id="a share that was reached ends its step"),
        pytest.param(at_step(CANARY, 1), 59, None, 1, id="a pause goes on"),
        pytest.param(at_step(CANARY, 1), 60, 2, 0, id="and ends"),
        pytest.param(replace(at_step(CANARY, 1), promote_at="now"), 1, 2, 0, id="or is ended"),
        pytest.param(
            replace(at_step(CANARY, 1, promotion="now"), promote_at="now"),
            1,
            None,
            59,
            id="but not by what ended another one",
        ),
        pytest.param(at_step(CANARY, 3), 99999, None, None, id="a pause without an end"),
        pytest.param(
            replace(at_step(CANARY, 3), promote_at="now"), 9, 4, 0, id="ends when somebody promotes"
        ),
    ],
)
def test_a_canary_goes_step_by_step(model: Model, after: int, step: int | None, left: int | None) -> None:
    chosen = switch.advance_canary(Situation(model, side_by_side()), NOON + seconds(after))
    assert chosen
    assert (chosen.canary.step if chosen.canary else None) == step
    assert chosen.look_again == (None if left is None else seconds(left))
    if chosen.canary:
        assert chosen.canary.started_at == NOON + seconds(after)
        assert chosen.canary.promotion == model.promote_at


def test_after_its_last_step_a_canary_is_no_more_than_a_release() -> None:
    assert switch.advance_canary(Situation(at_step(CANARY, 4), side_by_side()), NOON) is None
    assert switch.advance_canary(Situation(MODEL, side_by_side()), NOON) is None


def test_a_canary_that_rests_says_its_share_and_how_to_go_on() -> None:
    timed = switch.advance_canary(Situation(at_step(CANARY, 1), side_by_side()), NOON + seconds(20))
    open_ended = switch.advance_canary(Situation(at_step(CANARY, 3), side_by_side()), NOON)
    assert timed
    assert open_ended
    assert f"canary {RELEASE} is at step 2 of 4 with 50 % of the requests (10 % requested)" in timed.message
    assert timed.message.endswith("until 2026-11-21T12:01:00Z or kubectl e2i promote churn -n models")
    assert open_ended.message.endswith("until kubectl e2i promote churn -n models")


@pytest.mark.parametrize(
    ("model", "state", "held"),
    [
        pytest.param(replace(MODEL, paused=True), side_by_side(OLD_SERVES), True, id="it is about to move"),
        pytest.param(MODEL, side_by_side(OLD_SERVES), False, id="nobody holds it"),
        pytest.param(replace(MODEL, paused=True), seen_serving(MODEL), False, id="there is nothing to hold"),
        pytest.param(
            replace(failed(MODEL), paused=True),
            seen_serving(MODEL, records=(a_record(OLD),)),
            False,
            id="a rollback is never held",
        ),
    ],
)
def test_a_rollout_is_held_by_hand(model: Model, state: Observed, held: bool) -> None:
    chosen = switch.hold_paused_rollout(Situation(model, state), NOON)
    assert (chosen is not None) is held
    assert not chosen or "kubectl e2i resume churn -n models" in chosen.message


@pytest.mark.parametrize(
    ("model", "state", "noted"),
    [
        pytest.param(MODEL, side_by_side(OLD_SERVES), False, id="nothing failed"),
        pytest.param(failed(MODEL), side_by_side(OLD_SERVES), True, id="it is not known there"),
        pytest.param(failed(MODEL),
                     side_by_side(OLD_SERVES, recorded_failures=frozenset({trial_of(MODEL, RELEASE)})), False,
                 id="it is known there"),
        pytest.param(MODEL, seen(requests=(), export=None, records=(a_record(MODEL, "Failed"),)), False,
                     id="it comes from there"),
    ],
)  # fmt: skip
def test_a_failure_is_noted_in_the_bucket_once(model: Model, state: Observed, noted: bool) -> None:
    here = Situation(model, state)
    record = recording.unrecorded_failure(here)
    assert (record is not None) is noted
    written = [each for each in plan(here, NOON).actions if isinstance(each, WriteRecord)]
    written = [each for each in written if each.record.result == release_record.FAILED]
    assert written == ([WriteRecord(record)] if record else [])


def test_a_whole_canary_ends_where_a_release_ends() -> None:
    model, state, reasons = CANARY, side_by_side(OLD_SERVES), []
    for now in range(0, 200, 10):
        chosen = plan(Situation(model, state), NOON + seconds(now))
        reasons.append(chosen.reason)
        if chosen.canary:
            model = at_step(model, chosen.canary.step, started_at=chosen.canary.started_at)
        for action in chosen.actions:
            if isinstance(action, WriteRecord):
                assert action.record.result == release_record.CANARY
                state = replace(state, recorded_canaries=frozenset({action.record.trial}))
                continue
            assert isinstance(action, ApplyService)
            state = replace(state, service=replace(SHARED, selector=action.selector))
        if chosen.reason is Reason.CanaryPaused and chosen.look_again is None:
            break
    told = list(dict.fromkeys(reasons))
    assert told == [Reason.Promoting, Reason.Switching, Reason.CanaryPaused]
    assert model.status["rollout"]["step"] == 3


def test_a_deleted_service_comes_back_as_it_was() -> None:
    served_at = NOON - seconds(3600)
    entry = Entry(release=RELEASE, tag=TAG, digest=DIGEST, result="Serving", served_at=served_at)
    model = replace(MODEL, status={"history": [persisted_status.entry_status(entry)]})
    expected = (ApplyService(RELEASE, naming.pod_labels("churn", RELEASE), served_at),)
    assert plan(Situation(model, seen_ready(model)), NOON).actions == expected
    # Without a ready pod it would lead nowhere.
    assert plan(Situation(model, seen_starting(model)), NOON).actions == ()
