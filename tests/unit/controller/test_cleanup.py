"""What no release needs any more: pods of others, images and archives beyond the history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    a_deployment,
    a_line,
    a_model,
    a_request,
    a_service,
    a_workload,
    an_artifact,
    beside,
    failed,
    seconds,
    seen_ready,
    seen_serving,
)

from e2i.api import naming
from e2i.api.model import Model, Rollback
from e2i.controller.core.actions import DeleteArchive, DeleteDeployment, DeleteRequest
from e2i.controller.core.children import BentoRequest
from e2i.controller.core.own_bento import Bento
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules import cleanup

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
OLD = a_model(env=(("VERSION", "old"),))
OLD_DEPLOYMENT = a_deployment(OLD)
OLD_SERVES = a_service(release=OLD_DEPLOYMENT.release or "", switched_at=NOON - seconds(3600))
AFTER_SWITCH = beside(seen_serving(MODEL), OLD_DEPLOYMENT, service=a_service(release=RELEASE))
AFTER_FAILURE = beside(seen_ready(MODEL), OLD_DEPLOYMENT, service=OLD_SERVES)


def removed(model: Model, state: Any, after: float) -> tuple[list[str], float | None]:
    chosen = cleanup.retire_previous_releases(Situation(model, state), NOON + seconds(after))
    if chosen is None:
        return [], None
    names = [action.name for action in chosen.actions if isinstance(action, DeleteDeployment)]
    return names, chosen.look_again.total_seconds() if chosen.look_again is not None else None


@pytest.mark.parametrize(
    ("model", "after", "left"),
    [
        pytest.param(MODEL, 0, 30, id="the whole delay is left when the address has just moved"),
        pytest.param(MODEL, 29.5, 0.5, id="the next look is exactly when the delay ends"),
        pytest.param(MODEL, 30, None, id="then it goes"),
        pytest.param(
            a_model(rollout={"watch": {"seconds": 120}}), 30, 90, id="it stays as long as there is a watch"
        ),
        pytest.param(a_model(delay=0), 0, None, id="without a delay it goes at once"),
    ],
)
def test_the_previous_release_stays_for_the_delay(model: Model, after: float, left: float | None) -> None:
    assert removed(model, AFTER_SWITCH, after) == ([] if left else [OLD_DEPLOYMENT.name], left)


@pytest.mark.parametrize(
    ("rollback", "after", "gone"),
    [
        pytest.param(Rollback.AUTOMATIC, 29, False, id="its pods can be looked at for a while"),
        pytest.param(Rollback.AUTOMATIC, 30, True, id="then they go"),
        pytest.param(Rollback.MANUAL, 9999, False, id="where people roll back they stay"),
    ],
)
def test_a_failed_release_stays_for_the_delay_after_its_failure(
    rollback: Rollback, after: int, gone: bool
) -> None:
    model = failed(a_model(rollout={"rollback": rollback}))
    names, _ = removed(model, AFTER_FAILURE, after)
    assert names == ([a_deployment(MODEL).name] if gone else [])


def test_of_several_each_goes_in_its_time() -> None:
    older = a_deployment(a_model(env=(("VERSION", "older"),)))
    names, look_again = removed(failed(MODEL), beside(AFTER_FAILURE, older), 10)
    assert (names, look_again) == ([older.name], None)


def test_an_address_without_a_time_keeps_nothing() -> None:
    state = replace(AFTER_SWITCH, service=a_service(release=RELEASE, switched_at=None))
    assert removed(MODEL, state, 0)[0] == [OLD_DEPLOYMENT.name]


@pytest.mark.parametrize(
    ("ready", "after", "gone"),
    [
        pytest.param(1, 30, True, id="the one that serves waits for room"),
        pytest.param(1, 29, False, id="but not before its time"),
        pytest.param(2, 30, False, id="there is no want of room"),
        pytest.param(0, 30, False, id="the one that serves is in worse problem"),
    ],
)
def test_room_is_made_for_a_release_that_is_not_whole(ready: int, after: int, gone: bool) -> None:
    model = a_model(replicas=2)
    mine = a_workload(a_deployment(model), wanted=2, ready=ready)
    state = beside(seen_serving(model, workloads=(mine,)), OLD_DEPLOYMENT)
    chosen = cleanup.make_room(Situation(model, state), NOON + seconds(after))
    assert (chosen is not None) is gone


# Images.


def earlier(number: int, **changes: Any) -> BentoRequest:
    digest = "sha256:" + f"{number:08x}" * 8
    made = a_request(tag=f"churn_model:0.{number}", digest=digest, created=NOON - seconds(1000 - number))
    return replace(made, **changes)


def dropped(model: Model, *requests: BentoRequest, **changes: Any) -> list[str]:
    state = replace(seen_serving(MODEL), requests=(a_request(), *requests), **changes)
    chosen = cleanup.trim_images(Situation(model, state), NOON)
    return [action.name for action in chosen.actions if isinstance(action, DeleteRequest)] if chosen else []


def served(*numbers: int) -> list[dict[str, Any]]:
    return [a_line(f"0000000{number}", digest=earlier(number).digest) for number in numbers]


@pytest.mark.parametrize(
    ("model", "kept"),
    [
        pytest.param(a_model(history=3), {1, 2, 3}, id="all that the limit allows"),
        pytest.param(a_model(history=2), {2, 3}, id="the youngest, if none served"),
        pytest.param(a_model(history=0), set(), id="none"),
        pytest.param(
            a_model(history=1, status={"history": served(1)}), {1}, id="one that served before younger ones"
        ),
        pytest.param(a_model(history=2, status={"history": served(1, 2)}), {1, 2}, id="those that served"),
        pytest.param(
            a_model(history=1, status={"history": served(1, 3)}), {1}, id="the one that served last"
        ),
    ],
)
def test_images_beyond_the_history_go(model: Model, kept: set[int]) -> None:
    gone = dropped(model, earlier(1), earlier(2), earlier(3))
    assert set(gone) == {earlier(number).name for number in {1, 2, 3} - kept}


def test_an_image_that_a_deployment_runs_is_never_removed() -> None:
    runs = replace(OLD_DEPLOYMENT, spec={**OLD_DEPLOYMENT.spec, "bento": earlier(1).name})
    gone = dropped(a_model(history=0), earlier(1), earlier(2), deployments=(a_deployment(MODEL), runs))
    assert gone == [earlier(2).name]


def test_an_archive_that_somebody_else_brought_stays_when_its_image_goes() -> None:
    model = a_model(history=0, archive=DIGEST)
    chosen = cleanup.trim_images(
        Situation(model, replace(seen_serving(model), requests=(a_request(), earlier(1)))), NOON
    )
    assert chosen
    assert chosen.actions == (DeleteRequest(earlier(1).name, earlier(1).uid),)


def test_the_archive_goes_before_the_request_that_tells_of_it() -> None:
    state = replace(seen_serving(MODEL), requests=(a_request(), earlier(1), earlier(2, artifact=None)))
    chosen = cleanup.trim_images(Situation(a_model(history=0), state), NOON)
    assert chosen
    known = earlier(1).artifact
    assert known
    assert chosen.actions == (
        DeleteRequest(earlier(2).name, earlier(2).uid),
        DeleteArchive(known.uri, known.digest),
        DeleteRequest(earlier(1).name, earlier(1).uid),
    )


def test_the_bento_of_an_image_goes_and_nothing_of_the_bucket() -> None:
    image = replace(
        an_artifact(digest=DIGEST), uri=f"docker://r.example/churn@{DIGEST}", image="r.example/churn:1"
    )
    own = Bento(**{**vars(earlier(1)), "artifact": image})
    state = replace(seen_serving(MODEL), requests=(a_request(), own))
    chosen = cleanup.trim_images(Situation(a_model(history=0), state), NOON)
    assert chosen
    assert chosen.actions == (DeleteRequest(own.name, own.uid, "Bento"),)
