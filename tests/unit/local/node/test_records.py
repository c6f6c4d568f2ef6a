from __future__ import annotations

from typing import Any

import pytest

from e2i.local.node.records import BackOff, Record, Running, Terminated, Waiting, restored

BACKOFF = BackOff()


def terminated(code: int = 1, ran: float = 1.0, at: float = 100.0) -> Terminated:
    return Terminated(exit_code=code, reason="Error", started_at=at - ran, finished_at=at)


@pytest.mark.parametrize(
    ("previous", "ran_for", "delay"),
    [
        pytest.param(None, 1, 0, id="the first restart is made at once"),
        pytest.param(0, 1, 10, id="the second waits ten seconds"),
        pytest.param(10, 1, 20, id="each waits twice as long"),
        pytest.param(160, 1, 300, id="but never longer than five minutes"),
        pytest.param(300, 599, 300, id="a run of less than ten minutes counts as a failure"),
        pytest.param(300, 600, 0, id="a run of ten minutes wipes the slate"),
    ],
)
def test_restarts_are_delayed(previous: float | None, ran_for: float, delay: float) -> None:
    assert BACKOFF.after(previous, ran_for) == delay


@pytest.mark.parametrize(("previous", "delay"), [(None, 10), (0, 10), (10, 20), (200, 300)])
def test_a_container_that_cannot_be_created_is_tried_less_and_less(
    previous: float | None, delay: float
) -> None:
    assert BACKOFF.after_refusal(previous) == delay


def test_a_second_attempt_counts_as_a_restart_and_keeps_the_end_of_the_first() -> None:
    first = Record().begun("c1", "i", 99.0)
    second = first.ended(terminated(), BACKOFF).begun("c2", "i", 101.0)
    assert (first.restarts, second.restarts) == (0, 1)
    assert (second.last, second.state) == (terminated(), Running(started_at=101.0))


def test_a_restart_that_is_refused_at_first_is_still_a_restart() -> None:
    ended = Record().begun("c1", "i", 99.0).ended(terminated(), BACKOFF)
    refused = ended.refused("ErrImagePull", "gone", 10.0, 100.0)
    assert (refused.last, refused.not_before) == (terminated(), 110.0)
    assert refused.begun("c2", "i", 120.0).restarts == 1


def test_waiting_for_an_image_does_not_delay_the_first_restart() -> None:
    record = Record().refused("ErrImagePull", "not there", 80.0, 0.0).begun("c", "i", 90.0)
    assert record.restarts == 0
    assert record.ended(terminated(), BACKOFF).delay == 0


STAMP = "1970-01-01T00:01:40Z"
PAST = {"exitCode": 3, "reason": "Error", "startedAt": STAMP, "finishedAt": STAMP}


@pytest.mark.parametrize(
    ("status", "code", "restarts"),
    [
        pytest.param({"state": {"running": {"startedAt": STAMP}}, "restartCount": 2}, 137, 2, id="it ran"),
        pytest.param({"state": {"terminated": PAST}}, 3, 0, id="it had ended"),
        pytest.param(
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": PAST},
                "restartCount": 4,
            },
            3,
            4,
            id="it waited for its next restart",
        ),
    ],
)
def test_a_new_agent_takes_over_what_the_old_one_reported(
    status: dict[str, Any], code: int, restarts: int
) -> None:
    record = restored(status, 200.0)
    assert isinstance(record.state, Terminated)
    assert record.state.exit_code == code
    assert record.begun("c", "i", 201.0).restarts == restarts + 1


def test_a_container_that_never_ran_begins_without_a_restart() -> None:
    record = restored({"state": {"waiting": {"reason": "ImagePullBackOff"}}, "restartCount": 0}, 1.0)
    assert record.state == Waiting()
    assert record.begun("c", "i", 2.0).restarts == 0
