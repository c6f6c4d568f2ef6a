"""A release is one trace, from the moment its spec was seen until it serves or was given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from support.scenes import CHECKED, hurried, mode, serve, spoil
from support.world import World

from e2i.controller.core.release_spans import Span, trace_id
from e2i.controller.edge.traces import Traces


class Receiver:
    """Takes the spans of an operator."""

    def __init__(self) -> None:
        self.traces: list[Sequence[Span]] = []
        self.answer = ""

    def send(self, spans: Sequence[Span]) -> str:
        self.traces.append(spans)
        return self.answer

    @property
    def names(self) -> list[list[str]]:
        return [[span.name for span in spans] for spans in self.traces]


@pytest.fixture
async def receiver(world: World) -> Receiver:
    made = Receiver()
    trace_to(world, made)
    return made


def trace_to(world: World, receiver: Receiver) -> None:
    world.clients = replace(world.clients, traces=Traces(receiver.send))
    world.operator._clients = world.clients


async def sent(world: World) -> None:
    await world.clients.traces.close()


async def test_a_release_has_its_steps_one_after_the_other_below_one_root(
    world: World, receiver: Receiver
) -> None:
    release = await serve(world)
    await sent(world)
    ((root, *steps),) = receiver.traces
    assert [span.name for span in steps] == ["export", "build", "rollout", "switch"]
    assert {span.trace_id for span in (root, *steps)} == {trace_id(uid(world), release)}
    assert {span.parent_id for span in steps} == {root.span_id}
    assert steps[0].begin == root.begin
    assert steps[-1].end == root.end
    assert all(one.end == next_one.begin for one, next_one in pairwise(steps))
    assert root.error == ""
    assert root.attributes["e2i.bento.tag"] == "churn:1"


async def test_a_verified_release_has_the_step_of_its_verification(world: World, receiver: Receiver) -> None:
    world.apply(rollout=CHECKED)
    await world.run(passes=90)
    await sent(world)
    assert receiver.names[-1] == ["release", "export", "build", "rollout", "verification", "switch"]


async def test_a_model_at_rest_a_scaling_and_lost_pods_are_no_releases(
    world: World, receiver: Receiver
) -> None:
    await serve(world)
    world.apply(replicas=3)
    await world.run()
    await world.later()
    await world.run()
    await sent(world)
    assert len(receiver.traces) == 1


@pytest.mark.parametrize(
    ("cause", "step"),
    [("BuildFailed", "build"), ("CrashLoop", "rollout"), ("PredictionNotFinite", "verification")],
)
async def test_a_release_that_was_given_up_has_its_error_at_the_step_that_failed(
    world: World, receiver: Receiver, cause: str, step: str
) -> None:
    await serve(world, rollout=hurried(**CHECKED))
    spoil(world, cause)
    world.apply(tag="churn:2", env=mode("bad"), rollout=hurried(**CHECKED))
    await world.run(passes=300)
    await sent(world)
    root, *steps = receiver.traces[-1]
    assert root.error.startswith(cause)
    assert root.attributes["e2i.result"] == "Failed"
    assert [span.name for span in steps if span.error] == [step]
    assert steps[-1].name == step


async def test_another_operator_ends_the_trace_that_the_first_one_began(
    world: World, receiver: Receiver
) -> None:
    world.apply()
    await world.run(passes=3)
    assert world.address() is None
    await world.restart()
    trace_to(world, receiver)
    await world.run()
    await sent(world)
    ((root, *_),) = receiver.traces
    assert root.trace_id == trace_id(uid(world), world.address() or "")
    assert root.end - root.begin >= timedelta(seconds=3)


async def test_a_receiver_that_refuses_or_breaks_fails_no_pass(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = "it is away"
    await serve(world)
    await sent(world)
    assert "a trace was not sent: it is away" in caplog.text
    receiver.traces = None  # type: ignore[assignment]
    await serve(world, name="second")
    await sent(world)
    assert "a trace was not sent" in caplog.text


def uid(world: World) -> str:
    return str(world.all("E2IModel")[0]["metadata"]["uid"])
