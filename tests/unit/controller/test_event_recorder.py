"""Events: a repeated one is counted, too many are dropped, and no failure stops a pass."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from support.builders import NOON, a_model, seconds

from e2i.controller.core.status.transitions import Transition
from e2i.controller.edge import event_recorder as module
from e2i.controller.edge.event_recorder import BURST, REFILL, EventRecorder
from e2i.kube import ApiError

MODEL = a_model()
READY = Transition(type="Ready", status="True", reason="Ready", message="release 1 serves", warning=False)
LATE = Transition(type="Ready", status="False", reason="Scaling", message="1 of 2 pods", warning=False)
FAILED = Transition(type="Ready", status="False", reason="BuildFailed", message="it broke", warning=True)


class Events:
    """The Events of an API server, which may answer with errors."""

    def __init__(self) -> None:
        self.posted: dict[str, dict[str, Any]] = {}
        self.errors: list[ApiError] = []

    async def create(self, _: object, namespace: str, body: dict[str, Any], **__: object) -> None:
        self._fail()
        name = body["metadata"]["name"]
        assert (namespace, name in self.posted) == ("models", False)
        self.posted[name] = body

    async def patch(self, _: object, namespace: str, name: str, body: dict[str, Any], **__: object) -> None:
        self._fail()
        if name not in self.posted:
            raise ApiError(404, "NotFound", f"events {name} not found")
        self.posted[name] |= body

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)

    def counts(self) -> list[tuple[str, int]]:
        """(reason, count) in the order of their names."""
        return [(self.posted[name]["reason"], self.posted[name]["count"]) for name in sorted(self.posted)]


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def recorder(events: Events) -> EventRecorder:
    return EventRecorder(events)  # type: ignore[arg-type]


async def test_an_event_has_all_that_kubectl_sorts_and_shows_by(
    events: Events, recorder: EventRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTNAME", "e2i-operator-1")
    await recorder.record(MODEL, FAILED, NOON)
    (event,) = events.posted.values()
    assert event["apiVersion"] == "v1"
    assert event["involvedObject"]["uid"] == MODEL.uid
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "BuildFailed", "it broke")
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-11-21T12:00:00Z"
    assert event["source"] == {"component": "e2i-operator"}
    assert event["reportingInstance"] == "e2i-operator-1"


async def test_ten_flips_of_ready_are_two_events(events: Events, recorder: EventRecorder) -> None:
    for number in range(10):
        await recorder.record(MODEL, LATE, NOON + seconds(20 * number))
        await recorder.record(MODEL, READY, NOON + seconds(20 * number + 10))
    assert events.counts() == [("Scaling", 10), ("Ready", 10)]
    late, ready = (events.posted[name] for name in sorted(events.posted))
    assert late["firstTimestamp"] == "2026-11-21T12:00:00Z"
    assert (late["lastTimestamp"], ready["lastTimestamp"]) == ("2026-11-21T12:03:00Z", "2026-11-21T12:03:10Z")


@pytest.mark.parametrize(
    "other",
    [
        (a_model(uid="another"), READY),
        (MODEL, Transition(type="Ready", status="True", reason="Ready", message="2 serves", warning=False)),
        (MODEL, FAILED),
    ],
    ids=["another model", "another message", "another reason"],
)
async def test_what_differs_is_an_event_of_its_own(
    events: Events, recorder: EventRecorder, other: tuple[Any, Transition]
) -> None:
    await recorder.record(MODEL, READY, NOON)
    await recorder.record(*other, NOON)
    assert [count for _, count in events.counts()] == [1, 1]


async def test_the_events_of_one_moment_are_named_in_their_order(
    events: Events, recorder: EventRecorder
) -> None:
    for transition in (LATE, FAILED, READY):
        await recorder.record(MODEL, transition, NOON)
    assert [reason for reason, _ in events.counts()] == ["Scaling", "BuildFailed", "Ready"]


async def test_the_name_of_the_longest_model_makes_a_name(events: Events, recorder: EventRecorder) -> None:
    model = a_model(name="a" * 49 + "-" + "b" * 10)
    await recorder.record(model, READY, NOON)
    (name,) = events.posted
    assert name.startswith("a" * 49 + ".")


async def test_an_event_that_the_api_server_removed_is_posted_again(
    events: Events, recorder: EventRecorder
) -> None:
    await recorder.record(MODEL, READY, NOON)
    events.posted.clear()
    await recorder.record(MODEL, READY, NOON + seconds(4000))
    await recorder.record(MODEL, READY, NOON + seconds(4001))
    assert events.counts() == [("Ready", 2)]


@pytest.mark.parametrize("status", [403, 500, 0])
async def test_a_failure_is_logged_and_stops_nothing(
    events: Events, recorder: EventRecorder, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    await recorder.record(MODEL, READY, NOON)
    events.errors = [ApiError(status, "Refused", "no events here")] * 2
    await recorder.record(MODEL, READY, NOON)
    await recorder.record(MODEL, FAILED, NOON)
    assert caplog.text.count("was not posted") == 2
    await recorder.record(MODEL, FAILED, NOON)
    assert events.counts() == [("Ready", 1), ("BuildFailed", 1)]


def another(number: int) -> Transition:
    return Transition(type="Ready", status="False", reason="Scaling", message=f"{number}", warning=False)


async def test_a_model_that_posts_too_many_is_cut_off_until_time_has_passed(
    events: Events, recorder: EventRecorder
) -> None:
    for number in range(BURST + 20):
        await recorder.record(MODEL, another(number), NOON)
    assert len(events.posted) == BURST
    await recorder.record(a_model(uid="another"), READY, NOON)
    assert len(events.posted) == BURST + 1, "another model has a budget of its own"
    await recorder.record(MODEL, READY, NOON + seconds(REFILL - 1))
    assert len(events.posted) == BURST + 1
    await recorder.record(MODEL, READY, NOON + seconds(REFILL))
    await recorder.record(MODEL, FAILED, NOON + seconds(REFILL))
    assert len(events.posted) == BURST + 2


async def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing(
    events: Events, recorder: EventRecorder
) -> None:
    for number in range(BURST - 1):
        await recorder.record(MODEL, another(number), NOON)
    await recorder.record(MODEL, READY, NOON - seconds(3600))
    assert len(events.posted) == BURST
    await recorder.record(MODEL, FAILED, NOON - seconds(3600))
    assert len(events.posted) == BURST


async def test_what_is_remembered_is_bounded(
    events: Events, recorder: EventRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    moment: datetime = NOON
    for number in (1, 2, 3, 2, 1):
        await recorder.record(a_model(uid=f"uid-{number}"), READY, moment)
    assert sorted(count for _, count in events.counts()) == [1, 1, 1, 2], "the first series was forgotten"


async def test_a_namespace_that_is_being_deleted_takes_no_events_and_says_nothing(
    events: Events, recorder: EventRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    ending = "events is forbidden: unable to create new content in namespace m because it is being terminated"
    events.errors = [ApiError(403, "Forbidden", ending), ApiError(403, "Forbidden", "you may not")]
    await recorder.record(MODEL, FAILED, NOON)
    assert caplog.messages == []
    await recorder.record(MODEL, READY, NOON)
    assert caplog.messages == ["event for models/churn was not posted: 403 Forbidden: you may not"]
