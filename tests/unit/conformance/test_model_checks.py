"""When a promise does not hold, its check says so: the checks on a cluster that is played."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import pytest

from e2i.api import naming
from e2i.conformance import model_checks, traffic
from e2i.conformance.errors import CheckFailed
from e2i.conformance.model_checks import Life
from e2i.conformance.room import Room
from e2i.conformance.subject import BAD, NAME, SECOND, Subject

CHECK = {"path": "/predict", "body": "{}"}
ONE, TWO, THREE = "11111111", "22222222", "33333333"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_checks, "STEADY", 0.0)


class Played(Room):
    """A cluster with one model: `serving` after each apply, and the lost requests of each reading of the load."""

    def __init__(self, serving: str, lost: Iterable[int] = (), ready: bool = True) -> None:
        self.kube = cast(Any, self)
        self.namespace, self.patience, self.say = "here", 1.0, lambda line: None
        self.serving, self.lost, self.is_ready = serving, iter(lost), ready
        self.asked: list[str] = []
        self.address = serving
        self.led_to: frozenset[str] = frozenset()
        self.left: list[dict[str, Any]] = []
        self.requests = 0

    async def apply(self, manifest: Any) -> None:
        self.asked.append(manifest["spec"]["env"][-1]["value"])

    async def model(self) -> dict[str, Any]:
        told = {
            "type": "Ready",
            "status": "True" if self.is_ready else "False",
            "reason": "VerificationFailed",
        }
        status = {"servingRelease": self.serving, "desiredRelease": THREE, "conditions": [told]}
        return {"metadata": {"generation": 1}, "status": {**status, "observedGeneration": 1}}

    async def ready(self) -> dict[str, Any]:
        return await self.model()

    async def settled(self, while_waiting: Callable[[], Awaitable[None]] | None = None) -> dict[str, Any]:
        if while_waiting:
            await while_waiting()
        return await self.model()

    async def endpoints(self) -> frozenset[str]:
        return self.led_to

    async def get(self, kind: Any, namespace: str, name: str) -> dict[str, Any] | None:
        if kind.kind == "Service":
            return {"metadata": {"annotations": {naming.SERVING_ANNOTATION: self.address}}}
        return None

    async def list(self, kind: Any, namespace: str, *, labels: str = "") -> tuple[list[dict[str, Any]], str]:
        return [each for each in self.left if each["kind"] == kind.kind], ""

    async def delete(self, *_: object, **__: object) -> None:
        """Delete nothing: what is left, is left."""

    async def log(self, *_: object, **__: object) -> str:
        self.requests += 10
        return json.dumps({"requests": self.requests, "failed": next(self.lost, 0), "last": "timed out"})


def life(room: Played, first: str = ONE) -> Life:
    return Life(room, Subject({"bento": {"tag": "a:1"}}, (), CHECK), first)


async def test_a_second_release_that_takes_over_without_a_loss_passes() -> None:
    room = Played(TWO)
    assert "11111111 -> 22222222: " in await model_checks.second_release(life(room))
    assert room.asked == [SECOND]


async def test_a_lost_request_fails_the_second_release() -> None:
    with pytest.raises(CheckFailed, match="1 lost, the last with: timed out"):
        await model_checks.second_release(life(Played(TWO, [0, 0, 1, 1, 1])))


async def test_a_changed_spec_that_changes_nothing_fails_the_second_release() -> None:
    with pytest.raises(CheckFailed, match="release 11111111 serves as before"):
        await model_checks.second_release(life(Played(ONE)))


async def test_a_bad_release_that_is_refused_passes() -> None:
    room = Played(TWO, ready=False)
    room.led_to = frozenset({naming.release_name(NAME, TWO) + "-abc-x"})
    assert "33333333 refused (VerificationFailed), 22222222 serves" in await model_checks.bad_release(
        life(room)
    )
    assert room.asked == [BAD]


async def test_a_bad_release_whose_pod_is_behind_the_address_fails() -> None:
    room = Played(TWO, ready=False)
    room.led_to = frozenset({naming.release_name(NAME, THREE) + "-abc-x"})
    with pytest.raises(
        CheckFailed, match="the address led to pods of the bad release: conformance-33333333-abc-x"
    ):
        await model_checks.bad_release(life(room))


async def test_a_bad_release_that_becomes_ready_fails() -> None:
    with pytest.raises(CheckFailed, match="33333333 is Ready, although"):
        await model_checks.bad_release(life(Played(THREE)))


async def test_an_address_that_names_another_release_fails() -> None:
    room = Played(TWO, ready=False)
    room.address = THREE
    with pytest.raises(CheckFailed, match="22222222 serves and the address names 33333333, not 22222222"):
        await model_checks.bad_release(life(room))


async def test_an_undo_that_ends_at_another_release_fails() -> None:
    with pytest.raises(CheckFailed, match="the first spec again is release 22222222, not 11111111"):
        await model_checks.undo(life(Played(TWO)))


async def test_what_a_deleted_model_leaves_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_checks, "GONE_WITHIN", 0.0)
    room = Played(ONE)
    room.left = [{"kind": "Service", "metadata": {"name": "conformance"}}]
    with pytest.raises(CheckFailed, match="something is left after 0 s: Service conformance"):
        await model_checks.deleted(life(room))


async def test_a_load_that_says_nothing_new_is_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_checks, "LOAD_WITHIN", 0.0)
    room = Played(TWO)

    async def silent(*_: object, **__: object) -> str:
        return json.dumps({"requests": 5, "failed": 0, "last": ""})

    monkeypatch.setattr(room, "log", silent)
    with pytest.raises(CheckFailed, match="says nothing new"):
        await model_checks.second_release(life(room))
    assert traffic.tally_of(await silent()) == traffic.Tally(5, 0, "")
